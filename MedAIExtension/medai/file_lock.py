"""A lock on a file that the system lets go of when the process ends, however it does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def hold_lock(path: Path, *, remove: bool = False) -> Iterator[None]:
    """Hold the lock of ``path``, which is made if need be.

    remove: delete the file at the end. Raises BlockingIOError when another process (or another
    part of this one) holds it, OSError when the file can't be made.
    """
    while True:
        with path.open("ab") as stream:
            try:
                _lock(stream)
            except OSError as error:
                raise BlockingIOError(f"{path} is locked.") from error
            # Who held it before may have removed it meanwhile: then another may lock a new one.
            if not _is_still(path, stream):
                continue
            try:
                yield
            finally:
                if remove and sys.platform != "win32":
                    path.unlink(missing_ok=True)
        if remove and sys.platform == "win32":
            # An open file can't be removed there; one that somebody locked stays.
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return


def _is_still(path: Path, stream: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def _lock(stream: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
