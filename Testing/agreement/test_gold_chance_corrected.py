"""Alpha, the kappas and performance against krippendorff, statsmodels and plain counting."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_cohen,
    performance,
)
from Testing.agreement.gold_cases import CASES, masks_and_skin, reference


def ratings_of(case: str) -> np.ndarray:
    masks, skin = masks_and_skin(case)
    return masks[:, skin > 0]


@pytest.mark.parametrize("case", CASES)
def test_alpha_and_fleiss_kappa_are_the_references(case: str) -> None:
    expected = reference("chance_corrected")[case]
    ratings = ratings_of(case)
    assert krippendorff_alpha(ratings) == pytest.approx(
        expected["krippendorff_alpha_nominal"], abs=1e-9
    )
    assert fleiss_kappa(ratings) == pytest.approx(expected["fleiss_kappa"], abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_cohens_kappa_of_every_pair_is_the_references(case: str) -> None:
    ratings = ratings_of(case)
    table = pairwise_cohen(ratings)
    for pair, expected in reference("chance_corrected")[case]["cohen_kappa"].items():
        first, second = (int(number) - 1 for number in pair.split("-"))
        assert cohen_kappa(ratings[first], ratings[second]) == pytest.approx(expected, abs=1e-9)
        assert table[first, second] == table[second, first] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_performance_against_the_majority_of_the_others_is_the_references(case: str) -> None:
    masks, skin = masks_and_skin(case)
    found = performance(masks, skin).raters
    expected = reference("chance_corrected")[case]["rater_vs_majority_of_others"]
    for scores, row in zip(found, expected, strict=True):
        for name, value in row.items():
            assert getattr(scores, name.lower()) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_with_missing_ratings_is_the_references_at_every_level(level: str) -> None:
    expected = reference("chance_corrected")["table_with_missing"]
    ratings = np.array(expected["ratings"], dtype=np.float64)
    assert krippendorff_alpha(ratings, level) == pytest.approx(expected[level], abs=1e-9)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_of_many_different_values_is_the_package_krippendorffs(level: str) -> None:
    package = pytest.importorskip("krippendorff")
    random = np.random.default_rng(5)
    ratings = np.round(random.gamma(2.0, 3.0, (1, 60)) + random.random((4, 60)), 2)
    ratings[random.random(ratings.shape) < 0.2] = np.nan
    expected = package.alpha(ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level) == pytest.approx(expected, abs=1e-12)
