"""Text that was burnt into a picture's borders, as scanners and viewers do with names and dates.

Letters are looked for as the eye would: small shapes of one height side by side on one line, that
stand out from what lies between them. A hint for a person to look, not a proof either way: small,
faint or hand-written text is missed, and a row of teeth may be taken for letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.images.volume import Volume

# Text stands in the outer parts: this share of the height at top and bottom, of the width at sides.
_BORDER = 0.2
# A letter's height: at least this many pixels, at most this share of the picture.
_LEAST_HEIGHT, _MOST_HEIGHT = 6, 0.08
# Letters on one line, of like height, and how far one may lie from the next in letter heights.
_LEAST_LETTERS = 5
_HEIGHT_RATIO = 1.5
_GAP = 1.2
_OFF_LINE = 0.2
# A letter is not much wider than high, and fills at least this much of its box: less is noise.
_MOST_WIDTH = 1.6
_LEAST_FILL = 0.15
# Strokes are at most this share of the picture wide; what is wider is anatomy.
_MOST_STROKE = 0.015
# By how much (of 255) letters stand out from what lies between them.
_LEAST_CONTRAST = 60


def has_burnt_in_text(volume: Volume) -> bool:
    """Whether something like a line of letters lies in the borders of a picture or middle slice."""
    gray = _gray(volume.array[len(volume.array) // 2])
    size = max(_LEAST_HEIGHT, round(_MOST_STROKE * min(gray.shape))) | 1
    bright = gray - ndimage.grey_opening(gray, size)
    dark = ndimage.grey_closing(gray, size) - gray
    return any(_longest_line(_letters(strokes)) >= _LEAST_LETTERS for strokes in (bright, dark))


@dataclass(frozen=True)
class _Letter:
    """A shape's box in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def is_followed_by(self, other: _Letter) -> bool:
        """Whether ``other`` may be the next letter of the line."""
        low, high = sorted((self.height, other.height))
        gap = other.left - self.right
        on_line = abs(self.bottom - other.bottom) <= _OFF_LINE * high
        return on_line and high <= _HEIGHT_RATIO * low and -0.2 * high <= gap <= _GAP * high


def _gray(pixels: NDArray) -> NDArray[np.float32]:
    values = pixels.astype(np.float32)
    if values.ndim == 3:
        values = values.mean(axis=2)
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) * (255 / max(high - low, 1e-6)), np.float32)


def _letters(strokes: NDArray[np.float32]) -> list[_Letter]:
    """The letter-like shapes in the borders, from left to right."""
    rows, columns = strokes.shape
    labels, _ = ndimage.label(strokes >= _LEAST_CONTRAST, np.ones((3, 3)))
    found = []
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        letter = _Letter(box[0].start, box[0].stop, box[1].start, box[1].stop)
        width = letter.right - letter.left
        if not _LEAST_HEIGHT <= letter.height <= max(_MOST_HEIGHT * rows, 2 * _LEAST_HEIGHT):
            continue
        if width > _MOST_WIDTH * letter.height:
            continue
        if (labels[box] == index).mean() < _LEAST_FILL:
            continue
        row, column = (letter.top + letter.bottom) / 2 / rows, (letter.left + letter.right) / 2
        inside = _BORDER < row < 1 - _BORDER and _BORDER < column / columns < 1 - _BORDER
        if not inside:
            found.append(letter)
    return sorted(found, key=lambda letter: letter.left)


def _longest_line(letters: list[_Letter]) -> int:
    """How many letters the longest line has."""
    longest: list[int] = []
    for index, letter in enumerate(letters):
        before = (longest[k] for k in range(index) if letters[k].is_followed_by(letter))
        longest.append(1 + max(before, default=0))
    return max(longest, default=0)
