"""Which studies are finished: a manifest in each result folder says what belongs there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from medai.output import write_text
from medai.reports.json_text import json_text
from medai.reports.write import TIMING_FILE
from medai.studies.hashes import file_sha256

MANIFEST_FILE = "manifest.json"
_MARK = ".unfinished"


@contextmanager
def with_manifest(folder: Path, request: str) -> Iterator[None]:
    """Write, after results were written into ``folder``, what they are: manifest.json.

    It holds the SHA-256 of every file beside the request that they answer. The timing is left out:
    it is the only thing that differs when the same is run again. Raises OSError when ``folder`` was
    removed in between, which another run does to what it finds unfinished.
    """
    # Writers make a missing folder anew: without this mark a half-emptied one would look whole.
    mark = folder / _MARK
    mark.touch()
    yield
    files = _hashes(folder)
    mark.unlink()
    write_text(folder / MANIFEST_FILE, json_text({"request": request, "files": files}) + "\n")


def state_of(folder: Path, request: str) -> Literal["none", "whole", "damaged", "other"]:
    """What is in ``folder``.

    none: nothing. whole: the results of ``request``, every file as it was written (a user's own
    files beside them are no harm). damaged: the same with a file missing or changed. other:
    anything else.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return "none"
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        if manifest["request"] != request:
            return "other"
        found = _hashes(folder)
        same = all(found.get(name) == sha256 for name, sha256 in manifest["files"].items())
        return "whole" if same and manifest["files"] else "damaged"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "other"


def request_hash(words: object) -> str:
    """A fingerprint of what was asked; from it nobody can tell a patient's name."""
    text = json.dumps(words, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def input_words(path: Path) -> tuple[str, int, int, int]:
    """Where an input lies, its files' number and bytes, and when the newest was changed (ns)."""
    files = [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]
    stats = [file.stat() for file in files]
    newest = max((entry.st_mtime_ns for entry in stats), default=0)
    return str(path), len(stats), sum(entry.st_size for entry in stats), newest


def _hashes(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in (MANIFEST_FILE, TIMING_FILE, _MARK)
    }
