"""Names of raters and images that are safe as folder names on every system a study may visit."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from medai.errors import StudyError
from medai.plain_text import one_line

MAX_NAME_LENGTH = 60

_FORBIDDEN = re.compile(r'[<>:"/\\|?*%\x00-\x1f\x7f-\x9f\u2028\u2029]')
_EDGES = re.compile(r"^[\s.=+@-]+|[\s.]+$")
# Windows takes these for devices, with any suffix, with spaces before it, and with raised digits.
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE
)
# Characters that turn the order of a line round, or can't be seen.
_DIRECTION = re.compile(r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_FORMULA = ("=", "+", "-", "@")
_IMAGE_SUFFIXES = (
    *(".seg.nrrd", ".nii.gz", ".nrrd", ".nhdr", ".nii", ".mha", ".mhd", ".dcm"),
    *(".png", ".jpeg", ".jpg", ".tiff", ".tif", ".bmp"),
)


def require_name(name: str, what: str) -> str:
    """``name`` in Unicode normal form C, or StudyError that says why it can't name a ``what``.

    Letters of any script, digits, spaces and most punctuation are allowed; what some file system
    refuses or changes is not (path separators, a trailing dot, CON, more than 60 characters).
    """
    normal = unicodedata.normalize("NFC", name)
    if not normal.strip():
        raise StudyError(f"The name of a {what} is empty: expected at least one character.")
    shown = normal if len(normal) <= MAX_NAME_LENGTH else normal[:MAX_NAME_LENGTH] + "…"
    if len(normal.encode()) > 2 * MAX_NAME_LENGTH or len(normal) > MAX_NAME_LENGTH:
        raise StudyError(
            f"The {what} name {shown!r} has {len(normal)} characters: "
            f"expected at most {MAX_NAME_LENGTH}."
        )
    found = _FORBIDDEN.search(normal)
    if found:
        raise StudyError(
            f"The {what} name {shown!r} holds {found.group()!r}, which file systems don't allow: "
            "use letters, digits, spaces, '-', '_' or '.'."
        )
    turned = _DIRECTION.search(normal)
    if turned:
        raise StudyError(
            f"The {what} name {one_line(shown)!r} holds the invisible character "
            f"U+{ord(turned.group()):04X}: names look like what they are."
        )
    if normal != normal.strip() or normal.startswith(".") or normal.endswith("."):
        raise StudyError(f"The {what} name {shown!r} starts or ends with a space or a dot.")
    if normal.startswith(_FORMULA):
        raise StudyError(
            f"The {what} name {shown!r} starts with {normal[0]!r}: spreadsheets would run it as a "
            "formula."
        )
    if _RESERVED.fullmatch(normal):
        raise StudyError(f"The {what} name {shown!r} is reserved by Windows: choose another.")
    return normal


def require_distinct(names: Iterable[str], what: str) -> None:
    """Raise StudyError when two names are the same to a file system that ignores case."""
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise StudyError(
                f"Two {what}s share the name {name!r}"
                + (f" (the other is {seen[key]!r})" if seen[key] != name else "")
                + ": every one needs its own."
            )
        seen[key] = name


def image_name(path: Path) -> str:
    """The name a study gives the image at ``path``: its file name without suffix, made safe."""
    stem = path.name
    for suffix in _IMAGE_SUFFIXES:
        if stem.lower().endswith(suffix) and len(stem) > len(suffix):
            stem = stem[: -len(suffix)]
            break
    return safe_name(stem)


def safe_name(text: str) -> str:
    """``text`` as the name of an image: what a file system forbids becomes ``_``, the rest stays.

    Text that is too long is cut and ends in eight digits of its hash, so that two long names that
    start alike stay apart.
    """
    # A file name that isn't valid text arrives with surrogates, which no UTF-8 file can hold.
    stem = text.encode("utf-8", "replace").decode()
    name = _DIRECTION.sub("_", _FORBIDDEN.sub("_", unicodedata.normalize("NFC", stem)))
    name = _EDGES.sub("", name)
    if not name or _RESERVED.fullmatch(name):
        name = f"image {name}".strip()
    if len(name) > MAX_NAME_LENGTH or len(name.encode()) > 2 * MAX_NAME_LENGTH:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = _cut(name, MAX_NAME_LENGTH - 9) + "-" + digest
    return name


def _cut(name: str, length: int) -> str:
    short = name[:length]
    while len(short.encode()) > 2 * MAX_NAME_LENGTH - 9:
        short = short[:-1]
    return _EDGES.sub("", short)
