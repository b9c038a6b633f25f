"""Which studies are finished: a manifest in each result folder says what belongs there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from medai.output import write_text
from medai.reports.json_text import json_text
from medai.reports.write import TIMING_FILE
from medai.studies.hashes import file_sha256

MANIFEST_FILE = "manifest.json"


def write_manifest(folder: Path, request: str) -> None:
    """Write the SHA-256 of every file in ``folder`` beside the request that they answer.

    The timing is left out: it is the only thing that differs when the same is run again.
    """
    manifest = {"request": request, "files": _hashes(folder)}
    write_text(folder / MANIFEST_FILE, json_text(manifest) + "\n")


def state_of(folder: Path, request: str) -> Literal["none", "whole", "damaged", "other"]:
    """What is in ``folder``.

    none: nothing. whole: the results of ``request``, every file as it was written. damaged: results
    of ``request`` with a file missing, changed or added. other: anything else.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return "none"
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        if manifest["request"] != request:
            return "other"
        return "whole" if manifest["files"] == _hashes(folder) else "damaged"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
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
        if file.is_file() and file.name not in (MANIFEST_FILE, TIMING_FILE)
    }
