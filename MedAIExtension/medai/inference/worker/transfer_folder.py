"""The private folder of a worker: in memory where that has room, swept when its owner has died."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

# A container's shared memory may be too small for a study.
_LEAST_SHARED_BYTES = 4 * 2**30
_PREFIX = "medai-worker-"
_OWNER_FILE = "owner"
# A younger folder may be one that another process is just making.
_LEAST_AGE_SECONDS = 60.0
# Locks of this process' own folders; the system lets go of them when it ends, however it does.
_held: dict[Path, IO[bytes]] = {}


def new_transfer_folder() -> Path:
    """A new private folder, in memory where that has room; those of dead owners are removed."""
    shared = Path("/dev/shm")  # noqa: S108 (only a new folder of mode 0700 is used there)
    for parent in (shared, Path(tempfile.gettempdir())):
        _sweep(parent)
    try:
        if shared.is_dir() and shutil.disk_usage(shared).free >= _LEAST_SHARED_BYTES:
            return _owned(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=shared)))
    except OSError:
        pass
    return _owned(Path(tempfile.mkdtemp(prefix=_PREFIX)))


def keep_transfer_folder(folder: Path) -> None:
    """Make the folder again if it is gone. Raises OSError when something else took its place."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        release_transfer_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or not _is_ours(found):
        raise NotADirectoryError(None, "another user's folder took its place", str(folder))
    if folder not in _held:
        _owned(folder)


def remove_transfer_folder(folder: Path) -> None:
    """Remove the folder and all in it."""
    release_transfer_folder(folder)
    shutil.rmtree(folder, ignore_errors=True)


def release_transfer_folder(folder: Path) -> None:
    """Let go of the folder's lock."""
    stream = _held.pop(folder, None)
    if stream is not None:
        stream.close()


def _owned(folder: Path) -> Path:
    stream = (folder / _OWNER_FILE).open("ab")
    if _lock(stream):
        _held[folder] = stream
    return folder


def _sweep(parent: Path) -> None:
    """Remove the folders of owners that were killed."""
    with suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if folder not in _held and _is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    found = folder.lstat()
    old = time.time() - found.st_mtime > _LEAST_AGE_SECONDS
    if not (stat.S_ISDIR(found.st_mode) and _is_ours(found) and old):
        return False
    with (folder / _OWNER_FILE).open("ab") as stream:
        return _lock(stream)


def _is_ours(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.getuid()


def _lock(stream: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
