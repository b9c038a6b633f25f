"""Fuzzing that looks for new paths through a reader, where atheris is installed.

``python -m Testing.fuzz.coverage_guided FORMAT [SECONDS]``. It ends with the file that did what no
file may in the working folder (``crash-…``), or after SECONDS (600) without one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Let libFuzzer change the valid files of one format."""
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "600"
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris (Linux), or use make fuzz.")
    with atheris.instrument_imports(include=["medai"]):
        from medai.errors import MedAIError
        from Testing.fuzz.formats import FORMATS

    kind = FORMATS[name]
    folder = Path(tempfile.mkdtemp(prefix="medai-fuzz-"))
    (folder / "valid").mkdir()
    (folder / "corpus").mkdir()
    for number, seed in enumerate(kind.seeds(folder / "valid")):
        (folder / "corpus" / str(number)).write_bytes(seed)
    path = folder / kind.name

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            kind.read(path)
        except MedAIError:
            return

    limits = ["-timeout=10", "-rss_limit_mb=4096", f"-max_total_time={seconds}"]
    atheris.Setup([sys.argv[0], str(folder / "corpus"), *limits], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
