"""Ten raters are told apart, by people of any color vision, on any background."""

from itertools import combinations

import numpy as np

from medai.agreement import ImageRatings
from medai.images import Volume
from medai.palette import LINE_STYLES, RaterLine, rater_line
from medai.reports.agreement_examples import Example, example_pictures
from medai.reports.page import Page
from medai.reports.pictures import draw_lines

# Machado, Oliveira and Fernandes (2009), severity 1, in linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Where two colors are told apart side by side (CIE 1976) it is about 2; thin lines need more.
LEAST_DIFFERENCE = 15.0


def lab(rgb: np.ndarray, vision: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(vision @ linear, 0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ seen / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_lines_of_ten_raters_are_told_apart_with_any_color_vision() -> None:
    lines = [rater_line(index) for index in range(10)]
    assert len({line.color for line in lines}) == 10
    for first, second in combinations(lines, 2):
        for vision in VISIONS.values():
            difference = np.linalg.norm(
                lab(np.array(first.color), vision) - lab(np.array(second.color), vision)
            )
            assert difference > LEAST_DIFFERENCE or first.style != second.style


def test_twenty_one_raters_have_lines_of_their_own() -> None:
    assert len({rater_line(index) for index in range(21)}) == 21


def drawn_share(style: int) -> float:
    rows, columns = np.mgrid[:200, :200]
    disk = (rows - 100) ** 2 + (columns - 100) ** 2 < 80**2
    rgb = np.full((200, 200, 3), 120, np.uint8)
    draw_lines(rgb, [(disk, RaterLine((1.0, 0.0, 0.0), LINE_STYLES[style]))])
    around = 2 * np.pi * 79 * 2
    return float((rgb == (255, 0, 0)).all(axis=2).sum()) / around


def test_dashes_and_dots_leave_out_what_they_say() -> None:
    solid = drawn_share(0)
    assert 0.85 < solid < 1.3
    assert abs(drawn_share(1) / solid - 10 / 16) < 0.05
    assert abs(drawn_share(2) / solid - 3 / 8) < 0.05


def test_no_line_covers_another_ones_color_with_its_edge() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    inner = np.zeros((40, 40), bool)
    inner[13:27, 13:27] = True
    alone = np.full((40, 40, 3), 120, np.uint8)
    draw_lines(alone, [(mask, rater_line(0))])
    both = np.full((40, 40, 3), 120, np.uint8)
    draw_lines(both, [(mask, rater_line(0)), (inner, rater_line(1))])
    color = alone[10, 15]
    outer = (alone == color).all(axis=2)
    assert (both[outer] == color).all()


def test_the_image_lies_under_outlines_and_consensus() -> None:
    pixels = np.tile(np.arange(120, dtype=np.uint8), (120, 1))
    masks = np.zeros((2, 1, 120, 120), np.uint8)
    masks[:, 0, 20:100, 20:100] = 1
    ratings = ImageRatings("case", masks, ("AB", "CD"))
    picture = Volume(pixels[None], np.diag([-1.0, -1.0, 1.0, 1.0]), "", "case")
    lines = {"AB": rater_line(0), "CD": rater_line(1)}
    shown = example_pictures(Example(ratings, picture, "x"), lines)
    bare = example_pictures(Example(ratings, None, "x"), lines)
    for (png, _), (without, _) in zip(shown[:2], bare[:2], strict=True):
        seen, plain = decoded(png), decoded(without)
        inside = seen[150:210, 120:240, 0]
        # The picture's ramp runs from column to column, one brightness per three of them.
        assert np.ptp(inside.mean(axis=0)) > 30
        assert np.ptp(plain[150:210, 120:240, 0]) == 0
        # White lines would be lost on a pale ground.
        assert plain[150, 150].max() < 130


def decoded(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_legend_shows_lines_as_they_are_drawn() -> None:
    page = Page("T", "S")
    page.line_legend([("<AB>", "#0072b2", "solid"), ("HI", "#9019f2", "dashed")])
    html = page.html()
    assert "border-top:4px dashed #9019f2" in html
    assert "&lt;AB&gt;" in html
