"""The lung window that training and inference share."""

from __future__ import annotations

import numpy as np

from medai.images import lung_window


def test_the_window_runs_from_minus_1050_to_250_hu() -> None:
    hu = np.array([-3024, -1050, -1000, -400, 45, 249, 250, 3071])

    grey = lung_window(hu)

    # (hu + 1050) / 1300 * 255, rounded and clipped.
    np.testing.assert_array_equal(grey, [0, 0, 10, 128, 215, 255, 255, 255])
    assert grey.dtype == np.uint8


def test_a_volume_gets_the_same_greys_as_its_slices() -> None:
    hu = np.random.default_rng(0).normal(-500, 600, (37, 5, 6)).astype(np.float32)

    np.testing.assert_array_equal(lung_window(hu), np.stack([lung_window(s) for s in hu]))
    np.testing.assert_array_equal(lung_window(hu[::-1].T), lung_window(hu)[::-1].T)


def test_the_input_is_left_alone() -> None:
    hu = np.full((2, 3, 4), -600.0, np.float32)

    lung_window(hu)

    assert (hu == -600.0).all()
