"""Lesion numbers against values computed by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import ndimage

from medai.errors import GeometryError
from medai.images import Volume, to_axial
from medai.measures import Lesion, LesionBurden, burden_sentence, lung_zones, measure_lesions
from medai.phantoms import chest_ct
from Testing.images.test_orientation import STORAGES, stored

CLASSES = ("ground-glass opacity", "consolidation")
# 2 × 5 × 10 mm voxels (x, y, z): 0.1 mL each.
MATRIX = np.diag([-2.0, -5.0, 10.0, 1.0])


@pytest.fixture
def small() -> dict[str, np.ndarray]:
    """Right lung 6 × 4 × 5 voxels in columns 0..4, left lung as large in columns 5..9."""
    lungs = np.zeros((6, 4, 10), np.uint8)
    lungs[:, :, :5], lungs[:, :, 5:] = 1, 2
    lesions = np.zeros_like(lungs)
    lesions[0, 0:2, 0:3] = 1  # 6 voxels at the bottom of the right lung
    lesions[5, 3, 9] = 1  # 1 voxel at the top of the left lung
    lesions[1, 0, 0] = 2  # 1 voxel on top of the first, another class
    lesions[4:6, 0, 6] = 2  # 2 voxels in the left lung
    hu = np.full(lungs.shape, -850, np.int16)
    hu[lesions == 1] = -600
    hu[lesions == 2] = 20
    hu[0, 0, 0] = -300
    probability = np.where(lesions > 0, 0.75, 0.125).astype(np.float16)
    probability[4, 0, 6] = 0.25
    return {"hu": hu, "lungs": lungs, "lesions": lesions, "probability": probability}


def measured(small: dict[str, np.ndarray]) -> tuple[tuple[Lesion, ...], LesionBurden]:
    volume = Volume(small["hu"], MATRIX, "CT", "small")
    zones = lung_zones(small["lungs"], volume)
    return measure_lesions(volume, small["lesions"], zones, small["probability"], CLASSES)


def test_each_lesion_has_the_numbers_counted_by_hand(small) -> None:
    findings, _ = measured(small)

    assert [f.number for f in findings] == [1, 2, 3, 4]
    assert [f.kind for f in findings] == [CLASSES[0], CLASSES[1], CLASSES[0], CLASSES[1]]
    first, second, third, _ = findings
    assert first.volume_ml == pytest.approx(0.6)
    assert first.mean_hu == pytest.approx(-550.0)  # (5 · -600 - 300) / 6
    assert first.extent_mm == pytest.approx((6.0, 10.0, 10.0))
    assert first.slices == 1
    assert first.score == pytest.approx(0.75)
    assert first.zone == 3
    assert second.volume_ml == pytest.approx(0.2)
    assert second.mean_hu == pytest.approx(20.0)
    assert second.extent_mm == pytest.approx((2.0, 5.0, 20.0))
    assert second.slices == 2
    assert second.score == pytest.approx(0.5)  # (0.25 + 0.75) / 2
    assert second.zone == 4
    assert third.center_ras == pytest.approx((-18.0, -15.0, 50.0))


def test_the_burden_has_the_numbers_counted_by_hand(small) -> None:
    _, burden = measured(small)

    assert burden.lung_volume_ml == pytest.approx(24.0)
    assert burden.right_lung_volume_ml == burden.left_lung_volume_ml == pytest.approx(12.0)
    assert burden.lesion_volume_ml == pytest.approx(1.0)
    assert burden.class_volume_ml == pytest.approx({CLASSES[0]: 0.7, CLASSES[1]: 0.3})
    assert burden.opacity_percent == pytest.approx(100 * 10 / 240)
    assert burden.right_opacity_percent == pytest.approx(100 * 7 / 120)
    assert burden.left_opacity_percent == pytest.approx(100 * 3 / 120)
    assert burden.high_opacity_percent == pytest.approx(100 * 3 / 240)
    assert burden.zone_lesion_volume_ml == pytest.approx(
        {
            "right upper": 0.0,
            "right middle": 0.0,
            "right lower": 0.7,
            "left upper": 0.3,
            "left middle": 0.0,
            "left lower": 0.0,
        }
    )
    assert burden.zone_lung_volume_ml["right lower"] == pytest.approx(4.0)
    assert burden.zone_opacity_percent["right lower"] == pytest.approx(17.5)
    assert burden.lesion_count == 4


def test_the_threshold_of_high_opacity_belongs_to_it(small) -> None:
    small["hu"][small["lesions"] == 2] = -200

    assert measured(small)[1].high_opacity_percent == pytest.approx(100 * 3 / 240)


def test_voxels_that_touch_at_a_corner_are_one_lesion(small) -> None:
    small["lesions"][:] = 0
    small["lesions"][2, 1, 1] = small["lesions"][3, 2, 2] = 1

    findings, burden = measured(small)

    assert burden.lesion_count == 1
    assert findings[0].extent_mm == pytest.approx((4.0, 10.0, 20.0))


def test_lesions_outside_the_lungs_count_as_volume_but_not_as_opacity(small) -> None:
    small["lungs"][small["lesions"] == 2] = 0

    findings, burden = measured(small)

    assert burden.lesion_volume_ml == pytest.approx(1.0)
    assert burden.opacity_percent == pytest.approx(100 * 7 / 237)
    assert burden.high_opacity_percent == 0.0
    assert [f.zone for f in findings if f.kind == CLASSES[1]] == [0, 0]


def test_no_lesions_and_no_lungs(small) -> None:
    small["lesions"][:] = 0
    findings, burden = measured(small)
    assert findings == ()
    assert burden.opacity_percent == 0.0
    assert burden_sentence(burden) == "No lesions found in 24 mL of lung."

    small["lungs"][:] = 0
    _, burden = measured(small)
    assert math.isnan(burden.opacity_percent)
    assert math.isnan(burden.zone_opacity_percent["left upper"])
    assert burden_sentence(burden) == "No lungs in view."


def test_the_sentence_is_the_one_a_radiologist_reads(small) -> None:
    _, burden = measured(small)
    assert burden_sentence(burden) == (
        "Lesions 1.0 mL, 4.2 % of lung (right 5.8 %, left 2.5 %), 4 regions, mostly lower zones."
    )

    many = dataclasses.replace(
        burden,
        lesion_volume_ml=1412.4,
        opacity_percent=9.63,
        right_opacity_percent=13.1,
        left_opacity_percent=math.nan,
        lesion_count=1,
        zone_lesion_volume_ml=dict.fromkeys(burden.zone_lesion_volume_ml, 1.0),
    )
    assert burden_sentence(many) == (
        "Lesions 1,412 mL, 9.6 % of lung (right 13.1 %, left not in view), 1 region, "
        "spread over the zones."
    )


def test_the_center_lies_inside_a_hollow_lesion() -> None:
    z, y, x = np.ogrid[:30, :120, :120]
    ring = (
        ((y - 60) ** 2 + (x - 60) ** 2 < 55**2) & ((y - 60) ** 2 + (x - 60) ** 2 > 40**2) & (z > 1)
    )
    lesions = ring.astype(np.uint8)
    volume = Volume(np.zeros(lesions.shape, np.int16), np.eye(4), "CT", "ring")

    (ring_lesion,), _ = measure_lesions(volume, lesions, lesions, lesions, ("lesion",))

    x_at, y_at, z_at = (round(v) for v in ring_lesion.center_ras)
    assert lesions[z_at, y_at, x_at]
    assert 45 < math.hypot(y_at - 60, x_at - 60) < 50


def test_the_same_study_stored_otherwise_has_the_same_numbers() -> None:
    phantom = chest_ct((48, 64, 70), (6.0, 5.5, 5.5), seed=1)
    results = []
    for axes, flips in STORAGES[::9]:
        volume, lungs, lesions = (
            stored(Volume(a, phantom.volume.ijk_to_ras, "CT", "x"), axes, flips)
            for a in (phantom.volume.array, phantom.lungs, phantom.lesions)
        )
        zones = lung_zones(lungs.array, volume)
        results.append(measure_lesions(volume, lesions.array, zones, lesions.array > 0, CLASSES))
    findings, burden = results[0]
    assert len(findings) >= 6
    for other_findings, other_burden in results[1:]:
        assert other_burden == burden
        # Components of equal size may come in another order, their centers elsewhere inside.
        for key in ("volume_ml", "mean_hu", "slices", "zone"):
            assert sorted(getattr(f, key) for f in other_findings) == pytest.approx(
                sorted(getattr(f, key) for f in findings)
            )


def test_arrays_of_another_grid_are_an_error(small) -> None:
    volume = Volume(small["hu"], MATRIX, "CT", "small")

    with pytest.raises(GeometryError, match="small: zones of shape"):
        measure_lesions(volume, small["lesions"], small["lungs"][1:], small["probability"], CLASSES)


@pytest.mark.parametrize("seed", range(4))
def test_extent_and_slices_are_those_of_every_voxel_on_an_oblique_grid(seed) -> None:
    rng = np.random.default_rng(seed)
    lesions = (rng.random((7, 8, 9)) < 0.12).astype(np.uint8)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * (0.8, 0.7, 2.0)
    volume = Volume(np.full(lesions.shape, -700, np.int16), matrix, "CT", "oblique")

    findings, _ = measure_lesions(volume, lesions, lesions, lesions, ("lesion",))

    labels, count = ndimage.label(lesions, np.ones((3, 3, 3)))
    places = [np.argwhere(labels == number) for number in range(1, count + 1)]
    footprint = np.abs(matrix[:3, :3]).sum(axis=1)
    slice_axis = to_axial(volume).source_axes[0]
    expected = sorted(
        (
            len(place),
            tuple(np.round(np.ptp(volume.ras_of(place), axis=0) + footprint, 6)),
            len(np.unique(place[:, slice_axis])),
        )
        for place in places
    )
    found = sorted(
        (round(f.volume_ml / volume.voxel_volume_ml), tuple(np.round(f.extent_mm, 6)), f.slices)
        for f in findings
    )
    assert found == expected and count > 3
