"""Consensus against ITK, known raters, and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import dawid_skene, disagreement, local_extent, majority, staple
from Testing.agreement.gold_cases import CASES, masks_and_skin


@pytest.mark.parametrize("case", CASES)
def test_staple_is_itks(case: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    masks, _ = masks_and_skin(case)
    filter_ = sitk.STAPLEImageFilter()
    filter_.SetForegroundValue(1.0)
    expected = filter_.Execute([sitk.GetImageFromArray(mask) for mask in masks])
    found = staple(masks)
    # ITK stops at a change of 1e-5.
    assert np.abs(found.probability - sitk.GetArrayFromImage(expected)).max() < 1e-4
    assert found.sensitivity == pytest.approx(filter_.GetSensitivity(), abs=1e-5)
    assert found.specificity == pytest.approx(filter_.GetSpecificity(), abs=1e-5)


def test_dawid_skene_recovers_raters_of_known_sensitivity() -> None:
    random = np.random.default_rng(0)
    truth = random.random(40_000) < 0.3
    sensitivity, specificity = np.array([0.95, 0.8, 0.6, 0.9]), np.array([0.9, 0.97, 0.99, 0.8])
    chance = np.where(truth, sensitivity[:, None], 1 - specificity[:, None])
    result = dawid_skene((random.random(chance.shape) < chance).reshape(4, 200, 200))
    assert result.converged
    assert result.sensitivity == pytest.approx(sensitivity, abs=0.02)
    assert result.specificity == pytest.approx(specificity, abs=0.02)
    assert result.prevalence == pytest.approx(0.3, abs=0.02)
    assert ((result.mask.ravel() == 1) == truth).mean() > 0.93


def test_the_majority_leaves_ties_unmarked_and_counts_them() -> None:
    masks = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0]])
    result = majority(masks)
    assert result.mask.tolist() == [1, 0, 0, 0]
    assert result.tied_units == 2
    assert result.probability.tolist() == [1.0, 0.5, 0.5, 0.0]


def test_a_consensus_stays_inside_the_region_of_interest() -> None:
    masks, skin = masks_and_skin("a_good4")
    for method in (majority, dawid_skene, staple):
        result = method(np.ones_like(masks), skin)
        assert result.mask[skin == 0].max() == 0
        assert result.mask[skin > 0].min() == 1


def test_disagreement_is_the_entropy_of_the_answers() -> None:
    masks = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]])
    quarter = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert disagreement(masks).tolist() == pytest.approx([0.0, quarter, 1.0, 0.0])


def test_local_extent_is_a_share_of_the_region_only() -> None:
    mask = np.zeros((30, 30))
    mask[:, 15:] = 1
    roi = np.zeros((30, 30))
    roi[:, 10:20] = 1
    found = local_extent(mask, roi, sigma_mm=0.5, spacing_mm=(1.0, 0.5))
    assert np.isnan(found[:, :10]).all()
    assert found[15, 10] < 0.05 < 0.95 < found[15, 19]
    assert (np.diff(found[15, 10:20]) > 0).all()
    # Half a step on either side of the edge, the shares add up to one.
    assert found[15, 14] + found[15, 15] == pytest.approx(1.0, abs=0.02)
