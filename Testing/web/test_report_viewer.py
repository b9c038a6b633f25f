"""The viewer in a report, opened from disk in Chromium: slices, outlines, windows, rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from medai import reports
from medai.inference import LesionOptions, LesionResult
from medai.palette import class_color
from medai.reports.slice_viewer import ViewedStudy, viewer_html
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture
def result(tmp_path: Path) -> LesionResult:
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})
    options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
    phantom = small_phantom()
    return truth_result(phantom, store.card("light"), options, phantom.volume)


@pytest.fixture
def page(browser: Browser, result: LesionResult, tmp_path: Path) -> Iterator[Page]:
    out = reports.write(result, tmp_path / "out")
    context = browser.new_context(viewport={"width": 1000, "height": 1400}, offline=True)
    opened = context.new_page()
    opened.on("pageerror", lambda error: pytest.fail(f"The page broke: {error}"))
    opened.goto((out / "report.html").as_uri())
    opened.wait_for_selector("#viewer[data-slice]")
    yield opened
    context.close()


def colored(page: Page, color: tuple[float, float, float]) -> int:
    """How many pixels of the canvas have exactly that color."""
    wanted = [round(255 * part) for part in color]
    return int(
        page.evaluate(
            """(wanted) => {
              const canvas = document.querySelector("#viewer canvas");
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              let count = 0;
              for (let k = 0; k < data.length; k += 4) {
                count += wanted.every((part, place) => data[k + place] === part);
              }
              return count;
            }""",
            wanted,
        )
    )


def slice_of(page: Page) -> int:
    return int(page.get_attribute("#viewer", "data-slice") or -1)


def test_it_begins_where_most_lesion_is_and_scrolls(page: Page, result: LesionResult) -> None:
    by_slice = np.count_nonzero(result.lesions, axis=(1, 2))
    assert slice_of(page) == int(by_slice.argmax())
    page.focus("#viewer canvas")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(f"#viewer[data-slice='{int(by_slice.argmax()) + 1}']")
    page.fill("#viewer input[type=range]", "1")
    page.wait_for_selector("#viewer[data-slice='0']")
    assert "Slice 1 of" in page.inner_text("#viewer output")


def test_outlines_are_switched_one_by_one(page: Page) -> None:
    color = class_color("lesion")
    assert colored(page, color) > 20
    page.uncheck("#viewer label:has-text('lesion') input")
    assert colored(page, color) == 0
    assert colored(page, class_color("right lung")) > 20


def test_a_row_leads_to_its_lesion(page: Page, result: LesionResult) -> None:
    last = min(len(result.findings), 20) - 1
    page.click(f"tr[data-slice] >> nth={last}")
    center = np.array([*result.findings[last].center_ras, 1.0])
    index = round((np.linalg.inv(result.volume.ijk_to_ras) @ center)[2])
    page.wait_for_selector(f"#viewer[data-slice='{index}']")
    assert result.lesions[index].any()
    assert colored(page, class_color("lesion")) > 0


def test_windows_change_the_grays(page: Page) -> None:
    mean = """() => {
      const canvas = document.querySelector("#viewer canvas");
      const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      return data.reduce((sum, value) => sum + value, 0) / data.length;
    }"""
    before = page.evaluate(mean)
    page.select_option("#viewer select", label="Soft tissue")
    assert page.evaluate(mean) < before - 10


def test_a_large_study_stays_below_fifteen_megabytes() -> None:
    """Noise compresses worst: 300 slices of it at full size must still fit."""
    noise = np.random.default_rng(0).integers(-1000, 400, (300, 448, 448)).astype(np.int16)
    study = ViewedStudy(noise, (1.0, 0.7, 0.7), list(range(300)), [], 0)
    assert len(viewer_html(study)) < 15e6
