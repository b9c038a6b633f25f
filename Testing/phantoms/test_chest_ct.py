"""The synthetic chest: what it promises, measured."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from medai.errors import InputError
from medai.images import to_axial
from medai.images.hounsfield import require_ct_study
from medai.phantoms import ChestPhantom, PhantomLesion, chest_ct

SHAPE, SPACING_MM = (72, 120, 128), (4.2, 2.9, 3.0)


@pytest.fixture(scope="module")
def healthy() -> ChestPhantom:
    return chest_ct(SHAPE, SPACING_MM, lesions=(), seed=4)


@pytest.fixture(scope="module")
def ill() -> ChestPhantom:
    return chest_ct(SHAPE, SPACING_MM, seed=4)


def mean_hu(phantom: ChestPhantom, where: np.ndarray) -> float:
    return float(phantom.volume.array[where].mean())


def test_it_is_an_axial_ct_study_of_the_size_asked_for(healthy) -> None:
    volume = healthy.volume

    assert volume.grid_shape == healthy.lungs.shape == healthy.lesions.shape == SHAPE
    assert volume.spacing_mm == pytest.approx(SPACING_MM)
    assert volume.array.dtype == np.int16
    assert to_axial(volume).source_axes == (0, 1, 2)
    assert to_axial(volume).flipped == (False, False, False)
    require_ct_study(volume)
    center = volume.ras_of((np.array(SHAPE) - 1) / 2)
    np.testing.assert_allclose(center, 0.0, atol=1e-9)


def test_the_same_seed_is_the_same_and_another_seed_another_person(ill) -> None:
    again, other = (chest_ct(SHAPE, SPACING_MM, seed=seed) for seed in (4, 5))

    np.testing.assert_array_equal(again.volume.array, ill.volume.array)
    np.testing.assert_array_equal(again.lesions, ill.lesions)
    assert (other.lungs != ill.lungs).mean() > 0.002


def test_right_and_left_are_the_patients(healthy) -> None:
    for label, side in ((1, 1), (2, -1)):
        places = healthy.volume.ras_of(np.argwhere(healthy.lungs == label))
        assert (np.sign(places[:, 0]) == side).all()
    # The stomach's air lies on the left, in front, low.
    calm = ndimage.uniform_filter(healthy.volume.array[:15].astype(float), 3)
    gas = ndimage.label(calm < -940)[0]
    gas[np.isin(gas, np.concatenate([gas[:, 0], gas[:, -1]]))] = 0
    where = healthy.volume.ras_of(np.argwhere((gas > 0) & (healthy.lungs[:15] == 0)))
    assert len(where) > 100
    assert where[:, 0].mean() < -20
    assert where[:, 1].mean() > 20


def test_lungs_have_an_adults_size_and_density(healthy) -> None:
    voxel_ml = healthy.volume.voxel_volume_ml
    right, left = (np.count_nonzero(healthy.lungs == k) * voxel_ml for k in (1, 2))

    assert 2200 < right < 3800
    assert 2200 < left < 3800
    lung = healthy.volume.array[healthy.lungs > 0]
    assert -870 < np.median(lung) < -790
    assert 0.02 < (lung > -500).mean() < 0.12  # Vessels.


def test_the_body_has_fat_muscle_bone_and_noise(healthy) -> None:
    hu = healthy.volume.array
    outside = hu[:, :3, :40]

    assert outside.mean() == pytest.approx(-1000, abs=10)
    assert 8 < outside.std() < 30
    noise = outside - outside.mean()
    neighbors = (noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var()
    assert 0.3 < neighbors < 0.8
    histogram = np.histogram(hu, [-130, -70, 20, 80, 150, 300, 3000])[0] / hu.size
    fat, _, muscle, _, marrow, cortex = histogram
    assert fat > 0.03
    assert muscle > 0.1
    assert marrow > 0.003
    assert cortex > 0.003


def test_a_trachea_runs_from_the_top_to_the_lungs(healthy) -> None:
    for k in (-2, -12):
        plane = healthy.volume.array[k]
        middle = plane[45:75, 54:74]
        assert middle.min() < -950
        assert (healthy.lungs[k, 45:75, 60:68] == 0).all()


def test_the_usual_lesions_fill_seven_percent_of_the_lungs(ill) -> None:
    share = np.count_nonzero(ill.lesions) / np.count_nonzero(ill.lungs)

    assert share == pytest.approx(0.0735, abs=0.0002)
    assert (ill.lungs[ill.lesions > 0] > 0).all()
    assert {*np.unique(ill.lesions[ill.lungs == 1])} == {0, 1, 2}
    assert {*np.unique(ill.lesions[ill.lungs == 2])} == {0, 1, 2}


def test_ground_glass_and_consolidation_have_their_densities(ill) -> None:
    inner = [ndimage.binary_erosion(ill.lesions == kind) for kind in (1, 2)]

    assert -680 < mean_hu(ill, inner[0]) < -520
    assert -60 < mean_hu(ill, inner[1]) < 60


def test_vessels_are_seen_through_ground_glass_and_not_in_consolidation() -> None:
    for kind, limits in (("ground-glass opacity", (0.01, 0.25)), ("consolidation", (0.85, 1.0))):
        lesion = PhantomLesion(kind, 150.0, "right", on_pleura=False)
        phantom = chest_ct(SHAPE, SPACING_MM, [lesion], seed=4)
        inner = ndimage.binary_erosion(phantom.lesions > 0)
        assert limits[0] < (phantom.volume.array[inner] > -250).mean() <= limits[1]


@pytest.mark.parametrize(
    "lesion",
    [
        PhantomLesion("consolidation", 35.0, "left", True),
        PhantomLesion("ground-glass opacity", 80.0, "right", True),
        PhantomLesion("consolidation", 12.0, "right", False),
    ],
)
def test_a_lesion_has_its_volume_place_and_one_piece(lesion) -> None:
    phantom = chest_ct(SHAPE, SPACING_MM, [lesion], seed=2)
    mask = phantom.lesions > 0

    voxel_ml = phantom.volume.voxel_volume_ml
    assert np.count_nonzero(mask) == round(lesion.volume_ml / voxel_ml)
    assert (phantom.lungs[mask] == (1 if lesion.lung == "right" else 2)).all()
    assert (phantom.lesions[mask] == (2 if lesion.kind == "consolidation" else 1)).all()
    pieces = np.bincount(ndimage.label(mask)[0].ravel())[1:]
    assert pieces.max() >= 0.98 * pieces.sum()
    touches = (ndimage.binary_dilation(mask) & (phantom.lungs == 0)).sum()
    assert (touches > 20) == lesion.on_pleura


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [
        ((1, 64, 64), (5.0, 6.0, 6.0)),
        ((12, 96, 96), (10.0, 3.5, 3.5)),
        ((40, 48, 48), (2.0, 1.5, 1.5)),
        ((20, 200, 150), (8.0, 2.0, 4.0)),
        ((3, 5, 7), (1.0, 1.0, 1.0)),
    ],
)
def test_any_size_and_spacing_works(shape, spacing_mm) -> None:
    phantom = chest_ct(shape, spacing_mm, lesions=(), seed=1)

    assert phantom.volume.grid_shape == shape
    assert phantom.volume.spacing_mm == pytest.approx(spacing_mm)


def test_what_cannot_be_made_is_an_error() -> None:
    with pytest.raises(InputError, match="expected three positive numbers"):
        chest_ct((0, 64, 64))
    with pytest.raises(InputError, match="expected three positive numbers"):
        chest_ct((4, 64, 64), (1.0, 0.0, 1.0))
    with pytest.raises(InputError, match=r"No room for a consolidation of 9000\.0 mL"):
        chest_ct((40, 64, 64), (7.0, 6.0, 6.0), [PhantomLesion("consolidation", 9000.0)])
    with pytest.raises(InputError, match="smaller than a voxel"):
        chest_ct((40, 64, 64), (7.0, 6.0, 6.0), [PhantomLesion("consolidation", 0.01)])
