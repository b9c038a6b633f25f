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
    shown = "".join(" " if _is_unshown(character) else character for character in text)
    return " ".join(shown.split())


def plain_lines(text: str) -> str:
    """``text`` line by line, as ``one_line`` makes each."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def _is_unshown(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in _UNSHOWN
