"""segment_lesions and rethreshold on a small phantom with random networks."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from medai.errors import (
    CancelledError,
    GeometryError,
    InputError,
    MissingDependencyError,
    ModelTaskError,
    UnsuitableImageError,
)
from medai.images import Volume, on_axial_grid
from medai.inference import LOWEST_SCORE, LesionOptions, rethreshold, segment_lesions
from medai.inference.lesions.tables import REGIONS
from medai.measures.severity import severity
from medai.models import ModelStore
from Testing.model_folders import write_ensemble, write_model


def vivid_unet(network: torch.nn.Module) -> None:
    """Probabilities that differ from place to place, as a trained network's do."""
    last = network.eval().outc.conv
    with torch.inference_mode():
        logits = network(torch.randn(4, 1, 64, 64))
        last.weight /= logits.std() / 3
        last.bias.copy_(-network(torch.randn(4, 1, 64, 64)).mean(dim=(0, 2, 3)) + last.bias)


def vivid_regions(network: torch.nn.Module) -> None:
    """Scores from 0 to 1, and masks with a shape."""
    network.roi_heads.box_predictor.cls_score.weight.data.mul_(40)
    network.roi_heads.mask_predictor.mask_fcn_logits.weight.data.mul_(5)


@pytest.fixture
def unet_model(models, store):
    write_model(models / "u", "unet", ("lesion",), change=vivid_unet, classes=2, width=4)
    return store.load("u")


@pytest.fixture(scope="module")
def region_model(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    write_model(models / "r", "lesion_mask_rcnn", ("lesion",), change=vivid_regions, truncation=2)
    return ModelStore([models]).load("r")


@pytest.fixture(scope="module")
def region_result(chest, region_model):
    return segment_lesions(chest.volume, region_model)


def stored_as(volume: Volume, axes: tuple[int, int, int], flips: tuple[int, ...]) -> Volume:
    """The same volume in space, its array axes permuted and flipped."""
    array = volume.array.transpose(axes)
    matrix = volume.ijk_to_ras.copy()
    matrix[:, :3] = volume.ijk_to_ras[:, [2 - a for a in axes][::-1]]
    for axis in flips:
        column = 2 - axis
        matrix[:3, 3] += matrix[:3, column] * (array.shape[axis] - 1)
        matrix[:3, column] *= -1
        array = np.flip(array, axis)
    return replace(volume, array=np.ascontiguousarray(array), ijk_to_ras=matrix)


def test_lesions_lie_inside_the_lungs_on_the_inputs_grid(chest, unet_model):
    result = segment_lesions(chest.volume, unet_model)
    shape = chest.volume.array.shape
    for array, dtype in (
        (result.lesions, np.uint8),
        (result.probability, np.float16),
        (result.zones, np.uint8),
        (result.lungs, np.uint8),
    ):
        assert array.shape == shape and array.dtype == dtype
    assert 0 < np.count_nonzero(result.lesions) < np.count_nonzero(result.lungs)
    assert not result.lesions[result.lungs == 0].any()
    assert not result.probability[result.lungs == 0].any()
    assert set(np.unique(result.lungs)) == {0, 1, 2}
    assert np.array_equal(result.lesions > 0, result.probability >= 0.5)
    assert result.rois is None and result.score_map is None
    assert result.device == "CPU" and result.seconds > 0
    assert result.options.mask_threshold == 0.5 and result.options.score_threshold is None
    assert result.burden.lesion_count == len(result.findings) > 0


@pytest.mark.parametrize(
    ("axes", "flips"), [((0, 1, 2), (0, 2)), ((2, 0, 1), (1,)), ((1, 2, 0), (0, 1, 2))]
)
def test_a_study_stored_otherwise_gives_the_same_lesions_in_space(chest, unet_model, axes, flips):
    upright = segment_lesions(chest.volume, unet_model)
    other = segment_lesions(stored_as(chest.volume, axes, flips), unet_model)
    turned = on_axial_grid(other.volume, other.lesions)
    expected = on_axial_grid(upright.volume, upright.lesions)
    overlap = 2 * np.count_nonzero(turned & expected) / (turned.sum() + expected.sum())
    assert overlap >= 0.999


def test_the_batch_size_does_not_change_the_answer(chest, unet_model):
    one, many = (
        segment_lesions(chest.volume, unet_model, LesionOptions(batch_size=n)) for n in (1, 7)
    )
    assert np.abs(one.probability.astype(float) - many.probability).max() < 0.02


def test_region_results_keep_every_region_and_the_raw_scores(region_result):
    rois = region_result.rois
    assert len(rois) == len(rois.score) == len(rois.box) > 100
    assert len(rois.top(16, rois.slice_index[0])) == 16
    assert (np.diff(rois.slice_index) >= 0).all()
    first = rois.score[rois.top(128, rois.slice_index[0])]
    assert (np.diff(first) <= 0).all()
    assert (rois.score[rois.masked] >= LOWEST_SCORE).all()
    assert len(rois.masked) == np.count_nonzero(rois.score >= LOWEST_SCORE)
    assert (rois.box >= -0.01).all()
    np.testing.assert_allclose(
        rois.area_px, (rois.box[:, 2] - rois.box[:, 0]) * (rois.box[:, 3] - rois.box[:, 1])
    )
    assert region_result.score_map.min() < 0 < region_result.score_map.max()
    assert region_result.options.score_threshold == 0.75


def test_a_higher_score_threshold_never_adds_and_the_first_result_stays(region_result):
    before = region_result.lesions.copy()
    counts = []
    median, best = np.quantile(region_result.rois.score[region_result.rois.masked], (0.5, 0.999))
    for threshold in (0.0, LOWEST_SCORE, float(median), float(best), 1.0):
        other = rethreshold(region_result, score_threshold=threshold)
        assert other.options.score_threshold == threshold
        assert other.options.mask_threshold == region_result.options.mask_threshold
        assert other.burden.lesion_count == len(other.findings)
        counts.append(np.count_nonzero(other.lesions))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == counts[1] > counts[3] > counts[4]
    assert np.array_equal(region_result.lesions, before)


def test_rethresholding_regions_equals_running_again(chest, region_model, region_result):
    options = LesionOptions(score_threshold=0.4, mask_threshold=0.3)
    again = segment_lesions(chest.volume, region_model, options)
    assert not np.array_equal(region_result.lesions, again.lesions)
    changed = rethreshold(region_result, score_threshold=0.4, mask_threshold=0.3)
    assert np.array_equal(changed.lesions, again.lesions)
    assert changed.burden == again.burden


def test_two_classes_are_told_apart_also_after_rethresholding(chest, models, store):
    names = ("ground-glass opacity", "consolidation")
    write_model(models / "u", "unet", names, change=vivid_unet, classes=3, width=4)
    result = segment_lesions(chest.volume, store.load("u"))
    assert result.classes == names
    low = rethreshold(result, mask_threshold=0.2)
    assert set(np.unique(low.lesions)) == {0, 1, 2}
    marked = result.lesions > 0
    assert np.array_equal(low.lesions[marked], result.lesions[marked])
    assert {lesion.kind for lesion in low.findings} == set(names)


def test_the_cards_thresholds_are_used_unless_the_user_gives_others(chest, models, store):
    more = "[decision]\nmask_threshold = 0.3\n"
    write_model(models / "u", "unet", ("lesion",), change=vivid_unet, more=more, classes=2, width=4)
    model = store.load("u")
    assert segment_lesions(chest.volume, model).options.mask_threshold == 0.3
    given = LesionOptions(mask_threshold=0.6)
    assert segment_lesions(chest.volume, model, given).options.mask_threshold == 0.6


def test_an_ensemble_averages_its_members_and_names_them(chest, models, store):
    for width in (4, 6):
        name = f"u{width}"
        write_model(models / name, "unet", ("lesion",), change=vivid_unet, classes=2, width=width)
    write_ensemble(models / "both", "u4", "u6")
    both = segment_lesions(chest.volume, store.load("both"))
    single = [segment_lesions(chest.volume, store.load(m)).probability for m in ("u4", "u6")]
    mean = (single[0].astype(float) + single[1]) / 2
    assert np.abs(both.probability - mean).max() < 1e-3
    assert both.members == ("u4", "u6") and both.rois is None


def test_progress_grows_from_0_to_1_and_says_which_slice(chest, unet_model):
    reports = []
    segment_lesions(chest.volume, unet_model, progress=reports.append)
    fractions = [report.fraction for report in reports]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    assert any(r.message.startswith("Finding lesions: slice ") for r in reports)


@pytest.mark.parametrize("when", ["Loading", "Finding the lungs", "slice 4 of"])
def test_cancel_stops_before_the_next_batch(chest, unet_model, when):
    reports = []

    def cancelled() -> bool:
        return any(when in report.message for report in reports)

    with pytest.raises(CancelledError):
        segment_lesions(
            chest.volume,
            unet_model,
            LesionOptions(batch_size=2),
            progress=reports.append,
            cancelled=cancelled,
        )
    assert when in reports[-1].message


def test_results_travel_between_processes(region_result):
    copied = pickle.loads(pickle.dumps(region_result))
    assert np.array_equal(copied.lesions, region_result.lesions)
    assert copied.card == region_result.card and copied.burden == region_result.burden


def test_results_and_thresholds_need_no_torch():
    code = "import sys, medai.inference, medai.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def ct(array, spacing_mm: float = 4.0, modality: str = "CT") -> Volume:
    matrix = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    return Volume(np.asarray(array), matrix, modality, "study")


@pytest.mark.parametrize(
    "volume",
    [
        ct(np.full((20, 64, 64, 3), 120, np.uint8), modality="XC"),
        ct(np.full((1, 64, 64), -800, np.int16)),
        ct(np.zeros((20, 64, 64), np.int16)),
        ct(np.full((20, 64, 64), np.nan, np.float32)),
        ct(np.arange(20 * 64 * 64).reshape(20, 64, 64) % 255, modality="OPT"),
        ct(np.zeros((1, 1, 1), np.int16)),
        # A body without lungs.
        ct(
            np.pad(
                np.full((20, 40, 40), 40, np.int16),
                ((0, 0), (12, 12), (12, 12)),
                constant_values=-1000,
            )
        ),
    ],
)
def test_what_is_no_chest_ct_is_refused_in_one_line(unet_model, volume):
    with pytest.raises(UnsuitableImageError, match="study") as refusal:
        segment_lesions(volume, unet_model)
    assert "\n" not in str(refusal.value)


def test_a_model_for_another_task_is_refused(chest, models, store):
    write_model(models / "c", "ctnet10", ("COVID-19",), size=128, task="covid")
    with pytest.raises(ModelTaskError, match="c is a model for covid, not for lesions"):
        segment_lesions(chest.volume, store.load("c"))


@pytest.mark.parametrize(
    "options",
    [{"score_threshold": 1.2}, {"mask_threshold": -0.1}, {"batch_size": 0}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        LesionOptions(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_asking_for_a_gpu_that_is_not_there_says_so(chest, unet_model):
    with pytest.raises(MissingDependencyError, match="no usable NVIDIA GPU"):
        segment_lesions(chest.volume, unet_model, LesionOptions(device="cuda"))


def test_an_unknown_device_is_refused(chest, unet_model):
    with pytest.raises(InputError, match="Device is 'tpu', expected one of auto, cpu, cuda"):
        segment_lesions(chest.volume, unet_model, LesionOptions(device="tpu"))


def test_a_given_lung_mask_is_used_as_it_is(chest, unet_model):
    mask = replace(chest.volume, array=chest.lungs, name="mine")
    result = segment_lesions(chest.volume, unet_model, LesionOptions(lungs=mask))
    assert np.array_equal(result.lungs, chest.lungs)


def test_a_lung_mask_of_one_label_is_split_into_right_and_left(chest, unet_model):
    mask = replace(chest.volume, array=(chest.lungs > 0).astype(np.uint8), name="mine")
    result = segment_lesions(chest.volume, unet_model, LesionOptions(lungs=mask))
    assert np.array_equal(result.lungs > 0, chest.lungs > 0)
    same = result.lungs[chest.lungs > 0] == chest.lungs[chest.lungs > 0]
    assert same.mean() > 0.97
    assert any("told apart by the anatomy in view" in note for note in result.notes)


def test_a_lung_mask_that_does_not_fit_is_refused(chest, unet_model):
    volume = chest.volume
    moved = volume.ijk_to_ras.copy()
    moved[0, 3] += 5
    wrong = [
        (replace(volume, array=chest.lungs[:-1]), GeometryError, "expected the grid of"),
        (replace(volume, array=chest.lungs, ijk_to_ras=moved), GeometryError, "expected the grid"),
        (replace(volume, array=np.zeros_like(chest.lungs)), UnsuitableImageError, "is empty"),
        (replace(volume, array=chest.lungs * 3 + 1), UnsuitableImageError, "3 labels"),
    ]
    for mask, error, says in wrong:
        with pytest.raises(error, match=says):
            segment_lesions(volume, unet_model, LesionOptions(lungs=mask))


def test_the_opacity_has_the_interval_of_the_cards_probability(chest, models, store):
    more = "[decision]\ninterval_probability = 0.2\n"
    for name, lines in (("sure", more), ("silent", "")):
        write_model(
            models / name, "unet", ("lesion",), change=vivid_unet, more=lines, classes=2, width=4
        )

    found = segment_lesions(chest.volume, store.load("sure"))

    lungs = found.zones > 0
    low, high = (
        100.0 * np.count_nonzero(found.probability[lungs] >= np.float16(bound)) / lungs.sum()
        for bound in (0.8, 0.2)
    )
    assert found.burden.opacity_interval_percent == pytest.approx((low, high))
    assert low < found.burden.opacity_percent < high
    assert f"% of lung (95 % interval {low:.1f} to {high:.1f} %; right " in found.sentence
    # A stricter threshold of the user's moves the opacity, not what is known of it.
    stricter = rethreshold(found, mask_threshold=0.7)
    assert stricter.burden.opacity_percent < found.burden.opacity_percent
    assert stricter.burden.opacity_interval_percent == (low, high)
    assert severity(found.burden).opacity_words().endswith(f"{low:.1f} to {high:.1f} %)")
    assert REGIONS.rows("page", found)[0][-1] == f"{low:.1f} to {high:.1f}"
    assert {row[-1] for row in REGIONS.rows("page", found)[1:]} == {""}

    silent = segment_lesions(chest.volume, store.load("silent"))
    assert silent.burden.opacity_interval_percent is None
    assert "interval" not in silent.sentence
