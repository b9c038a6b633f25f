"""A rater's evening in real Chromium: what is drawn, lost connections, two windows, keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from medai.images import read_volume, to_axial
from medai.images.orientation import on_axial_grid
from medai.studies import rater_status, read_mask, worklist
from medai.studies.record import Record
from medai.web.invitations import OWNER, Invitations
from Testing.served_study import Server

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture
def device(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(60_000)
    yield context
    context.close()


def entered(device: BrowserContext, server: Server, rater: str = "AB") -> Page:
    page = device.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"The page broke: {error}"))
    page.goto(server.link(rater))
    page.wait_for_selector("#sentence")
    # The token left the address at once.
    assert page.url == server.url
    return page


def opened(page: Page) -> Page:
    page.click("button.primary")
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_selector("canvas:not([hidden])")
    page.wait_for_selector(".panel h2")
    page.wait_for_load_state("networkidle")


class Picture:
    """Where the image lies in the canvas, by the rule that it is fitted with 4 % to spare."""

    def __init__(self, page: Page, shape: tuple[int, int]) -> None:
        box = page.locator("canvas").bounding_box()
        assert box is not None
        self.rows, self.columns = shape
        self.scale = min(box["width"] / self.columns, box["height"] / self.rows) * 0.96
        self.left = box["x"] + (box["width"] - self.columns * self.scale) / 2
        self.top = box["y"] + (box["height"] - self.rows * self.scale) / 2
        self._page = page

    def drag(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """Draw through image positions (column, row); the positions that the mouse really had."""
        spots = [
            (round(self.left + x * self.scale), round(self.top + y * self.scale)) for x, y in points
        ]
        mouse = self._page.mouse
        mouse.move(*spots[0])
        mouse.down()
        for spot in spots[1:]:
            mouse.move(*spot)
        mouse.up()
        return [((x - self.left) / self.scale, (y - self.top) / self.scale) for x, y in spots]


def stroke(shape: tuple[int, int], points: list[tuple[float, float]], radius: float) -> np.ndarray:
    """Voxels whose centers lie within ``radius`` of the line through ``points`` (column, row)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    mask = np.zeros(shape, bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[-1]], strict=True):
        dx, dy = bx - ax, by - ay
        length2 = dx * dx + dy * dy
        along = ((columns - ax) * dx + (rows - ay) * dy) / length2 if length2 else 0.0
        along = np.clip(along, 0.0, 1.0)
        gap2 = (columns - ax - along * dx) ** 2 + (rows - ay - along * dy) ** 2
        mask |= gap2 <= radius**2
    return mask


def shape_of(server: Server, number: int, rater: str = "AB") -> tuple[int, int, int]:
    case = worklist(server.study.protocol, rater)[number - 1]
    return to_axial(read_volume(server.study.image_path(case.image))).grid_shape


def held(server: Server, record: Record, label: str = "lesion") -> np.ndarray:
    """The submitted mask as the rater saw it, (z, y, x)."""
    volume = read_volume(server.study.image_path(record.image))
    return on_axial_grid(volume, read_mask(server.study, record).mask(label) != 0)


def newest(server: Server, rater: str = "AB") -> Record:
    records = rater_status(server.study, rater).records.values()
    return max(records, key=lambda record: (record.saved_utc, record.session))


def test_an_evening_is_held_to_the_pixel(server: Server, device: BrowserContext) -> None:
    page = opened(entered(device, server))
    for number in (1, 2, 3):
        page.wait_for_selector(f"text=Case {number} of 3")
        ready(page)
        depth, rows, columns = shape_of(server, number)
        picture = Picture(page, (rows, columns))
        page.keyboard.press("b")
        points = picture.drag((10, 10), (30, 20), (30, 35))
        expected = stroke((rows, columns), points, 6.0)
        page.keyboard.press("e")
        erased = picture.drag((30, 20), (30, 24))
        expected &= ~stroke((rows, columns), erased, 6.0)
        page.keyboard.press("b")
        picture.drag((5, 30), (8, 30))
        page.keyboard.press("Control+z")
        page.click("text=consolidation")
        points = picture.drag((40, 30))
        other = stroke((rows, columns), points, 6.0)
        page.click("label:has-text('low')")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(f"#sentence, h2:has-text('Case {number + 1} ')")
        record = newest(server)
        assert record.remarks.quality == "low" and record.active_seconds > 0
        lesion = held(server, record)
        middle = depth // 2
        np.testing.assert_array_equal(lesion[middle], expected)
        assert not np.delete(lesion, middle, axis=0).any()
        np.testing.assert_array_equal(held(server, record, "consolidation")[middle], other)
    assert page.inner_text("#sentence") == "All 3 cases are done · 3 submitted."
    # What the owner wrote is text, whatever it looks like.
    assert page.inner_text(".instructions") == "Outline <b>every</b> lesion."


def test_polygon_fill_and_undo_are_what_they_say(server: Server, device: BrowserContext) -> None:
    page = opened(entered(device, server))
    depth, rows, columns = shape_of(server, 1)
    picture = Picture(page, (rows, columns))
    page.keyboard.press("p")
    picture.drag((10, 10), (30, 10), (30, 30), (10, 30))
    page.keyboard.press("f")
    picture.drag((20, 20))  # The square is emptied again …
    page.click("text=Undo")  # … and back.
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+z")
    page.click("text=Submit")
    page.wait_for_selector("text=Case 2 of 3")
    mask = held(server, newest(server))[depth // 2]
    inside = np.zeros((rows, columns), bool)
    inside[10:30, 10:30] = True
    # The mouse stands on whole screen pixels: corners lie within a fraction of a voxel.
    assert (mask ^ inside).sum() <= 45
    assert mask[12:28, 12:28].all() and not mask[:9].any() and not mask[:, 32:].any()


def test_a_lost_connection_loses_nothing(server: Server, device: BrowserContext) -> None:
    page = opened(entered(device, server))
    depth, rows, columns = shape_of(server, 1)
    picture = Picture(page, (rows, columns))
    device.set_offline(True)
    points = picture.drag((10, 10), (25, 25))
    page.wait_for_selector("text=No connection")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=nothing is lost")
    assert not rater_status(server.study, "AB").records
    device.set_offline(False)
    page.wait_for_selector("#status >> text=/^Saved/")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Case 2 of 3")
    expected = stroke((rows, columns), points, 6.0)
    np.testing.assert_array_equal(held(server, newest(server))[depth // 2], expected)


def test_a_server_that_dies_and_comes_back_is_not_noticed(
    server: Server, device: BrowserContext
) -> None:
    page = opened(entered(device, server))
    depth, rows, columns = shape_of(server, 1)
    picture = Picture(page, (rows, columns))
    first = picture.drag((10, 10), (25, 10))
    page.wait_for_selector("#status >> text=/^Saved/")
    server.kill()
    second = picture.drag((10, 30), (25, 30))
    page.wait_for_selector("text=No connection")
    server.start()
    page.wait_for_selector("#status >> text=/^Saved/")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Case 2 of 3")
    expected = stroke((rows, columns), first, 6.0) | stroke((rows, columns), second, 6.0)
    np.testing.assert_array_equal(held(server, newest(server))[depth // 2], expected)


def test_a_closed_window_offers_what_had_not_arrived(
    server: Server, device: BrowserContext
) -> None:
    page = opened(entered(device, server))
    depth, rows, columns = shape_of(server, 1)
    device.set_offline(True)
    points = Picture(page, (rows, columns)).drag((10, 10), (25, 25))
    page.wait_for_timeout(800)
    page.close(run_before_unload=False)
    device.set_offline(False)
    again = device.new_page()
    again.goto(server.url)
    again.click("text=Continue case 1")
    ready(again)
    again.wait_for_selector("#status >> text=/^Saved/")
    again.keyboard.press("Control+Enter")
    again.wait_for_selector("text=Case 2 of 3")
    expected = stroke((rows, columns), points, 6.0)
    np.testing.assert_array_equal(held(server, newest(server))[depth // 2], expected)


def test_two_windows_never_overwrite_each_other(server: Server, device: BrowserContext) -> None:
    one, two = opened(entered(device, server)), opened(entered(device, server))
    depth, rows, columns = shape_of(server, 1)
    Picture(one, (rows, columns)).drag((10, 10), (20, 10))
    points = Picture(two, (rows, columns)).drag((30, 30), (40, 30))
    one.wait_for_selector("#status >> text=/^Saved/")
    two.wait_for_selector("#status >> text=/^Saved/")
    assert len(rater_status(server.study, "AB").drafts) == 2
    one.keyboard.press("Control+Enter")
    one.wait_for_selector("text=Case 2 of 3")
    first = newest(server)
    two.bring_to_front()
    two.keyboard.press("Control+Enter")
    two.click("button:has-text('Replace it')")
    two.wait_for_selector("text=Case 2 of 3")
    record = newest(server)
    assert record.corrects == first.session
    expected = stroke((rows, columns), points, 6.0)
    np.testing.assert_array_equal(held(server, record)[depth // 2], expected)
    # The replaced outline is still there, as in Slicer.
    assert held(server, first).any()


def test_back_puts_the_case_away_as_a_draft(server: Server, device: BrowserContext) -> None:
    page = opened(entered(device, server))
    Picture(page, shape_of(server, 1)[1:]).drag((10, 10), (20, 10))
    page.click("label:has-text('low')")
    page.go_back()
    page.wait_for_selector("text=Continue case 1")
    (draft,) = rater_status(server.study, "AB").drafts
    assert draft.remarks.quality == "low"
    page.click("text=Continue case 1")
    ready(page)
    assert page.is_checked("label:has-text('low') input")
    assert read_mask(server.study, draft).mask("lesion").any()
    assert datetime.fromisoformat(draft.saved_utc)


def test_keys_alone_are_enough(server: Server, device: BrowserContext) -> None:
    page = entered(device, server)
    page.keyboard.press("Enter")  # The button to start has the focus.
    ready(page)
    depth, rows, columns = shape_of(server, 1)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.keyboard.press("2")
    page.locator("canvas").focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Case 2 of 3")
    record = newest(server)
    spot = (columns / 2 + 2, rows / 2 + 1)
    expected = stroke((rows, columns), [spot], 6.0)
    np.testing.assert_array_equal(held(server, record)[depth // 2], expected)
    expected = stroke((rows, columns), [(spot[0] - 10, spot[1])], 6.0)
    np.testing.assert_array_equal(held(server, record, "consolidation")[depth // 2], expected)


@pytest.mark.parametrize("width", [1200, 390])
def test_no_serious_barrier_and_nothing_cut_off(
    server: Server, device: BrowserContext, width: int
) -> None:
    page = entered(device, server)
    page.set_viewport_size({"width": width, "height": 780})
    for where in ("overview", "case", "owner"):
        if where == "case":
            opened(page)
        if where == "owner":
            page = device.new_page()
            page.set_viewport_size({"width": width, "height": 780})
            page.goto(f"{server.url}#{_owner_token(server)}")
            page.wait_for_selector("text=Compare the raters")
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        bad = [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")]
        assert not bad, (where, bad)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


def test_the_owner_reads_the_analysis(server: Server, device: BrowserContext) -> None:
    for rater in ("AB", "CD"):
        client = server.client(rater)
        for number in (1, 2, 3):
            case = client.open(number).json
            masks = np.zeros((2, *case["shape"]), bool)
            masks[:, :, 10 : 30 + len(rater), 10 : 25 + (rater == "CD")] = True
            assert client.save(case["open"], masks, where="submit").status == 200
    page = device.new_page()
    page.goto(f"{server.url}#{_owner_token(server)}")
    page.click("text=Compare the raters")
    # Against a hang, not for speed: fifteen seconds of work, four times that on a slow machine.
    page.wait_for_selector("text=The analysis is done", timeout=300_000)
    with device.expect_page() as shown:
        page.click("a:has-text('report.html')")
    report = shown.value
    report.wait_for_load_state()
    assert "agree" in report.inner_text("body").lower()


def _owner_token(server: Server) -> str:
    return Invitations(server.study).invite("", role=OWNER)
