"""Lungs without a network."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from medai.errors import GeometryError
from medai.images import Volume, read_volume
from medai.measures import label_lungs, lung_zones, segment_lungs
from medai.phantoms import ChestPhantom, PhantomLesion, chest_ct
from Testing.images.test_orientation import STORAGES, stored

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "volumes"
SHAPE, SPACING_MM = (100, 128, 136), (3.0, 2.9, 2.8)
CUT = "The lungs are cut by the image edge: percentages hold for the visible part only."
SIDE_UNKNOWN = "One lung is in view; its side is unknown: no spine, trachea or chest wall."
ON_THE_PLEURA = (
    PhantomLesion("consolidation", 90.0, "right"),
    PhantomLesion("consolidation", 50.0, "left"),
    PhantomLesion("ground-glass opacity", 200.0, "left"),
)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_ct(SHAPE, SPACING_MM, seed=7)


def part_of(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    """A part of a volume, in its place."""
    start = [part.indices(size)[0] for part, size in zip(box, volume.grid_shape, strict=True)]
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] = volume.ras_of(np.array([start]))[0]
    return Volume(np.ascontiguousarray(volume.array[box]), matrix, "CT", "part")


def thick_slices(phantom: ChestPhantom, count: int, first: int) -> tuple[Volume, np.ndarray]:
    """Means of ``count`` slices each, and the lungs in them by majority."""
    slices = (len(phantom.lungs) - first) // count
    used = slice(first, first + slices * count)
    blocks = (slices, count, *SHAPE[1:])
    hu = phantom.volume.array[used].reshape(blocks).mean(axis=1).round().astype(np.int16)
    lungs = np.zeros(hu.shape, np.uint8)
    for label in (1, 2):
        share = (phantom.lungs[used].reshape(blocks) == label).mean(axis=1)
        lungs[share >= 0.5] = label
    matrix = phantom.volume.ijk_to_ras @ np.diag([1.0, 1.0, count, 1.0])
    return Volume(hu, matrix, "CT", "thick"), lungs


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_consolidations_on_the_pleura_stay_inside(seed) -> None:
    ill = chest_ct(SHAPE, SPACING_MM, ON_THE_PLEURA, seed=seed)

    found = segment_lungs(ill.volume)

    for label in (1, 2):
        assert dice(found.labels == label, ill.lungs == label) >= 0.97
    ground_glass, consolidation = (found.labels[ill.lesions == kind] > 0 for kind in (1, 2))
    assert ground_glass.mean() >= 0.98
    # A part that reaches diaphragm or mediastinum can't be told from them.
    assert consolidation.mean() >= 0.5
    assert found.labels.dtype == np.uint8
    assert found.note == ""


@pytest.mark.parametrize(
    "shape_spacing", [((60, 90, 100), (5.0, 4.0, 3.9)), ((70, 190, 200), (4.0, 1.9, 1.9))]
)
def test_coarse_and_fine_grids_agree_with_the_truth(shape_spacing) -> None:
    usual = chest_ct(*shape_spacing, seed=3)

    found = segment_lungs(usual.volume)

    assert dice(found.labels > 0, usual.lungs > 0) >= 0.975


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_a_real_chest_agrees_with_its_published_lung_mask() -> None:
    study = read_volume(SHARED / "cip_chest_ct64" / "ct-64.nrrd")
    truth = read_volume(SHARED / "cip_chest_ct64" / "wholeLung-64.nrrd").array > 0

    found = segment_lungs(study)

    assert dice(found.labels > 0, truth) >= 0.975
    right, left = (study.ras_of(np.argwhere(found.labels == k))[:, 0].mean() for k in (1, 2))
    assert right > left + 80  # mm, R is positive.


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_half_a_thorax_has_the_right_lung() -> None:
    root = SHARED / "ibsi_lung_ct" / "ibsi_1_ct_radiomics_phantom"

    study = read_volume(root / "dicom" / "image")
    found = segment_lungs(study)

    right, left = (np.count_nonzero(found.labels == k) * study.voxel_volume_ml for k in (1, 2))
    assert 1000 < right < 1500
    assert left < 0.02 * right
    assert found.note == f"Only the right lung is in view. {CUT}"


def test_twelve_storages_give_the_same_lungs_in_space() -> None:
    phantom = chest_ct((60, 80, 84), (5.0, 4.6, 4.5), seed=2)
    reference = segment_lungs(phantom.volume).labels
    in_space = Volume(reference, phantom.volume.ijk_to_ras, "", "lungs")
    for axes, flips in STORAGES[3::4]:
        found = segment_lungs(stored(phantom.volume, axes, flips))
        expected = stored(in_space, axes, flips).array
        assert dice(found.labels == 1, expected == 1) >= 0.999
        assert dice(found.labels == 2, expected == 2) >= 0.999
    assert len(STORAGES[3::4]) == 12


def test_lungs_that_touch_are_told_apart(phantom) -> None:
    hu = phantom.volume.array.copy()
    lungs = phantom.lungs
    # Open what lies between the lungs in front of the heart, over 6 cm of height.
    inside = lungs > 0
    front = np.zeros(SHAPE, bool)
    front[50:70, :44] = True
    between = front & ~inside & (np.cumsum(inside, axis=2) > 0)
    between &= np.cumsum(inside[..., ::-1], axis=2)[..., ::-1] > 0
    hu[between] = -860

    found = segment_lungs(Volume(hu, phantom.volume.ijk_to_ras, "CT", "touching"))

    assert np.count_nonzero(between) > 300
    for label in (1, 2):
        assert dice(found.labels == label, lungs == label) >= 0.97


def test_one_lung_alone_is_on_its_own_side(phantom) -> None:
    for gone, kept, name in ((1, 2, "left"), (2, 1, "right")):
        hu = phantom.volume.array.copy()
        hu[phantom.lungs == gone] = 40
        found = segment_lungs(Volume(hu, phantom.volume.ijk_to_ras, "CT", "one"))
        assert dice(found.labels == kept, phantom.lungs == kept) >= 0.97
        assert found.note == f"Only the {name} lung is in view."


@pytest.mark.parametrize("seed", [0, 1])
def test_lungs_that_the_border_of_a_heart_ct_cuts_are_kept(seed) -> None:
    whole = chest_ct(SHAPE, SPACING_MM, (), seed=seed)
    box = (slice(5, 65), slice(25, 95), slice(44, 104))

    found = segment_lungs(part_of(whole.volume, box))

    for label in (1, 2):
        assert dice(found.labels == label, whole.lungs[box] == label) >= 0.95
    assert found.note == CUT


def test_lungs_that_a_round_field_of_view_cuts_are_kept(phantom) -> None:
    hu = phantom.volume.array.copy()
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    outside = (y - 60) ** 2 + (x - 68) ** 2 > 34**2
    hu[:, outside] = -3024

    found = segment_lungs(Volume(hu, phantom.volume.ijk_to_ras, "CT", "round"))

    assert dice(found.labels > 0, (phantom.lungs > 0) & ~outside) >= 0.95
    assert found.note == CUT


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_lungs_that_the_border_of_a_real_ct_cuts_are_kept() -> None:
    study = read_volume(SHARED / "cip_chest_ct64" / "ct-64.nrrd")
    truth = read_volume(SHARED / "cip_chest_ct64" / "wholeLung-64.nrrd").array > 0
    # All heights, as the file's axes lie; 30 of 64 rows and columns.
    middle = [int(places.mean()) for places in np.nonzero(truth)]
    box = (slice(None), *(slice(k - 15, k + 15) for k in middle[1:]))

    found = segment_lungs(part_of(study, box))

    assert dice(found.labels > 0, truth[box]) >= 0.95
    assert CUT in found.note
    assert set(np.unique(found.labels)) == {0, 1, 2}


@pytest.mark.parametrize("kind", ["gas", "stool"])
def test_bowel_gas_below_the_diaphragm_is_not_lung(phantom, kind) -> None:
    hu = phantom.volume.array.copy()
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    bowel = ((z - 8) * 3) ** 2 + ((y - 55) * 2.9) ** 2 < 18**2
    bowel = bowel & (np.abs(x - 95) * 2.8 < 45)
    # The diaphragm lies between bowel and lung.
    bowel &= ~ndimage.binary_dilation(phantom.lungs > 0, iterations=2)
    noise = np.random.default_rng(0).normal(size=int(bowel.sum()))
    hu[bowel] = -980 + 15 * noise if kind == "gas" else -700 + 120 * noise

    found = segment_lungs(Volume(hu, phantom.volume.ijk_to_ras, "CT", "bowel"))

    assert np.count_nonzero(bowel) * phantom.volume.voxel_volume_ml > 60
    assert np.count_nonzero(found.labels[bowel]) <= 0.05 * np.count_nonzero(bowel)
    assert dice(found.labels > 0, phantom.lungs > 0) >= 0.97


@pytest.mark.parametrize("first", [0, 3, 5])
def test_slices_of_thirty_millimetres_show_both_lungs(phantom, first) -> None:
    volume, lungs = thick_slices(phantom, 10, first)

    found = segment_lungs(volume)

    for label in (1, 2):
        assert dice(found.labels == label, lungs == label) >= 0.93
    assert found.note == ""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
@pytest.mark.parametrize("side", [1, 2])
def test_a_real_ct_of_one_lung_is_one_lung(side) -> None:
    study = read_volume(SHARED / "cip_chest_ct64" / "ct-64.nrrd")
    lungs = segment_lungs(study).labels
    ends = [(k.min(), k.max()) for k in np.nonzero(lungs == side)]
    box = tuple(slice(max(0, low - 2), high + 3) for low, high in ends)

    found = segment_lungs(part_of(study, box))

    assert dice(found.labels == side, lungs[box] == side) >= 0.95
    other = np.count_nonzero(found.labels == 3 - side)
    assert other <= 0.02 * np.count_nonzero(found.labels == side)


def test_one_lung_without_spine_trachea_or_wall_has_no_side(phantom) -> None:
    for side, columns in ((1, slice(20, 54)), (2, slice(82, 116))):
        box = (slice(12, 80), slice(24, 104), columns)
        part = part_of(phantom.volume, box)

        found = segment_lungs(part)
        given = label_lungs(part, phantom.lungs[box] > 0)

        for mask in (found, given):
            assert set(np.unique(mask.labels)) == {0, 3}
            assert dice(mask.labels == 3, phantom.lungs[box] == side) >= 0.95
            assert mask.note == f"{SIDE_UNKNOWN} {CUT}"


@pytest.mark.parametrize("side", [1, 2])
def test_a_mask_of_one_lung_is_one_lung(phantom, side) -> None:
    given = label_lungs(phantom.volume, phantom.lungs == side)

    np.testing.assert_array_equal(given.labels, np.where(phantom.lungs == side, side, 0))
    assert given.note == f"Only the {('right', 'left')[side - 1]} lung is in view."


def test_a_mask_of_both_lungs_is_told_apart_by_the_spine(phantom) -> None:
    given = label_lungs(phantom.volume, phantom.lungs > 0)

    inside = phantom.lungs > 0
    assert (given.labels[inside] == phantom.lungs[inside]).mean() >= 0.995
    assert not given.labels[~inside].any()
    assert given.note == ""


def test_trachea_stomach_table_and_room_are_not_lung(phantom) -> None:
    found = segment_lungs(phantom.volume)

    wrong = (found.labels > 0) & (phantom.lungs == 0) & (phantom.volume.array < -950)
    assert np.count_nonzero(wrong) * phantom.volume.voxel_volume_ml < 5.0


def test_padding_and_a_body_cut_by_the_border_do_not_matter(phantom) -> None:
    hu = phantom.volume.array.copy()
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    hu[:, (y - 64) ** 2 + (x - 68) ** 2 > 66**2] = -3024
    cut = (slice(None), slice(38, 92), slice(24, 112))

    padded = segment_lungs(Volume(hu, phantom.volume.ijk_to_ras, "CT", "padded"))
    narrow = segment_lungs(Volume(phantom.volume.array[cut], phantom.volume.ijk_to_ras, "CT", "n"))

    assert dice(padded.labels > 0, phantom.lungs > 0) >= 0.97
    assert dice(narrow.labels > 0, phantom.lungs[cut] > 0) >= 0.95


@pytest.mark.parametrize(
    "hu",
    [
        np.zeros((20, 40, 40), np.int16),
        np.full((20, 40, 40), -1000, np.int16),
        np.full((20, 40, 40), 40, np.int16),
        np.random.default_rng(0).integers(-1000, 1000, (20, 40, 40)).astype(np.int16),
        np.zeros((1, 40, 40), np.int16),
        np.zeros((1, 1, 1), np.int16),
        np.zeros((5, 40, 40, 3), np.uint8),
    ],
)
def test_no_lungs_gives_an_empty_mask_and_a_sentence(hu) -> None:
    found = segment_lungs(Volume(hu, np.diag([-4.0, -4.0, 4.0, 1.0]), "CT", "nothing"))

    assert found.labels.shape == hu.shape[:3]
    assert not found.labels.any()
    assert found.note.startswith("No lungs")


def test_a_body_without_lungs_has_none(phantom) -> None:
    below = phantom.volume.array.copy()
    below[phantom.lungs > 0] = 45

    found = segment_lungs(Volume(below, phantom.volume.ijk_to_ras, "CT", "abdomen"))

    assert not found.labels.any()
    assert found.note == "No lungs in view."


def test_a_large_study_needs_little_more_than_its_own_memory(phantom) -> None:
    fine = phantom.volume.array.repeat(3, axis=1).repeat(3, axis=2)
    matrix = phantom.volume.ijk_to_ras @ np.diag([1 / 3, 1 / 3, 1.0, 1.0])
    volume = Volume(fine, matrix, "CT", "large")

    tracemalloc.start()
    segment_lungs(volume)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * fine.nbytes


def test_zones_are_thirds_by_volume_from_the_top(phantom) -> None:
    zones = lung_zones(phantom.lungs, phantom.volume)

    assert ((zones > 0) == (phantom.lungs > 0)).all()
    for lung, first in ((1, 1), (2, 4)):
        sizes = [np.count_nonzero(zones == first + k) for k in range(3)]
        largest_slice = np.count_nonzero(phantom.lungs == lung, axis=(1, 2)).max()
        assert max(sizes) - min(sizes) <= 2 * largest_slice
        heights = [np.argwhere(zones == first + k)[:, 0].mean() for k in range(3)]
        assert heights[0] > heights[1] > heights[2]


def test_zones_of_a_hand_made_lung() -> None:
    lungs = np.zeros((6, 1, 2), np.uint8)
    lungs[:, 0, 0] = 1
    lungs[3:, 0, 1] = 2
    upward = Volume(np.zeros((6, 1, 2)), np.diag([-1.0, -1.0, 5.0, 1.0]), "CT", "x")
    downward = Volume(np.zeros((6, 1, 2)), np.diag([-1.0, -1.0, -5.0, 1.0]), "CT", "x")

    np.testing.assert_array_equal(lung_zones(lungs, upward)[:, 0, 0], [3, 3, 2, 2, 1, 1])
    np.testing.assert_array_equal(lung_zones(lungs, upward)[:, 0, 1], [0, 0, 0, 6, 5, 4])
    np.testing.assert_array_equal(lung_zones(lungs, downward)[:, 0, 0], [1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(
        lung_zones(np.where(lungs == 2, 3, 0).astype(np.uint8), upward)[3:, 0, 1], [9, 8, 7]
    )
    with pytest.raises(GeometryError, match="lungs of shape"):
        lung_zones(lungs[1:], upward)


@pytest.mark.parametrize("share", [0.35, 0.5, 0.65])
def test_a_single_slice_has_its_lungs(phantom, share) -> None:
    index = int(share * SHAPE[0])
    slices = np.s_[index : index + 1, :, :]
    volume = part_of(phantom.volume, slices)
    found = segment_lungs(volume).labels
    truth = phantom.lungs[slices]
    assert found.shape == truth.shape
    assert dice(found > 0, truth > 0) > 0.95
    assert dice(found == 1, truth == 1) > 0.95


def test_vessels_do_not_cost_a_single_slice_its_lungs(phantom) -> None:
    # Every fourth pixel a vessel: most of what surrounds the air is then vessel, not chest wall.
    index = SHAPE[0] // 2
    part = part_of(phantom.volume, np.s_[index : index + 1, :, :])
    truth = phantom.lungs[index : index + 1]
    hu = part.array.copy()
    vessels = np.zeros(hu.shape, bool)
    vessels[:, ::4, ::4] = True
    hu[vessels & ndimage.binary_erosion(truth > 0, np.ones((1, 3, 3)))] = 40

    found = segment_lungs(Volume(hu, part.ijk_to_ras, "CT", "vessels"))

    for label in (1, 2):
        assert dice(found.labels == label, truth == label) >= 0.95


LUNG_SLICES = SHARED.parent / "ct_lungs_hu" / "slices.npz"


@pytest.mark.skipif(not LUNG_SLICES.is_file(), reason="the shared slices aren't on this machine")
@pytest.mark.parametrize("name", ["ID_0053_Z_0127", "ID_0107_Z_0062", "ID_0160_Z_0140"])
def test_real_slices_that_lost_a_lung_have_both(name) -> None:
    with np.load(LUNG_SLICES) as data:
        index = data["names"].tolist().index(name)
        hu = data["hu"][index : index + 1]
        truth = np.unpackbits(data["lungs"][index], axis=-1) > 0

    found = segment_lungs(Volume(hu, np.diag([-1.4, -1.4, 5.0, 1.0]), "CT", name))

    assert dice(found.labels[0] > 0, truth) >= 0.96
