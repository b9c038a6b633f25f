"""The one palette: the same thing has the same colour in views, plots and reports.

Colours after Okabe and Ito (2008), chosen so that people with any colour-vision deficiency can
tell them apart. RGB in 0..1.
"""

from __future__ import annotations

from types import MappingProxyType

Rgb = tuple[float, float, float]

BLACK: Rgb = (0.0, 0.0, 0.0)
ORANGE: Rgb = (0.902, 0.624, 0.0)
SKY_BLUE: Rgb = (0.337, 0.706, 0.914)
BLUISH_GREEN: Rgb = (0.0, 0.620, 0.451)
YELLOW: Rgb = (0.941, 0.894, 0.259)
BLUE: Rgb = (0.0, 0.447, 0.698)
VERMILLION: Rgb = (0.835, 0.369, 0.0)
REDDISH_PURPLE: Rgb = (0.800, 0.475, 0.655)

CLASS_COLORS = MappingProxyType(
    {
        "lesion": VERMILLION,
        "ground-glass opacity": ORANGE,
        "consolidation": REDDISH_PURPLE,
        "right lung": SKY_BLUE,
        "left lung": BLUE,
        "lens": SKY_BLUE,
        "cataract": VERMILLION,
        "region of interest": YELLOW,
        "consensus": BLACK,
    }
)

# Order in which raters get their colours; the list repeats after the last one.
RATER_COLORS: tuple[Rgb, ...] = (
    BLUE,
    ORANGE,
    BLUISH_GREEN,
    REDDISH_PURPLE,
    SKY_BLUE,
    VERMILLION,
    YELLOW,
)


def rater_color(index: int) -> Rgb:
    """The colour of the rater with this zero-based index."""
    return RATER_COLORS[index % len(RATER_COLORS)]


def hex_color(rgb: Rgb) -> str:
    """``#rrggbb`` for HTML and plots."""
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)
