"""Phantom scans: seeded, true to their masks, and as varied as eyes are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from medai.errors import InputError
from medai.phantoms.lens_oct import lens_oct, lens_patient
from medai.phantoms.lens_opacities import OPACITY_KINDS, Opacity

SHAPE = (304, 358)


def test_the_same_seed_gives_the_same_scans_and_another_seed_others() -> None:
    first, again, other = (lens_oct(SHAPE, 2, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.volume.array, again.volume.array)
    assert not np.array_equal(first.volume.array, other.volume.array)


def test_volume_is_8_bit_oct_of_a_field_of_14_by_16_mm() -> None:
    volume = lens_oct((456, 538), 2).volume
    assert (volume.array.dtype, volume.modality, volume.has_spacing) == (np.uint8, "OPT", True)
    assert volume.spacing_mm[1] * 456 == pytest.approx(14)
    assert volume.spacing_mm[2] * 538 == pytest.approx(16)


def test_a_clear_lens_has_a_lens_and_no_cataract() -> None:
    phantom = lens_oct(SHAPE, 3, seed=5)
    assert not phantom.cataract.any()
    assert (phantom.lens.mean(axis=(1, 2)) > 0.03).all()
    assert (phantom.fractions == 0).all()


@pytest.mark.parametrize("kind", OPACITY_KINDS)
def test_an_opacity_is_in_the_lens_and_brighter_than_the_same_lens_without(kind: str) -> None:
    opacity = Opacity(kind, density=0.8, radius_mm=1.5, distance_mm=0.2)
    sick = lens_oct(SHAPE, 2, opacities=(opacity,), seed=9)
    clear = lens_oct(SHAPE, 2, seed=9)
    assert np.array_equal(sick.lens, clear.lens)
    assert (sick.cataract <= sick.lens).all()
    assert 0.005 < sick.fractions.mean() < 0.95
    core = np.stack([ndimage.binary_erosion(m) for m in sick.cataract])
    added = sick.volume.array[core].mean() - clear.volume.array[core].astype(float).mean()
    assert added > 25


def test_kinds_lie_at_their_depth() -> None:
    def mean_row(kind: str) -> float:
        found = lens_oct(SHAPE, 1, opacities=(Opacity(kind, 0.8, 1.0),), seed=2).cataract[0]
        return float(np.nonzero(found)[0].mean())

    order = ["anterior subcapsular", "cortical", "nuclear", "posterior subcapsular"]
    rows = [mean_row(kind) for kind in order]
    assert rows == sorted(rows)


def test_a_cortical_spoke_is_seen_in_the_scans_that_cut_it() -> None:
    spoke = Opacity("cortical", 0.8, radius_mm=0.5, distance_mm=1.6, azimuth_deg=90)
    area = lens_oct(SHAPE, 6, opacities=(spoke,), seed=1).cataract.sum(axis=(1, 2))
    assert area.argmax() == 3
    assert area[0] < 0.2 * area[3]


def test_size_and_density_do_what_they_say() -> None:
    small, large = (
        lens_oct(SHAPE, 1, opacities=(Opacity("nuclear", 0.5, r),), seed=3) for r in (1.0, 2.5)
    )
    assert large.cataract.sum() > 2 * small.cataract.sum()
    faint, dense = (
        lens_oct(SHAPE, 1, opacities=(Opacity("nuclear", d, 2.0),), seed=3) for d in (0.3, 0.9)
    )
    inside = faint.cataract
    assert dense.volume.array[inside].mean() > faint.volume.array[inside].mean() + 30


def test_the_saturated_column_is_brighter_than_its_sides_above_the_lens() -> None:
    scan = lens_oct(SHAPE, 1, seed=6).volume.array[0].astype(float)
    columns = scan[: SHAPE[0] // 3].mean(axis=0)
    middle = SHAPE[1] // 2
    assert columns[middle - 6 : middle + 6].max() > 1.3 * columns[middle + 25 : middle + 60].max()


def test_the_iris_throws_a_shadow_beside_the_lens() -> None:
    phantom = lens_oct(SHAPE, 1, seed=8)
    scan, lens = phantom.volume.array[0], phantom.lens[0]
    rows, columns = np.nonzero(lens)
    deep = slice(rows.max() - 25, rows.max() - 10)
    beside = scan[deep, columns.min() - 25 : columns.min() - 8]
    assert beside.mean() < 0.35 * scan[lens].mean()


def test_a_cataract_patient_has_cataract_in_both_eyes_and_a_clear_one_in_neither() -> None:
    assert all(eye.cataract.any() for eye in lens_patient(1, cataract=True, shape=SHAPE, scans=2))
    eyes = lens_patient(2, cataract=False, shape=SHAPE, scans=2)
    assert not any(eye.cataract.any() for eye in eyes)
    assert not np.array_equal(eyes[0].volume.array, eyes[1].volume.array)


def test_any_shape_shows_the_same_eye() -> None:
    small, large = (lens_oct(shape, 1, seed=4).lens.mean() for shape in ((228, 269), (456, 538)))
    assert small == pytest.approx(large, rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "polar"},
        {"kind": "nuclear", "density": 0.0},
        {"kind": "nuclear", "density": 1.1},
        {"kind": "nuclear", "radius_mm": 0.0},
        {"kind": "nuclear", "distance_mm": -1.0},
    ],
)
def test_an_impossible_opacity_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="expected"):
        Opacity(**wrong)


def test_too_small_a_picture_or_no_scan_is_refused() -> None:
    for shape, scans in (((63, 200), 1), ((200, 200), 0)):
        with pytest.raises(InputError, match="at least one scan and 64 pixels"):
            lens_oct(shape, scans)
