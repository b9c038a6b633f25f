"""``medai measure``: masks of any origin, without a network; and what a correction changes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medai.errors import GeometryError, InputError
from medai.images import Volume, read_volume, write_volume
from medai.inference import LesionOptions
from medai.inference.lesions.given_masks import (
    MeasureOptions,
    corrected,
    given_masks,
    measure_given,
    read_given_masks,
)
from medai.measures.correction import compare_with_own
from medai.reports import write
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result

CHEST = (
    Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "volumes" / "cip_chest_ct64"
)
FILES = {
    "lesions.seg.nrrd",
    "probability.nrrd",
    "lesions.csv",
    "summary.json",
    "report.html",
    "timing.json",
}


def saved(volume: Volume, array: np.ndarray, path: Path) -> Path:
    write_volume(replace(volume, array=array, modality="", name=path.stem), path)
    return path


def test_a_hand_drawn_box_on_a_real_chest_has_the_numbers_one_counts(tmp_path):
    if not CHEST.is_dir():
        pytest.skip("The CIP chest is not there: it lies outside the repository.")
    study = read_volume(CHEST / "ct-64.nrrd")
    lungs = read_volume(CHEST / "wholeLung-64.nrrd")
    drawn = np.zeros(study.array.shape, np.uint8)
    places = np.argwhere(lungs.array > 0)
    z, y, x = places[len(places) // 2]
    drawn[z : z + 4, y : y + 3, x : x + 5] = 1
    mask = saved(study, drawn, tmp_path / "box.nrrd")
    found = measure_given(study, None, MeasureOptions(mask, lungs))
    voxel_ml = float(np.prod(study.spacing_mm)) / 1000.0
    assert found.burden.lesion_volume_ml == pytest.approx(60 * voxel_ml)
    inside = int((drawn.astype(bool) & (lungs.array > 0)).sum())
    whole = int((lungs.array > 0).sum())
    assert found.burden.lung_volume_ml == pytest.approx(whole * voxel_ml)
    assert found.burden.opacity_percent == pytest.approx(100.0 * inside / whole)
    (lesion,) = found.findings
    assert lesion.mean_hu == pytest.approx(study.array[drawn > 0].mean())
    assert lesion.score == 1.0 and lesion.kind == "lesion"
    if inside < 60:
        assert any("outside the lungs" in note for note in found.notes)


def test_the_command_writes_the_files_of_a_segmentation_without_torch(tmp_path):
    phantom = small_phantom()
    study = tmp_path / "ct.nrrd"
    write_volume(phantom.volume, study)
    mask = saved(phantom.volume, (phantom.lesions > 0).astype(np.uint8), tmp_path / "mask.nrrd")
    lungs = saved(phantom.volume, phantom.lungs, tmp_path / "lungs.nrrd")
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision'):\n"
        "    sys.modules[name] = None\n"
        "from medai.cli import run\n"
        f"sys.exit(run(['measure', {str(study)!r}, '--lesions', {str(mask)!r}, '--lungs', "
        f"{str(lungs)!r}, '-o', {str(tmp_path / 'out')!r}, '--json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} - {"scene.mrb"} == FILES
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    voxel_ml = phantom.volume.voxel_volume_ml
    truth_ml = voxel_ml * np.count_nonzero(phantom.lesions)
    assert summary["burden"]["lesion_volume_ml"] == pytest.approx(truth_ml)
    assert summary["model"]["id"] == "" and summary["task"] == "lesions"
    assert "no network" in (tmp_path / "out" / "report.html").read_text()


def test_what_a_segmentation_wrote_is_measured_to_the_same_numbers(tmp_path):
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})
    options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
    found = truth_result(small_phantom(), store.card("light"), options)
    write(found, tmp_path / "out")
    given = read_given_masks(tmp_path / "out" / "lesions.seg.nrrd", found.volume)
    assert given.notes == () and given.classes == found.classes
    np.testing.assert_array_equal(given.lesions, found.lesions)
    np.testing.assert_array_equal(given.lungs, found.lungs)
    again = measure_given(found.volume, None, MeasureOptions(given))
    assert again.burden == found.burden


def test_a_cropped_mask_lies_where_it_was_drawn(tmp_path):
    phantom = small_phantom()
    drawn = (phantom.lesions > 0).astype(np.uint8)
    matrix = phantom.volume.ijk_to_ras.copy()
    matrix[:3, 3] = (phantom.volume.ijk_to_ras @ [7, 5, 3, 1])[:3]
    part = Volume(drawn[3:20, 5:90, 7:91].copy(), matrix, "", "part")
    write_volume(part, tmp_path / "part.nrrd")
    given = read_given_masks(tmp_path / "part.nrrd", phantom.volume)
    kept = np.zeros_like(drawn)
    kept[3:20, 5:90, 7:91] = drawn[3:20, 5:90, 7:91]
    assert np.array_equal(given.lesions, kept) and "resampled" in given.notes[0]


def test_lobes_of_another_tool_are_lungs_and_several_values_are_classes(tmp_path):
    phantom = small_phantom()
    lobes = np.where(phantom.lungs == 1, 1, np.where(phantom.lungs == 2, 4, 0)).astype(np.uint8)
    lobes[12:][phantom.lungs[12:] == 1] = 3
    drawn = (phantom.lesions > 0).astype(np.uint8)
    drawn[:12] *= 2
    mask = saved(phantom.volume, drawn, tmp_path / "two.nrrd")
    options = MeasureOptions(mask, replace(phantom.volume, array=lobes, name="lobes"))
    found = measure_given(phantom.volume, None, options)
    assert found.classes == ("label 1", "label 2")
    assert np.array_equal(found.lungs > 0, phantom.lungs > 0)
    assert np.array_equal(found.lungs == 1, phantom.lungs == 1)


def test_a_mask_from_elsewhere_and_one_of_another_shape_are_one_line(tmp_path):
    phantom = small_phantom()
    matrix = phantom.volume.ijk_to_ras.copy()
    matrix[:3, 3] += 5000.0
    far = Volume(np.ones((3, 3, 3), np.uint8), matrix, "", "far")
    write_volume(far, tmp_path / "far.nrrd")
    with pytest.raises(GeometryError, match=r"far\.nrrd: The mask lies outside"):
        read_given_masks(tmp_path / "far.nrrd", phantom.volume)
    with pytest.raises(GeometryError, match="expected"):
        measure_given(phantom.volume, None, MeasureOptions(given_masks({}, (1, 2, 3))))
    many = np.arange(24 * 96 * 96).reshape(24, 96, 96).astype(np.int32)
    saved(phantom.volume, many, tmp_path / "many.nrrd")
    with pytest.raises(InputError, match="at most 255"):
        read_given_masks(tmp_path / "many.nrrd", phantom.volume)


def test_a_correction_has_the_difference_one_counts():
    own, hand = (np.zeros((1, 4, 4), np.uint8) for _ in range(2))
    zones = np.array([[[1, 1, 4, 4]] * 4], np.uint8)
    zones[0, 3] = 0
    own[0, 0] = 1  # two voxels in each lung
    hand[0, 0, :2] = hand[0, 1, :2] = 1  # four in the right lung, none in the left
    hand[0, 3, 0] = 1  # and one outside
    found = compare_with_own(own, hand, zones, 0.5)
    assert (found.change_ml, found.right_change_ml, found.left_change_ml) == (0.5, 1.0, -1.0)
    assert found.dice == pytest.approx(2 * 2 / (4 + 5))
    assert found.right_dice == pytest.approx(2 * 2 / (2 + 4)) and found.left_dice == 0.0
    assert "+0.5 mL" in found.sentence and "left −1.0" in found.sentence
    assert "unknown side" not in found.sentence
    same = compare_with_own(own * 0, own * 0, zones, 0.5)
    assert same.dice == same.right_dice == 1.0 and same.change_ml == 0.0


def test_a_correction_in_a_lung_of_unknown_side_is_told_of_that_lung():
    own, hand = (np.zeros((1, 2, 4), np.uint8) for _ in range(2))
    zones = np.full((1, 2, 4), 8, np.uint8)
    own[0, 0, :2] = 1
    hand[0, 0, 1:] = 1  # one voxel of two kept, two more
    found = compare_with_own(own, hand, zones, 2.0)
    assert found.unsided_change_ml == 2.0 and found.unsided_dice == pytest.approx(2 / 5)
    assert np.isnan([found.right_change_ml, found.left_dice]).all()
    assert "lung of unknown side +2.0" in found.sentence and "right" not in found.sentence


def test_a_corrected_result_keeps_the_networks_own_and_says_so(tmp_path):
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})
    options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
    own = truth_result(small_phantom(), store.card("light"), options)
    masks = {"lesion": own.lesions > 0}
    masks["lesion"] &= own.lungs == 2  # everything in the right lung erased
    given = given_masks(masks, own.volume.grid_shape, classes=own.classes)
    given = replace(given, lungs=own.lungs)
    options = MeasureOptions(given, own=own.lesions)
    found = corrected(own, measure_given(own.volume, None, options))
    assert found.of_network is own and found.burden.right_opacity_percent == 0.0
    assert found.burden.left_opacity_percent == own.burden.left_opacity_percent
    assert found.sentence.startswith("Corrected by hand: Lesions")
    write(found, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["correction"]["right_dice"] == 0.0 and summary["correction"]["left_dice"] == 1.0
    assert summary["notes"][0].startswith("Corrected by hand: −")
    assert summary["model"]["id"] == "light"
