"""Files below a folder that others may write to: a link there is never followed.

Whoever may write into a shared study could put a link in the place of a file or folder, and have
everybody's program read what it leads to, or write there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from medai.errors import InputError


def open_unlinked(path: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError when it is a link, where the system can tell."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags), "rb")


def require_unlinked(path: Path, root: Path) -> Path:
    """``path``, unless a part of it below ``root`` is a link or a Windows junction.

    Parts that don't exist are no links. Raises InputError.
    """
    for place in (path, *path.parents):
        if place == root or root not in (place, *place.parents):
            break
        if place.is_symlink() or _is_junction(place):
            raise InputError(
                f"{place.relative_to(root)} in {root.name} is a link, expected a file or folder "
                "of its own: links there are not followed."
            )
    return path


def _is_junction(path: Path) -> bool:
    try:
        # A reparse point that names another place; the attribute exists on Windows only.
        return bool(getattr(path.lstat(), "st_reparse_tag", 0) == _MOUNT_POINT)
    except OSError:
        return False


_MOUNT_POINT = 0xA0000003
