"""Kappas against published and hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import cohen_kappa, fleiss_kappa, gwet_ac, krippendorff_alpha


def test_fleiss_kappa_of_the_textbook_table() -> None:
    # Fleiss 1971 as worked through in many textbooks: 10 subjects, 14 raters, 5 categories.
    counts = np.array(
        [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
         [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    )  # fmt: skip
    ratings = np.array([np.repeat(np.arange(5), row) for row in counts]).T
    assert fleiss_kappa(ratings) == pytest.approx(0.20993, abs=1e-5)


def test_gwets_coefficients_of_the_handbooks_table() -> None:
    # Gwet's raw data set of 4 raters, 12 units, 5 categories with gaps (irrCAC: AC1 0.77544).
    nan = np.nan
    ratings = np.array(
        [[1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
         [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan]]
    )  # fmt: skip
    assert gwet_ac(ratings) == pytest.approx(0.77544, abs=1e-5)
    assert krippendorff_alpha(ratings) == pytest.approx(0.743421, abs=1e-6)
    assert gwet_ac(ratings, "quadratic") > gwet_ac(ratings)


def test_weighted_kappa_gives_credit_for_near_misses() -> None:
    first, second = [1, 2, 3, 1, 2, 3], [1, 3, 3, 1, 2, 2]
    plain, linear = cohen_kappa(first, second), cohen_kappa(first, second, "linear")
    quadratic = cohen_kappa(first, second, "quadratic")
    assert plain == pytest.approx(0.5)
    # By hand: Σ w o = 1 − 2/6 · ½, Σ w e = 1 − Σ |i − j|/2 over nine equal cells = 5/9.
    assert linear == pytest.approx(1 - (1 / 6) / (4 / 9))
    assert quadratic == pytest.approx(1 - (1 / 12) / (1 / 3))


def test_kappa_collapses_on_a_rare_category_and_gwets_does_not() -> None:
    first, second = np.zeros(100), np.zeros(100)
    first[:2], second[1:3] = 1, 1
    ratings = np.stack([first, second])
    assert cohen_kappa(first, second) < 0.5
    assert gwet_ac(ratings) > 0.97


def test_label_maps_of_several_classes_are_compared_as_categories() -> None:
    maps = np.random.default_rng(0).integers(0, 4, (3, 8, 8))
    flat = maps.reshape(3, -1)
    assert krippendorff_alpha(maps) == krippendorff_alpha(flat)
    assert krippendorff_alpha(maps * 1000) == pytest.approx(krippendorff_alpha(flat), abs=1e-12)
    assert krippendorff_alpha(np.ma.masked_equal(flat, 3)) == pytest.approx(
        krippendorff_alpha(np.where(flat == 3, np.nan, flat)), abs=1e-12
    )
