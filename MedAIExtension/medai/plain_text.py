"""Text from outside, safe to show: one line without control, direction or invisible characters.

A file name, a card or a remark may hold characters that move a terminal's cursor, turn the order
of a line round, or fake a second line.
"""

from __future__ import annotations

import unicodedata

# Controls, direction and other format characters, lone surrogates, line and paragraph separators.
_UNSHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Some scripts can't be written without these two joiners.
_JOINERS = "\u200c\u200d"


def one_line(text: str) -> str:
    """``text`` as one line; what can't be seen becomes a space, a run of spaces one."""
    return " ".join(_visible(text).split())


def plain_lines(text: str, *, indented: bool = False) -> str:
    """``text`` line by line, without what can't be seen; ``indented`` keeps runs of spaces."""
    if indented:
        return "\n".join(map(_visible, text.split("\n")))
    return "\n".join(map(one_line, text.split("\n")))


def _visible(text: str) -> str:
    return "".join(" " if _is_unshown(character) else character for character in text)


def _is_unshown(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in _UNSHOWN
