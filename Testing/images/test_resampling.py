"""A mask from one grid onto another."""

from __future__ import annotations

import numpy as np
import pytest

from medai.errors import GeometryError
from medai.images import Volume, resample_mask


def test_a_mask_on_the_same_grid_is_given_back_as_it_is() -> None:
    mask = np.zeros((2, 3, 4), np.uint8)
    volume = Volume(np.zeros((2, 3, 4)), np.diag([-1.0, -1, 2, 1]), "CT", "study")

    assert resample_mask(mask, volume.ijk_to_ras, volume) is mask


def test_a_crop_a_flip_and_a_finer_grid_land_in_the_same_place() -> None:
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1, 2, 3] = 5
    coarse = np.diag([2.0, 2.0, 2.0, 1.0])
    # Half the spacing, the x axis the other way, and a corner elsewhere.
    fine = np.diag([-1.0, 1.0, 1.0, 1.0])
    fine[:3, 3] = [7.5, -0.5, -0.5]
    volume = Volume(np.zeros((8, 8, 9)), fine, "CT", "study")

    out = resample_mask(mask, coarse, volume)

    # The coarse voxel at RAS (6, 4, 2) ± 1 mm holds fine voxels at x 5.5, 6.5; y 3.5, 4.5; …
    np.testing.assert_array_equal(
        np.argwhere(out == 5), [[z, y, x] for z in (2, 3) for y in (4, 5) for x in (1, 2)]
    )


def test_a_mask_of_another_study_is_an_error() -> None:
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = 500.0
    volume = Volume(np.zeros((2, 3, 4)), np.eye(4), "CT", "study")

    with pytest.raises(GeometryError, match="The mask lies outside study"):
        resample_mask(np.ones((2, 3, 4), np.uint8), elsewhere, volume)
    with pytest.raises(GeometryError, match=r"expected \(z, y, x\)"):
        resample_mask(np.ones((3, 4), np.uint8), np.eye(4), volume)
