"""Each lesion's numbers, and the burden of all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import GeometryError
from medai.images.orientation import to_axial
from medai.images.volume import Volume
from medai.measures.zones import ALL_ZONE_NAMES, UNKNOWN_ZONES, ZONE_NAMES

Ras = tuple[float, float, float]

HIGH_OPACITY_HU = -200
# A lesion's inmost point is looked for on at most about this many voxels.
_MAX_CENTER_VOXELS = 200_000
_MOSTLY = 0.5


@dataclass(frozen=True)
class Lesion:
    """One 3D connected component of lesion voxels (26 neighbors, one class).

    number: 1 for the largest.
    kind: the class's name.
    extent_mm: sizes along (R, A, S) of the box around it.
    slices: axial slices it is seen in.
    score: mean probability over its voxels, 0..1.
    zone: lung zone 1..9 that holds most of it, 0 for none (see ALL_ZONE_NAMES).
    center_ras: RAS in mm of a voxel inside the lesion, far from its border.
    """

    number: int
    kind: str
    volume_ml: float
    mean_hu: float
    extent_mm: Ras
    slices: int
    score: float
    zone: int
    center_ras: Ras


@dataclass(frozen=True)
class LesionBurden:
    """The burden of all lesions, in mL and in percent of lung volume.

    ``lesion_volume_ml`` and ``class_volume_ml`` count every lesion voxel; percentages count those
    inside the lung or zone they are of. A percentage of a lung or zone that isn't in view is nan.
    Zones of a lung of unknown side are listed only where there is one.
    high_opacity_percent: lesion voxels of -200 HU and more, in percent of the lung volume.
    opacity_interval_percent: the 95 % interval of opacity_percent, (low, high), as far as the
        model's probabilities tell; None where they don't, and for lesions that a hand drew.
    """

    lung_volume_ml: float
    right_lung_volume_ml: float
    left_lung_volume_ml: float
    lesion_volume_ml: float
    class_volume_ml: dict[str, float]
    opacity_percent: float
    right_opacity_percent: float
    left_opacity_percent: float
    zone_lung_volume_ml: dict[str, float]
    zone_lesion_volume_ml: dict[str, float]
    zone_opacity_percent: dict[str, float]
    high_opacity_percent: float
    lesion_count: int
    opacity_interval_percent: tuple[float, float] | None = None


def measure_lesions(
    volume: Volume,
    lesions: NDArray[np.uint8],
    zones: NDArray[np.uint8],
    probability: NDArray,
    classes: Sequence[str],
) -> tuple[tuple[Lesion, ...], LesionBurden]:
    """Every lesion, largest first, and their burden.

    volume: CT in HU. lesions: uint8 (z, y, x), 0 or 1 + class index. zones: uint8 (z, y, x), see
    lung_zones. probability: (z, y, x) in 0..1. All on ``volume``'s grid.
    Percentage of opacity: lesion volume / lung volume, as the COVID-19 severity literature defines
    it (PO). Raises GeometryError when the shapes differ.
    """
    for what, array in (("lesions", lesions), ("zones", zones), ("probability", probability)):
        if array.shape != volume.grid_shape:
            raise GeometryError(
                f"{volume.name}: {what} of shape {array.shape}, expected {volume.grid_shape}."
            )
    box = _box(lesions)
    inside = lesions[box]
    numbers, kinds = _components(inside, len(classes))
    at = numbers > 0
    hu = volume.array[box][at]
    zone = zones[box][at]
    voxel_ml = volume.voxel_volume_ml
    found = _each(volume, box, numbers, kinds, classes, hu, zone, probability[box][at], at)

    zone_lung_ml = voxel_ml * _counts(zones)
    zone_lesion_ml = voxel_ml * np.bincount(zone, minlength=len(ALL_ZONE_NAMES))
    high_ml = voxel_ml * np.count_nonzero((hu >= HIGH_OPACITY_HU) & (zone > 0))
    class_ml = voxel_ml * np.bincount(inside[at], minlength=len(classes) + 1)[1:]
    right, left = slice(1, 4), slice(4, 7)
    burden = LesionBurden(
        lung_volume_ml=float(zone_lung_ml[1:].sum()),
        right_lung_volume_ml=float(zone_lung_ml[right].sum()),
        left_lung_volume_ml=float(zone_lung_ml[left].sum()),
        lesion_volume_ml=float(class_ml.sum()),
        class_volume_ml=dict(zip(classes, class_ml.tolist(), strict=True)),
        opacity_percent=_percent(zone_lesion_ml[1:].sum(), zone_lung_ml[1:].sum()),
        right_opacity_percent=_percent(zone_lesion_ml[right].sum(), zone_lung_ml[right].sum()),
        left_opacity_percent=_percent(zone_lesion_ml[left].sum(), zone_lung_ml[left].sum()),
        zone_lung_volume_ml=_by_zone(zone_lung_ml, zone_lung_ml),
        zone_lesion_volume_ml=_by_zone(zone_lesion_ml, zone_lung_ml),
        zone_opacity_percent=_by_zone(
            [_percent(*pair) for pair in zip(zone_lesion_ml, zone_lung_ml, strict=True)],
            zone_lung_ml,
        ),
        high_opacity_percent=_percent(high_ml, zone_lung_ml[1:].sum()),
        lesion_count=len(found),
    )
    return found, burden


def burden_sentence(burden: LesionBurden) -> str:
    """The burden in one sentence, for a panel and a report's first line."""
    if burden.lung_volume_ml == 0:
        return "No lungs in view."
    between = interval_words(burden.opacity_interval_percent)
    if burden.lesion_count == 0:
        found = f"No lesions found in {burden.lung_volume_ml:,.0f} mL of lung"
        return f"{found} ({between})." if between else f"{found}."
    sides = [
        f"{side} {percent:.1f} %" if math.isfinite(percent) else f"{side} not in view"
        for side, percent in (
            ("right", burden.right_opacity_percent),
            ("left", burden.left_opacity_percent),
        )
    ]
    if set(UNKNOWN_ZONES) & set(burden.zone_lung_volume_ml):
        sides = ["one lung, side unknown"]
    regions = "1 region" if burden.lesion_count == 1 else f"{burden.lesion_count} regions"
    volume = burden.lesion_volume_ml
    return (
        f"Lesions {volume:,.{0 if volume >= 10 else 1}f} mL, {burden.opacity_percent:.1f} % of "
        f"lung ({'; '.join(filter(None, (between, ', '.join(sides))))}), {regions}, "
        f"{_where(burden)}."
    )


def interval_words(interval_percent: tuple[float, float] | None) -> str:
    """The interval of an opacity, "95 % interval 1.2 to 3.4 %"; "" where there is none."""
    if interval_percent is None:
        return ""
    low, high = interval_percent
    return f"95 % interval {low:.1f} to {high:.1f} %"


def healthy_sentence(burden: LesionBurden, healthy_percent: float | None) -> str:
    """The burden in one sentence, held against what the model marks in healthy lungs.

    healthy_percent: the most it marked there, in percent of lung volume; None when nobody measured
    it, then the burden's sentence alone.
    """
    words = burden_sentence(burden)
    if healthy_percent is None or burden.lesion_count == 0 or burden.lung_volume_ml == 0:
        return words
    if burden.opacity_percent <= healthy_percent:
        level = f"up to {healthy_percent:.1f} % of lung"
        return f"No more than this model marks in healthy lungs ({level}). {words}"
    return f"{words} {healthy_level(healthy_percent)}"


def opacity_sentence(
    opacity_percent: float,
    healthy_percent: float | None,
    interval_percent: tuple[float, float] | None = None,
) -> str:
    """The percentage of opacity alone, with its interval where there is one, held against what the
    model marks in healthy lungs."""
    between = interval_words(interval_percent)
    words = f"Opacity {opacity_percent:.1f} % of lung{f' ({between})' if between else ''}"
    if healthy_percent is None:
        return f"{words}."
    if opacity_percent <= healthy_percent:
        return f"{words}: no more than this model marks in healthy lungs."
    return f"{words}. {healthy_level(healthy_percent)}"


def healthy_level(healthy_percent: float) -> str:
    """What stands beside a percentage of opacity: the most a model marked in healthy lungs."""
    return f"In healthy lungs this model marks up to {healthy_percent:.1f} % of lung."


def without_small_regions(
    lesions: NDArray[np.uint8], classes: int, least_ml: float, voxel_ml: float
) -> NDArray[np.uint8]:
    """Lesions (z, y, x; 0 or 1 + class index) without regions smaller than ``least_ml``.

    A region is what measure_lesions counts as one: connected voxels of one class, 26 neighbors.
    """
    box = _box(lesions)
    numbers, _ = _components(lesions[box], classes)
    small = np.bincount(numbers.ravel()) * voxel_ml < least_ml
    small[0] = False
    if not small.any():
        return lesions
    kept = lesions.copy()
    kept[box][small[numbers]] = 0
    return kept


def _where(burden: LesionBurden) -> str:
    total = sum(burden.zone_lesion_volume_ml.values())
    for height in ("upper", "middle", "lower"):
        part = sum(ml for zone, ml in burden.zone_lesion_volume_ml.items() if height in zone)
        if part > _MOSTLY * total:
            return f"mostly {height} zones"
    return "spread over the zones"


def _box(mask: NDArray) -> tuple[slice, slice, slice]:
    """The smallest box around the non-zero voxels; an empty one when there are none."""
    lines = [mask.any(axis=(1, 2)), mask.any(axis=(0, 2)), mask.any(axis=(0, 1))]
    if not lines[0].any():
        return slice(0, 0), slice(0, 0), slice(0, 0)
    ends = [np.flatnonzero(line) for line in lines]
    z, y, x = (slice(int(line[0]), int(line[-1]) + 1) for line in ends)
    return z, y, x


def _components(lesions: NDArray[np.uint8], classes: int) -> tuple[NDArray[np.int32], list[int]]:
    """Components numbered from 1, and each one's class index."""
    numbers: NDArray[np.int32] | None = None
    kinds: list[int] = []
    for kind in range(classes):
        labels, count = ndimage.label(lesions == kind + 1, np.ones((3, 3, 3)), output=np.int32)
        if numbers is None:
            numbers = labels
        elif count:
            np.add(labels, len(kinds), out=numbers, where=labels > 0)
        kinds += [kind] * count
    assert numbers is not None
    return numbers, kinds


def _each(
    volume: Volume,
    box: tuple[slice, slice, slice],
    numbers: NDArray[np.int32],
    kinds: list[int],
    classes: Sequence[str],
    hu: NDArray,
    zone: NDArray,
    probability: NDArray,
    at: NDArray[np.bool_],
) -> tuple[Lesion, ...]:
    count = len(kinds)
    if count == 0:
        return ()
    of = numbers[at] - 1
    corner = np.array([part.start for part in box])
    sizes = np.bincount(of, minlength=count)
    mean_hu = np.bincount(of, hu, count) / sizes
    score = np.bincount(of, probability, count) / sizes
    zones = len(ALL_ZONE_NAMES)
    by_zone = np.bincount(of * zones + zone, minlength=count * zones).reshape(count, zones)
    best_zone = np.where(by_zone[:, 1:].any(axis=1), 1 + by_zone[:, 1:].argmax(axis=1), 0)

    slice_axis = to_axial(volume).source_axes[0]
    across = tuple(axis for axis in range(3) if axis != slice_axis)
    extent, slices = np.empty((count, 3)), np.empty(count, int)
    inmost = np.empty((count, 3), np.int64)
    for k, part in enumerate(ndimage.find_objects(numbers, count)):
        mask = numbers[part] == k + 1
        start = np.array([p.start for p in part])
        extent[k] = _extent_mm(mask, volume.ijk_to_ras[:3, :3])
        slices[k] = np.count_nonzero(mask.any(axis=across))
        inmost[k] = start + _inmost(mask, volume.spacing_mm)

    centers = volume.ras_of(inmost + corner)
    order = np.argsort(-sizes, kind="stable")
    return tuple(
        Lesion(
            number=number,
            kind=classes[kinds[k]],
            volume_ml=float(sizes[k] * volume.voxel_volume_ml),
            mean_hu=float(mean_hu[k]),
            extent_mm=_ras(extent[k]),
            slices=int(slices[k]),
            score=float(score[k]),
            zone=int(best_zone[k]),
            center_ras=_ras(centers[k]),
        )
        for number, k in enumerate(order, start=1)
    )


def _extent_mm(mask: NDArray[np.bool_], ijk_to_ras: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sizes along R, A, S of the box around a mask's voxels, their own size included."""
    # However the grid lies in space, the farthest voxel ends a line of voxels.
    z, y = np.nonzero(mask.any(axis=2))
    lines = mask[z, y]
    ends = lines.argmax(axis=1), mask.shape[2] - 1 - lines[:, ::-1].argmax(axis=1)
    ijk = np.stack([np.concatenate(ends), np.tile(y, 2), np.tile(z, 2)])
    return np.ptp(ijk_to_ras @ ijk, axis=1) + np.abs(ijk_to_ras).sum(axis=1)


def _inmost(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.int64]:
    """The voxel (z, y, x) of a component that is farthest from its border."""
    stride = 1
    while mask.size // stride**3 > _MAX_CENTER_VOXELS:
        stride += 1
    coarse = mask[::stride, ::stride, ::stride]
    if not coarse.any():
        coarse, stride = mask, 1
    depth = ndimage.distance_transform_edt(np.pad(coarse, 1), sampling=spacing_mm)
    return stride * (np.array(np.unravel_index(depth.argmax(), depth.shape)) - 1)


def _counts(zones: NDArray[np.uint8]) -> NDArray[np.int64]:
    # Plane by plane, so that what is compared stays in the processor's cache.
    every = range(len(ALL_ZONE_NAMES))
    return np.sum([[np.count_nonzero(plane == z) for z in every] for plane in zones], axis=0)


def _by_zone(values: Sequence[float] | NDArray, lung_ml: NDArray) -> dict[str, float]:
    names = ALL_ZONE_NAMES if lung_ml[len(ZONE_NAMES) :].any() else ZONE_NAMES
    return {names[zone]: float(values[zone]) for zone in range(1, len(names))}


def _percent(part: float, whole: float) -> float:
    return float(100.0 * part / whole) if whole > 0 else math.nan


def _ras(values: NDArray) -> Ras:
    r, a, s = (float(value) for value in values)
    return r, a, s
