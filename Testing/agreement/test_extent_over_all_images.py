"""The extent ICC over every image stands beside that over the images that are not excluded."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import ImageRatings, cohort, extent_icc
from medai.agreement.extent_icc import adjusted_extent


def test_excluded_images_count_in_the_figure_over_all() -> None:
    rng = np.random.default_rng(1)
    masks = [rng.random((3, 20, 20)) < share for share in (0.1, 0.3, 0.5, 0.7, 0.99, 0.99)]
    images = [ImageRatings(f"image {k}", m, ("a", "b", "c")) for k, m in enumerate(masks)]
    result = cohort(images, grids=(4,), bootstrap=0)
    assert len(result.exclusions) == 2
    extents = np.array([adjusted_extent(m.reshape(3, -1).sum(axis=1), 400) for m in masks])
    assert result.extent is not None
    assert result.extent_all is not None
    assert result.extent.icc == pytest.approx(extent_icc(extents[:4], bootstrap=0).icc)
    assert result.extent_all.icc == pytest.approx(extent_icc(extents, bootstrap=0).icc)
    assert result.extent.icc != result.extent_all.icc


def test_without_exclusions_both_are_the_same() -> None:
    rng = np.random.default_rng(2)
    masks = [rng.random((2, 10, 10)) < share for share in (0.2, 0.4, 0.6)]
    images = [ImageRatings(f"image {k}", m, ("a", "b")) for k, m in enumerate(masks)]
    result = cohort(images, grids=(4,), bootstrap=0)
    assert result.extent_all == result.extent
