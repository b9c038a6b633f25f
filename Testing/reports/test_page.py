"""The building blocks of reports."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from medai.reports.json_text import json_text
from medai.reports.page import Page, cell_text
from medai.reports.pictures import (
    draw_outline,
    draw_probability,
    gray_picture,
    png_bytes,
    to_size,
)
from medai.reports.tables import csv_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.45678, "0.457"),
        (12.3456, "12.3"),
        (1234.5678, "1235"),
        (-3.25, "−3.25"),
        (0.000123456, "0.000123"),
        (4, "4"),
        (np.float32(2.0), "2"),
        (math.nan, "–"),
        (None, "–"),
        ("a < b", "a &lt; b"),
        (True, "True"),
    ],
)
def test_cells_show_three_digits_and_a_dash_for_nothing(value: object, text: str) -> None:
    assert cell_text(value, 3) == text


def test_everything_on_a_page_is_escaped_and_nothing_is_fetched() -> None:
    page = Page("<script>1</script>", "a & b")
    page.heading("<h>")
    page.sentence("<s>")
    page.table(("<c>", "n"), [("<v>", 1.0)], caption="<k>")
    page.pictures([(png_bytes(np.zeros((2, 2, 3), np.uint8)), '" onload="x')])
    page.legend([("<l>", "#000000")])
    html = page.html()
    for raw in ("<script>", "<h>", "<s>", "<c>", "<v>", "<k>", "<l>", '" onload'):
        assert raw not in html
    assert "http" not in html
    assert html.count("Research use only") == 2


def test_csv_keeps_every_digit_and_defuses_formulas() -> None:
    text = csv_text(
        ("name", "value"), [("=1+1", 0.1 + 0.2), ("a,b", math.nan), ("plain", None), ("-", 7)]
    )
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[1:] == [["'=1+1", "0.30000000000000004"], ["a,b", ""], ["plain", ""], ["'-", "7"]]
    assert float(rows[1][1]) == 0.1 + 0.2


def test_json_has_no_nan_and_keeps_every_digit() -> None:
    data = {"a": np.float64(0.1) + 0.2, "b": math.nan, "c": np.arange(3), "d": (1, math.inf)}
    assert json.loads(json_text(data)) == {
        "a": 0.30000000000000004,
        "b": None,
        "c": [0, 1, 2],
        "d": [1, None],
    }


def test_pictures_have_square_pixels_and_masks_fall_on_them() -> None:
    grey = np.zeros((20, 30), np.uint8)
    mask = np.zeros((20, 30), bool)
    mask[5:15, 10:20] = True
    rgb, size = gray_picture(grey, (2.0, 1.0), least_px=120)
    assert rgb.shape[:2] == size == (120, 90)
    draw_outline(rgb, to_size(mask, size), (1.0, 0.0, 0.0), width_px=2)
    rows, columns = np.nonzero(rgb[..., 0] == 255)
    assert (rows.min(), rows.max() + 1) == (30, 90)
    assert (columns.min(), columns.max() + 1) == (30, 60)
    assert not rgb[60, 45].any()


def test_probability_is_painted_only_where_there_is_some_and_hotter_is_brighter() -> None:
    rgb = np.full((1, 3, 3), 100, np.uint8)
    draw_probability(rgb, np.array([[0.0, 0.3, 0.9]]), opacity=1.0)
    assert rgb[0, 0].tolist() == [100, 100, 100]
    assert rgb[0, 2].sum() > rgb[0, 1].sum()


def test_pngs_hold_the_pixels_and_no_metadata() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    image = Image.open(io.BytesIO(png_bytes(rgb)))
    np.testing.assert_array_equal(np.asarray(image), rgb)
    assert image.info == {}
