"""One canonical grid for every way a study can be stored."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medai.errors import GeometryError
from medai.images import Volume, to_axial

STORAGES = list(product(permutations(range(3)), product((False, True), repeat=3)))


def stored(volume: Volume, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same image in space with its axes permuted and flipped, as another scanner stores it."""
    array = volume.array.transpose(*axes)
    matrix = volume.ijk_to_ras.copy()
    for new, old in enumerate(axes):
        matrix[:3, 2 - new] = volume.ijk_to_ras[:3, 2 - old]
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            matrix[:3, 3] += matrix[:3, 2 - axis] * (array.shape[axis] - 1)
            matrix[:3, 2 - axis] *= -1
    return Volume(array, matrix, volume.modality, volume.name)


@pytest.fixture
def canonical() -> Volume:
    array = np.random.default_rng(1).integers(-1000, 500, (3, 4, 5)).astype(np.int16)
    matrix = np.diag([-0.7, -0.8, 2.5, 1.0])
    matrix[:3, 3] = [40.0, 30.0, -120.0]
    return Volume(array, matrix, "CT", "study")


@pytest.mark.parametrize(("axes", "flips"), STORAGES)
def test_every_storage_comes_to_the_same_grid_and_back(canonical, axes, flips) -> None:
    given_volume = stored(canonical, axes, flips)

    axial = to_axial(given_volume)

    np.testing.assert_array_equal(axial.array, canonical.array)
    np.testing.assert_allclose(axial.ijk_to_ras, canonical.ijk_to_ras, atol=1e-12)
    np.testing.assert_array_equal(axial.restore(axial.array), given_volume.array)
    assert np.shares_memory(axial.array, given_volume.array)
    assert np.shares_memory(axial.restore(axial.array), axial.array)
    assert axial.oblique_deg == 0.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    storage=st.sampled_from(STORAGES),
    angles=st.tuples(*[st.floats(-14.0, 14.0)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 8.0)] * 3),
)
def test_an_oblique_volume_keeps_every_voxel_where_it_is(storage, angles, spacing) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    matrix = np.eye(4)
    turned = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, :3] = turned @ np.diag([-spacing[2], -spacing[1], spacing[0]])
    volume = stored(Volume(array, matrix, "CT", "study"), *storage)

    axial = to_axial(volume)

    where = {int(v): volume.ras_of(np.argwhere(volume.array == v)[0]) for v in array.ravel()}
    for value, ras in where.items():
        np.testing.assert_allclose(
            axial.ras_of(np.argwhere(axial.array == value)[0]), ras, atol=1e-9
        )
    # Slices go up, rows back, columns to the left, whatever the tilt below 45°.
    directions = axial.ijk_to_ras[:3, :3]
    assert directions[2, 2] > 0 > directions[1, 1]
    assert directions[0, 0] < 0
    np.testing.assert_array_equal(axial.array, array)


def test_a_tilt_is_measured_and_said() -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix() @ np.diag([-1, -1, 2])
    axial = to_axial(Volume(np.zeros((3, 4, 5)), matrix, "CT", "study"))

    assert axial.oblique_deg == pytest.approx(20.0)
    assert axial.notes == (
        "The slices are tilted by 20° from the body's axes; the nearest axes are used.",
    )


def test_color_goes_along_and_back() -> None:
    array = np.random.default_rng(2).integers(0, 255, (2, 3, 4, 3)).astype(np.uint8)
    volume = Volume(array, np.eye(4), "XC", "photo")

    axial = to_axial(volume)

    np.testing.assert_array_equal(axial.array, array[:, ::-1, ::-1])
    np.testing.assert_array_equal(axial.restore(axial.array), array)


def test_restoring_an_array_of_another_grid_is_an_error() -> None:
    axial = to_axial(Volume(np.zeros((3, 4, 5)), np.eye(4), "CT", "study"))

    with pytest.raises(GeometryError, match=r"study: .*\(3, 4, 4\).*expected \(3, 4, 5\)"):
        axial.restore(np.zeros((3, 4, 4)))


def test_an_axial_volume_of_an_axial_volume_is_itself(canonical) -> None:
    once = to_axial(stored(canonical, (2, 0, 1), (True, False, True)))
    twice = to_axial(once)

    assert twice.source_axes == (0, 1, 2)
    assert twice.flipped == (False, False, False)
    np.testing.assert_array_equal(twice.array, once.array)
