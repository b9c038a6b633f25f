"""Lens and cataract masks corrected by hand: every number follows, counted pixel by pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medai.errors import InputError
from medai.images import Volume
from medai.images.crop_box import CropBox
from medai.images.oct_scans import eye_from_volume
from medai.inference.cataract.given_masks import corrected_in_steps
from medai.inference.cataract.result import CataractOptions, CataractResult, measure_map, rejudge
from medai.models import ModelStore
from medai.reports.write import write
from medai.scene.steps import finish
from Testing.cataract.cards import write_card

ROWS, COLUMNS = 40, 50


@pytest.fixture
def own(tmp_path):
    """Two scans of a lens of 20 × 30 pixels, 60 of them cataract; a third without any lens."""
    write_card(tmp_path / "models", "small", recommended=True, threshold=0.2)
    card = ModelStore([tmp_path / "models"]).card("small")
    pixels = np.full((3, ROWS, COLUMNS), 10, np.uint8)
    pixels[:, 10:30, 10:40] = 90
    matrix = np.diag([0.05, 0.1, 1.0, 1.0])
    scans = eye_from_volume(Volume(pixels, matrix, "OPT", "eye"), "right", "Right eye")
    lens, cataract = np.zeros((2, 3, ROWS, COLUMNS), bool)
    lens[:2, 10:30, 10:40] = True
    cataract[:2, 20:22, 10:40] = True
    crops = (CropBox(0, 0, COLUMNS, ROWS),) * 3
    unseen = {2: "no cornea with a lens below it is seen"}
    probability = cataract.astype(np.float16)
    found = measure_map(scans, crops, probability, lens, cataract, 0.2, unseen)
    return CataractResult((found,), card, CataractOptions(), "cpu", 1.0, ("Made by hand.",))


def masks_of(result):
    (eye,) = result.eyes
    return eye.lens.copy(), eye.cataract.copy()


def test_masks_that_nobody_changed_are_the_networks_own(own):
    assert finish(corrected_in_steps(own, [masks_of(own)])) is own


def test_erased_and_painted_pixels_are_counted_in_the_scan_they_lie_in(own):
    lens, cataract = masks_of(own)
    cataract[0] = False  # erased
    cataract[0, 12:14, 10:40] = True  # 60 pixels elsewhere
    cataract[0, 5:6, 10:40] = True  # 30 outside the lens, which is lens then
    found = finish(corrected_in_steps(own, [(lens, cataract)]))
    (eye,) = found.eyes
    assert eye.measures[0].lens_area_px == 630 and eye.measures[0].cataract_area_px == 90
    assert eye.measures[0].cataract_fraction == pytest.approx(90 / 630)
    assert eye.measures[1] is own.eyes[0].measures[1]
    assert eye.summary.cataract_fraction == pytest.approx((90 / 630 + 0.1) / 2)
    change = eye.correction
    assert change.scans == 1
    assert change.fraction_change == pytest.approx((90 / 630 + 0.1) / 2 - 0.1)
    # In both scans the network has 120 pixels; 60 of them are still cataract.
    assert change.cataract_dice == pytest.approx(2 * 60 / (120 + 150))
    assert change.lens_dice == pytest.approx(2 * 1200 / (1200 + 1230))
    assert found.of_network is own
    assert found.notes[0].startswith("Right eye: Corrected by hand in 1 scan: cataract fraction +")
    assert "corrected by hand; below 0.2" in found.sentence
    assert np.array_equal(eye.probability, own.eyes[0].probability)


def test_a_scan_that_was_left_out_has_a_number_once_a_lens_is_drawn(own):
    lens, cataract = masks_of(own)
    lens[2, 10:20, 10:20] = True
    cataract[2, 10:15, 10:20] = True
    (eye,) = finish(corrected_in_steps(own, [(lens, cataract)])).eyes
    assert own.eyes[0].measures[2].reason and not eye.measures[2].reason
    assert eye.measures[2].cataract_fraction == 0.5 and eye.summary.scans_used == 3


def test_a_threshold_judges_the_corrected_eye_and_the_files_say_what_the_hand_did(own, tmp_path):
    lens, cataract = masks_of(own)
    cataract[:2, 10:30, 10:40] = True
    found = rejudge(finish(corrected_in_steps(own, [(lens, cataract)])), 0.5)
    assert "corrected by hand; 0.5 or more" in found.sentence
    write(found, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "cataract.json").read_text())
    assert written["correction"]["Right eye"]["scans"] == 2
    assert written["eyes"][0]["cataract_fraction"] == 1.0
    assert "cataract, corrected by hand" in (tmp_path / "out" / "report.html").read_text()


def test_masks_of_another_shape_or_of_more_eyes_are_refused(own):
    lens, cataract = masks_of(own)
    with pytest.raises(InputError, match="expected those of 1"):
        finish(corrected_in_steps(own, []))
    with pytest.raises(InputError, match="Right eye: masks of shape"):
        finish(corrected_in_steps(own, [(lens[:2], cataract[:2])]))
