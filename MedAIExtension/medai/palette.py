"""The one palette: the same thing has the same colour in views, plots and reports.

Colours after Okabe and Ito (2008), chosen so that people with any colour-vision deficiency can
tell them apart. RGB in 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[float, float, float]

BLACK: Rgb = (0.0, 0.0, 0.0)
WHITE: Rgb = (1.0, 1.0, 1.0)
ORANGE: Rgb = (0.902, 0.624, 0.0)
SKY_BLUE: Rgb = (0.337, 0.706, 0.914)
BLUISH_GREEN: Rgb = (0.0, 0.620, 0.451)
YELLOW: Rgb = (0.941, 0.894, 0.259)
BLUE: Rgb = (0.0, 0.447, 0.698)
VERMILLION: Rgb = (0.835, 0.369, 0.0)
REDDISH_PURPLE: Rgb = (0.800, 0.475, 0.655)
# Farthest from the others for people of any color vision (CIELAB, after Machado et al. 2009).
VIOLET: Rgb = (0.564, 0.100, 0.950)
PALE_GREEN: Rgb = (0.640, 0.795, 0.486)
CRIMSON: Rgb = (0.873, 0.100, 0.255)

CLASS_COLORS = MappingProxyType(
    {
        "lesion": VERMILLION,
        "ground-glass opacity": ORANGE,
        "consolidation": REDDISH_PURPLE,
        "lung": SKY_BLUE,
        "right lung": SKY_BLUE,
        "left lung": BLUE,
        "lens": SKY_BLUE,
        "cataract": VERMILLION,
        "region of interest": YELLOW,
        "consensus": WHITE,
    }
)


def class_color(name: str) -> Rgb:
    """The color of a class, RGB in 0..1; of one that has none of its own, that of a lesion."""
    return CLASS_COLORS.get(name, VERMILLION)


# Order in which raters get their colours; the list repeats after the last one.
RATER_COLORS: tuple[Rgb, ...] = (
    BLUE,
    ORANGE,
    BLUISH_GREEN,
    REDDISH_PURPLE,
    SKY_BLUE,
    VERMILLION,
    YELLOW,
    VIOLET,
    PALE_GREEN,
    CRIMSON,
)
# As many raters have a solid line as colors are told apart without one.
_RATERS_A_STYLE = 7


def rater_color(index: int) -> Rgb:
    """The colour of the rater with this zero-based index."""
    return RATER_COLORS[index % len(RATER_COLORS)]


@dataclass(frozen=True)
class LineStyle:
    """How a line is broken up: pixels drawn, pixels left out; a gap of 0 is a solid line."""

    name: str
    dash_px: int
    gap_px: int


LINE_STYLES = (LineStyle("solid", 1, 0), LineStyle("dashed", 10, 6), LineStyle("dotted", 3, 5))


@dataclass(frozen=True)
class RaterLine:
    """The line that a rater's outline is drawn with."""

    color: Rgb
    style: LineStyle


def rater_line(index: int) -> RaterLine:
    """The line of the rater with this zero-based index; the first 21 raters' lines all differ.

    The first seven are solid, the next seven dashed, the next dotted.
    """
    style = LINE_STYLES[index // _RATERS_A_STYLE % len(LINE_STYLES)]
    return RaterLine(rater_color(index), style)


def hex_color(rgb: Rgb) -> str:
    """``#rrggbb`` for HTML and plots."""
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)


# Dark to bright along one path of rising lightness, so it also reads in grey.
_PROBABILITY_ANCHORS = np.array(
    [
        [0.05, 0.03, 0.20],
        [0.33, 0.06, 0.43],
        [0.64, 0.16, 0.39],
        [0.90, 0.36, 0.19],
        [0.98, 0.65, 0.10],
        [0.99, 0.95, 0.55],
    ]
)


def probability_colors(steps: int = 256) -> NDArray[np.float64]:
    """The colour map for probabilities 0..1, hot = high: (steps, 3) RGB in 0..1."""
    positions = np.linspace(0.0, 1.0, len(_PROBABILITY_ANCHORS))
    wanted = np.linspace(0.0, 1.0, steps)
    return np.stack(
        [np.interp(wanted, positions, channel) for channel in _PROBABILITY_ANCHORS.T], axis=1
    )
