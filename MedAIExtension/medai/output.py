"""Atomic writing: a result is there whole or not at all, and nothing is overwritten unasked."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from medai.errors import OutputError
from medai.file_lock import hold_lock

_WRITING = ".writing-"
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "the folder is not writable",
    errno.EPERM: "the folder is not writable",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the path is too long",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.EEXIST: "part of the path is a file, not a folder",
}


def output_error(path: Path | str, error: OSError) -> OutputError:
    """The OutputError that says in one line why ``path`` can't be written."""
    reason = _REASONS.get(error.errno or 0, error.strerror or type(error).__name__)
    return OutputError(f"Can't write {path}: {reason}.")


@contextmanager
def as_output_error(path: Path | str) -> Iterator[None]:
    """Turn any OSError in the block into the OutputError about ``path``."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


# What a drive answers that can't sync a folder at all (SMB, shares of WSL and virtual machines).
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path in ``path``'s folder; on success it is synced and renamed to ``path``.

    The temporary name keeps every suffix of ``path``, so writers that go by the suffix work.
    Raises OutputError when ``path`` exists and ``overwrite`` is false, or the write fails.
    """
    path = Path(path)
    suffix = "".join(path.suffixes[-2:])
    try:
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists already: choose another name or allow overwriting.")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=suffix, prefix=_WRITING, dir=path.parent)
        os.close(handle)
        # mkstemp lets nobody else read the file, but results lie in folders that people share.
        Path(name).chmod(0o666 & ~_umask())
    except OSError as error:
        raise output_error(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        sync_file(temporary)
        if overwrite:
            temporary.replace(path)
        else:
            _rename_new(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        # What can't be removed is a leftover; it must not hide how the write itself ended.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it takes ``path``'s place whole.

    An existing non-empty ``path`` is an OutputError unless ``overwrite``; then, once everything
    new is complete, new files replace those of the same name, and any other file in the folder
    stays: it may be the user's own. On any error the old files stay and nothing half-written is
    left. A lock keeps a second run from writing into the same folder at the same time; what killed
    runs left beside it is removed.
    """
    path = Path(path)
    _require_free(path, overwrite)
    created = _missing_parents(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_writer(path) as mark:
            # Another run may have finished meanwhile.
            _require_free(path, overwrite)
            temporary = Path(tempfile.mkdtemp(prefix=f"{mark}-", dir=path.parent))
            try:
                yield temporary
                for file in temporary.rglob("*"):
                    if file.is_file():
                        sync_file(file)
                temporary.chmod(0o777 & ~_umask())
                _take_place(temporary, path)
                sync_folder(path.parent)
            except OutputError as error:
                # The temporary folder's name would mean nothing to the user.
                raise OutputError(str(error).replace(str(temporary), str(path))) from error
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if not path.exists():
            _remove_empty(created)


def _require_free(path: Path, overwrite: bool) -> None:
    try:
        is_file = path.is_file()
        occupied = path.is_dir() and any(path.iterdir())
    except OSError as error:
        raise output_error(path, error) from error
    if is_file:
        raise OutputError(f"Can't write results into {path}: it is a file, expected a folder.")
    if occupied and not overwrite:
        raise OutputError(
            f"{path} already holds files: choose another folder or allow overwriting (--overwrite)."
        )


@contextmanager
def _only_writer(path: Path) -> Iterator[str]:
    """Hold the lock of the folder ``path`` and yield how its temporary folders' names begin.

    What dead processes left beside it is removed: nobody holds the lock it belongs to. Raises
    OutputError when another run holds the lock.
    """
    mark = _WRITING + hashlib.sha256(path.name.encode()).hexdigest()[:8]
    with ExitStack() as held:
        try:
            held.enter_context(hold_lock(path.parent / f"{mark}.lock", remove=True))
        except BlockingIOError:
            raise OutputError(
                f"Another run is writing into {path}: wait for it, or choose another folder."
            ) from None
        for left in path.parent.glob(f"{_WRITING}????????-*"):
            owner = left.name[: len(mark)]
            if owner == mark:
                shutil.rmtree(left, ignore_errors=True)
                continue
            with suppress(BlockingIOError), hold_lock(path.parent / f"{owner}.lock", remove=True):
                shutil.rmtree(left, ignore_errors=True)
        yield mark


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sync_file(path: Path) -> None:
    """Force a file's content to the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> bool:
    """Force a folder's entries to the disk; whether the platform and the drive can.

    Windows can't, nor can many network drives and shares of virtual machines. Raises OSError when
    a drive that can fails.
    """
    if os.name == "nt":
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def _rename_new(source: Path, target: Path) -> None:
    # A hard link fails when the target exists, so two writers can't both win; not every network
    # drive has hard links.
    try:
        os.link(source, target)
    except FileExistsError:
        if _is_same_file(source, target):
            return  # A network drive sent the request twice: the first had done it.
        raise OutputError(f"{target} exists already: another program wrote it just now.") from None
    except OSError:
        if target.exists():
            raise OutputError(f"{target} exists already.") from None
        source.rename(target)


def _is_same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


def _take_place(temporary: Path, path: Path) -> None:
    if not path.exists():
        temporary.rename(path)
        return
    for source in sorted(temporary.rglob("*")):
        target = path / source.relative_to(temporary)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            source.replace(target)


def _missing_parents(folder: Path) -> list[Path]:
    return [parent for parent in (folder, *folder.parents) if not parent.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


@cache
def _umask() -> int:
    # Asking sets it for a moment, which other threads would see: ask once.
    mask = os.umask(0)
    os.umask(mask)
    return mask
