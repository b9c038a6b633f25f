"""Ground glass and consolidation of exact volumes inside synthetic lungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import InputError
from medai.images.interpolation import interpolate

GROUND_GLASS, CONSOLIDATION = 1, 2
_LABELS = {"ground-glass opacity": GROUND_GLASS, "consolidation": CONSOLIDATION}
_RIGHT, _LEFT = 1, 2
_COARSE_MM = 5.0
_INNER_DEPTH_MM = 6.0


LesionKind = Literal["ground-glass opacity", "consolidation"]
Side = Literal["right", "left"]


@dataclass(frozen=True)
class PhantomLesion:
    """A lesion to place. on_pleura: whether it lies against the pleura or free inside the lung."""

    kind: LesionKind
    volume_ml: float
    lung: Side = "right"
    on_pleura: bool = True


# Kind, percent of both lungs' volume, lung, on the pleura: what a moderate COVID-19 looks like.
_USUAL: tuple[tuple[LesionKind, float, Side, bool], ...] = (
    ("ground-glass opacity", 3.0, "right", True),
    ("consolidation", 1.0, "right", True),
    ("ground-glass opacity", 0.6, "right", False),
    ("ground-glass opacity", 2.0, "left", True),
    ("consolidation", 0.5, "left", True),
    ("consolidation", 0.25, "left", False),
)


def usual_lesions(lung_volume_ml: float) -> tuple[PhantomLesion, ...]:
    """Six lesions, 7.35 % of the lung, in both lungs."""
    return tuple(
        PhantomLesion(kind, lung_volume_ml * percent / 100.0, lung, on_pleura)
        for kind, percent, lung, on_pleura in _USUAL
    )


def drawn_lesions(
    rng: np.random.Generator, fewest: int, most: int, least_ml: float, most_ml: float
) -> tuple[PhantomLesion, ...]:
    """``fewest`` to ``most`` lesions, a third of them consolidations, most on the pleura.

    Their volumes are evenly spread over the logarithms from ``least_ml`` to ``most_ml``.
    """
    return tuple(
        PhantomLesion(
            "consolidation" if rng.random() < 0.35 else "ground-glass opacity",
            float(np.exp(rng.uniform(np.log(least_ml), np.log(most_ml)))),
            "right" if rng.random() < 0.5 else "left",
            bool(rng.random() < 0.7),
        )
        for _ in range(rng.integers(fewest, most + 1))
    )


def place_lesions(
    hu: NDArray[np.int16],
    lungs: NDArray[np.uint8],
    spacing_mm: tuple[float, float, float],
    wanted: Sequence[PhantomLesion],
    rng: np.random.Generator,
    growth: float = 1.0,
) -> NDArray[np.uint8]:
    """Paint lesions into ``hu``; their labels, uint8 (z, y, x): 1 ground glass, 2 consolidation.

    growth: of every lesion's volume, around what it is without growth.
    Raises InputError when a lesion is smaller than a voxel or has no room.
    """
    labels = np.zeros(lungs.shape, np.uint8)
    coarse = _CoarseLungs(lungs, spacing_mm)
    placed = [_place(lungs, labels, coarse, spacing_mm, lesion, rng) for lesion in wanted]
    if growth != 1.0:
        for each in placed:
            each.grow(labels, growth)
    for each in placed:
        lung = lungs[each.box] == each.side
        _paint(hu[each.box], each.inside, lung, each.lesion.kind, spacing_mm, each.texture)
    return labels


class _CoarseLungs:
    """Depth below the pleura on a coarse grid, where it costs nothing."""

    def __init__(self, lungs: NDArray[np.uint8], spacing_mm: tuple[float, float, float]) -> None:
        self.stride = tuple(max(1, round(_COARSE_MM / mm)) for mm in spacing_mm)
        self.lungs = lungs[tuple(slice(None, None, step) for step in self.stride)]
        self.step_mm = [step * mm for step, mm in zip(self.stride, spacing_mm, strict=True)]
        # The scan's own first and last slice are no pleura.
        padded = np.pad(self.lungs, ((1, 1), (0, 0), (0, 0)), mode="edge")
        self.depth_mm = ndimage.distance_transform_edt(padded, sampling=self.step_mm)[1:-1].astype(
            np.float32
        )

    def depth_in(self, box: tuple[slice, slice, slice]) -> NDArray[np.float32]:
        """Depth in mm on the fine grid of ``box``, interpolated."""
        axes = [
            np.arange(part.start, part.stop, dtype=np.float32) / step
            for part, step in zip(box, self.stride, strict=True)
        ]
        return interpolate(self.depth_mm, axes)


@dataclass(eq=False)
class _Placed:
    """A lesion in its place: everything in ``box``, a part of the grid.

    away: how far each voxel is from belonging to it. room: where it may be, other lesions left
    out of account. inside: the voxels it has. texture: of its density.
    """

    lesion: PhantomLesion
    side: int
    box: tuple[slice, slice, slice]
    away: NDArray[np.float32]
    room: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    texture: NDArray[np.float32]

    def grow(self, labels: NDArray[np.uint8], growth: float) -> None:
        """More or fewer voxels around the same place; a grown lesion holds what it had."""
        here = labels[self.box]
        voxels = max(1, round(growth * np.count_nonzero(self.inside)))
        if growth > 1.0:
            away = np.where(self.inside, np.float32(-1e6), self.away)
            inside = _nearest_connected(away, self.room & ((here == 0) | self.inside), voxels)
        else:
            inside = _nearest_connected(self.away, self.inside, voxels)
        if inside is None:
            raise InputError(
                f"No room for a {self.lesion.kind} of {self.lesion.volume_ml:.1f} mL to grow to "
                f"{growth:.2f} times in the {self.lesion.lung} lung."
            )
        here[self.inside] = 0
        here[inside] = _LABELS[self.lesion.kind]
        self.inside = inside


def _place(
    lungs: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    coarse: _CoarseLungs,
    spacing_mm: tuple[float, float, float],
    lesion: PhantomLesion,
    rng: np.random.Generator,
) -> _Placed:
    side = _RIGHT if lesion.lung == "right" else _LEFT
    voxels = round(lesion.volume_ml * 1000.0 / float(np.prod(spacing_mm)))
    radius_mm = (3.0 * lesion.volume_ml * 1000.0 / (4.0 * np.pi)) ** (1 / 3)
    if voxels < 1:
        raise InputError(
            f"A {lesion.kind} of {lesion.volume_ml} mL is smaller than a voxel of this phantom."
        )
    center = _center(coarse, labels, side, lesion.on_pleura, radius_mm, rng)
    reach_mm = 2.6 * radius_mm + 12.0
    box = tuple(
        slice(max(0, int(c - reach_mm / mm)), min(size, int(c + reach_mm / mm) + 1))
        for c, mm, size in zip(center, spacing_mm, lungs.shape, strict=True)
    )
    box = (box[0], box[1], box[2])
    depth = coarse.depth_in(box)
    room = lungs[box] == side
    if not lesion.on_pleura:
        room &= depth > _INNER_DEPTH_MM
    z, y, x = (
        (np.arange(part.start, part.stop) - c) * (mm / radius_mm)
        for part, c, mm in zip(box, center, spacing_mm, strict=True)
    )
    away = np.float32(1) * (z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    # Ragged on two scales: lobes, and the frayed edge of lobules.
    away += 0.9 * _smooth_noise(away.shape, spacing_mm, 0.55 * radius_mm, rng)
    away += 0.35 * _smooth_noise(away.shape, spacing_mm, 5.0, rng)
    if lesion.on_pleura:
        away += (depth / (0.7 * radius_mm)) ** 2
    inside = _nearest_connected(away, room & (labels[box] == 0), voxels)
    if inside is None:
        raise InputError(
            f"No room for a {lesion.kind} of {lesion.volume_ml:.1f} mL in the {lesion.lung} lung."
        )
    labels[box][inside] = _LABELS[lesion.kind]
    texture = _smooth_noise(inside.shape, spacing_mm, 5.0, rng)
    return _Placed(lesion, side, box, away, room, inside, texture)


def _center(
    coarse: _CoarseLungs,
    labels: NDArray[np.uint8],
    side: int,
    on_pleura: bool,
    radius_mm: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    taken = labels[tuple(slice(None, None, step) for step in coarse.stride)] > 0
    room = (coarse.lungs == side) & ~taken
    if taken.any():
        # Clear of the others, where there is such a place.
        away_mm = ndimage.distance_transform_edt(~taken, sampling=coarse.step_mm)
        clear = room & (away_mm > 1.4 * radius_mm)
        room = clear if clear.any() else room
    depth = coarse.depth_mm
    inner_mm = min(_INNER_DEPTH_MM + radius_mm, 0.75 * depth[room].max(initial=0))
    near = room & (depth < 2.0 * _COARSE_MM if on_pleura else depth > inner_mm)
    if not near.any():
        raise InputError("No room for another lesion: the lungs are full or not in view.")
    z, y, x = np.nonzero(near)
    weight = np.ones(len(z))
    if on_pleura:
        # Toward the back, the base and the ribs, where COVID-19 pneumonia mostly lies.
        out = -x if side == _RIGHT else x
        weight = np.exp(4.0 * _rank(y) - 1.5 * _rank(z) + 4.0 * _rank(out))
    places = np.argwhere(near)
    return places[rng.choice(len(places), p=weight / weight.sum())] * np.array(coarse.stride)


def _rank(values: NDArray) -> NDArray[np.float64]:
    return (values - values.min()) / max(1, int(np.ptp(values)))


def _nearest_connected(
    away: NDArray[np.float32], free: NDArray[np.bool_], voxels: int
) -> NDArray[np.bool_] | None:
    """The ``voxels`` nearest free voxels that hang together, None when there are too few."""
    away = np.where(free, away, np.inf)
    for _ in range(8):
        if np.count_nonzero(np.isfinite(away)) < voxels:
            return None
        limit = np.partition(away, voxels - 1, axis=None)[voxels - 1]
        labels, count = ndimage.label(away <= limit)
        if count == 1:
            break
        main = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
        away[(labels > 0) & ~main] = np.inf
    flat = np.argpartition(away, voxels - 1, axis=None)[:voxels]
    inside = np.zeros(away.shape, bool)
    inside.reshape(-1)[flat] = True
    return inside


def _smooth_noise(
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    grain_mm: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Noise of standard deviation about 1 with structure of ``grain_mm``, in -inf..inf."""
    size = [
        max(2, int(np.ceil(n * mm / max(grain_mm, mm))) + 2)
        for n, mm in zip(shape, spacing_mm, strict=True)
    ]
    seedlings = rng.standard_normal(size, dtype=np.float32)
    axes = [np.linspace(0, n - 2, m, dtype=np.float32) for n, m in zip(size, shape, strict=True)]
    return 1.4 * interpolate(seedlings, axes)


def _paint(
    hu: NDArray[np.int16],
    inside: NDArray[np.bool_],
    lung: NDArray[np.bool_],
    kind: str,
    spacing_mm: tuple[float, float, float],
    texture: NDArray[np.float32],
) -> None:
    if kind == "consolidation":
        edge_mm, target = 0.7, 32.0 + 12.0 * texture
    else:
        edge_mm, target = 1.6, -610.0 + 55.0 * texture
    share = ndimage.gaussian_filter(
        inside.astype(np.float32), [edge_mm / mm for mm in spacing_mm], truncate=2.5
    )
    share *= lung
    old = hu.astype(np.float32)
    hu[...] = np.rint(old + share * np.maximum(target - old, 0.0)).astype(np.int16)
