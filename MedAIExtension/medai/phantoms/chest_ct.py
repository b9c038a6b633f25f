"""A synthetic chest CT with known lungs and lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import InputError
from medai.images.volume import Volume
from medai.phantoms.branching import Tubes, draw, erase, grow
from medai.phantoms.chest_anatomy import Chest, paint
from medai.phantoms.chest_lesions import PhantomLesion, place_lesions, usual_lesions

# The adult body and a margin of air; smaller fields of view get a smaller body.
_FIELD_MM = (2 * 182.0, 2 * 138.0)
_LARGEST_SCALE = 1.1
_NOISE_GRAIN_PIXELS = 0.75
_SLAB = 8
_VESSELS_PER_LUNG = 700
_AIRWAYS_PER_LUNG = 36
_VESSEL_TIP_MM = 0.48
_AIRWAY_TIP_MM = 1.1

# Great vessels and central airways: (from, to) as (x, y, z) in anatomical mm, and radius.
_BLOOD_TUBES = (
    ((-8, -28, -10), (-10, -24, 58), 15.0),
    ((-10, -24, 58), (14, 18, 66), 13.5),
    ((14, 18, 66), (25, 38, 50), 12.5),
    ((-25, -16, -8), (-25, -14, 95), 8.5),
    ((6, -34, -5), (18, -12, 22), 13.0),
    ((18, -12, 22), (-36, 4, 14), 10.0),
    ((18, -12, 22), (40, 10, 22), 10.0),
    ((0, -22, 85), (0, -2, 125), 6.0),
    ((-25, -14, 95), (-48, -6, 125), 6.5),
    ((14, 8, 70), (26, 6, 125), 5.5),
)
_TRACHEA = (
    ((0, 8, 160), (0, 6, 90), 9.0),
    ((0, 6, 90), (0, 10, 42), 8.5),
    ((0, 10, 42), (-38, 10, 12), 7.0),
    ((0, 10, 42), (42, 14, 8), 6.5),
)
_HILA = {1: (-40.0, 10.0, 10.0), 2: (44.0, 14.0, 6.0)}


@dataclass(frozen=True, eq=False)
class ChestPhantom:
    """A synthetic study and its truth, all on one grid (z, y, x).

    volume: CT in HU, int16, stored axially (slices toward S, rows toward P, columns toward L).
    lungs: uint8, 1 right, 2 left; vessels, bronchi and lesions inside the lungs belong to them.
    lesions: uint8, 1 ground-glass opacity, 2 consolidation.
    """

    volume: Volume
    lungs: NDArray[np.uint8]
    lesions: NDArray[np.uint8]


def chest_ct(
    shape: tuple[int, int, int] = (80, 160, 160),
    spacing_mm: tuple[float, float, float] = (4.0, 2.4, 2.4),
    lesions: Sequence[PhantomLesion] | None = None,
    seed: int = 0,
    growth: float = 1.0,
) -> ChestPhantom:
    """Body with fat, muscle and bones, airways, vessels, two lungs, lesions, noise, table.

    shape and spacing_mm: (z, y, x). The body is an adult's, or smaller where the field of view is;
    a field of view that is short along z shows the middle of the chest only.
    lesions: what to place, each with its exact volume; None for six that fill 7.35 % of the lungs,
        () for a healthy chest.
    seed: another seed is another person; the same is the same to the voxel.
    growth: of every lesion's volume, in its place; all else is the same to the voxel: the person on
        another date.
    Raises InputError when sizes or growth aren't positive, or a lesion has no room.
    """
    if len(shape) != 3 or min(shape) < 1 or len(spacing_mm) != 3 or min(spacing_mm) <= 0:
        raise InputError(
            f"Phantom of {shape} voxels at {spacing_mm} mm, expected three positive numbers each."
        )
    if not growth > 0:
        raise InputError(f"Lesions that grow to {growth} times, expected a positive number.")
    rng = np.random.default_rng(seed)
    scale = min(
        _LARGEST_SCALE,
        shape[2] * spacing_mm[2] / _FIELD_MM[0],
        shape[1] * spacing_mm[1] / _FIELD_MM[1],
    )
    frame = _Frame(shape, spacing_mm, scale)
    chest = Chest.drawn(rng)
    hu, lungs = _still_chest(frame, chest)
    blood, trachea = frame.tubes(_BLOOD_TUBES), frame.tubes(_TRACHEA)
    draw(hu, blood, spacing_mm, chest.blood_hu)
    walls = Tubes(trachea.start_mm, trachea.end_mm, trachea.radius_mm + 1.5 * scale)
    draw(hu, walls, spacing_mm, 10.0)
    erase(lungs, blood, spacing_mm)
    erase(lungs, walls, spacing_mm)

    lung_ml = np.count_nonzero(lungs) * float(np.prod(spacing_mm)) / 1000.0
    if lesions is None:
        lesions = usual_lesions(lung_ml) if lung_ml > 0 else ()
    labels = place_lesions(hu, lungs, spacing_mm, lesions, rng, growth)
    _trees(hu, lungs, frame, chest.blood_hu, rng)
    draw(hu, trachea, spacing_mm, -985.0)
    _scan(hu, chest.noise_hu, rng)
    volume = Volume(hu, frame.ijk_to_ras(), "CT", "Chest CT phantom")
    return ChestPhantom(volume, lungs, labels)


@dataclass(frozen=True)
class _Frame:
    """The grid, and where the anatomy lies on it."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    scale: float

    def middle_mm(self) -> NDArray[np.float64]:
        """The grid's place (z, y, x) of the anatomy's (0, 0, 0)."""
        return (np.array(self.shape) - 1) / 2 * self.spacing_mm

    def anatomical(self, axis: int) -> NDArray[np.float32]:
        """Anatomical mm along an axis of (z, y, x)."""
        place = np.arange(self.shape[axis]) * self.spacing_mm[axis] - self.middle_mm()[axis]
        return (place / self.scale).astype(np.float32)

    def grid_mm(self, xyz: NDArray) -> NDArray[np.float64]:
        """Grid mm (z, y, x) of anatomical (..., 3) in (x, y, z)."""
        return np.asarray(xyz, float)[..., ::-1] * self.scale + self.middle_mm()

    def tubes(self, pieces: Sequence[tuple[tuple, tuple, float]]) -> Tubes:
        """Tubes on the grid of pieces in anatomical mm."""
        start, end, radius = zip(*pieces, strict=True)
        return Tubes(
            self.grid_mm(np.array(start)),
            self.grid_mm(np.array(end)),
            np.array(radius) * self.scale,
        )

    def ijk_to_ras(self) -> NDArray[np.float64]:
        """Columns toward L, rows toward P, slices toward S, the middle at (0, 0, 0)."""
        z, y, x = self.spacing_mm
        matrix = np.diag([-x, -y, z, 1.0])
        matrix[:3, 3] = self.middle_mm()[::-1] * (1.0, 1.0, -1.0)
        return matrix


def _still_chest(frame: _Frame, chest: Chest) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    hu = np.empty(frame.shape, np.int16)
    lungs = np.empty(frame.shape, np.uint8)
    z, y, x = (frame.anatomical(axis) for axis in range(3))
    for first in range(0, frame.shape[0], _SLAB):
        part = slice(first, first + _SLAB)
        painted, lungs[part] = paint(chest, z[part, None, None], y[None, :, None], x[None, None, :])
        hu[part] = np.rint(painted)
    return hu, lungs


def _trees(
    hu: NDArray[np.int16],
    lungs: NDArray[np.uint8],
    frame: _Frame,
    blood_hu: float,
    rng: np.random.Generator,
) -> None:
    """Arteries, veins and bronchi from each hilum through its lung."""
    step = [max(1, round(4.0 * frame.scale / mm)) for mm in frame.spacing_mm]
    coarse = lungs[:: step[0], :: step[1], :: step[2]]
    scale = frame.scale
    for side, hilum in _HILA.items():
        places = np.argwhere(coarse == side).astype(float) * np.multiply(step, frame.spacing_mm)
        if len(places) < _VESSELS_PER_LUNG:
            continue
        root = frame.grid_mm(np.array(hilum))
        for offset in (-6.0, 6.0):
            ends = places[rng.choice(len(places), _VESSELS_PER_LUNG, replace=False)]
            ends += rng.uniform(-2.0, 2.0, ends.shape) * scale
            vessels = grow(
                root + np.array([offset, 0, 0]) * scale, ends, _VESSEL_TIP_MM * scale, rng
            )
            draw(hu, vessels, frame.spacing_mm, blood_hu, lungs)
        near = places[np.linalg.norm(places - root, axis=1) < 75.0 * scale]
        if len(near) < _AIRWAYS_PER_LUNG:
            continue
        ends = near[rng.choice(len(near), _AIRWAYS_PER_LUNG, replace=False)]
        bronchi = grow(root, ends, _AIRWAY_TIP_MM * scale, rng)
        wall = Tubes(bronchi.start_mm, bronchi.end_mm, 1.35 * bronchi.radius_mm)
        draw(hu, wall, frame.spacing_mm, -60.0, lungs)
        draw(hu, bronchi, frame.spacing_mm, -985.0, lungs)


def _scan(hu: NDArray[np.int16], noise_hu: float, rng: np.random.Generator) -> None:
    """What the scanner does: a point spread of about a pixel, and noise with its grain."""
    grain = np.zeros((33, 33))
    grain[16, 16] = 1.0
    strength = np.sqrt((ndimage.gaussian_filter(grain, _NOISE_GRAIN_PIXELS) ** 2).sum())
    for plane in hu:
        noise = rng.standard_normal(plane.shape, dtype=np.float32)
        noise = ndimage.gaussian_filter(noise, _NOISE_GRAIN_PIXELS, truncate=3.0)
        seen = ndimage.gaussian_filter(plane.astype(np.float32), 0.55, truncate=3.0)
        seen += noise * np.float32(noise_hu / strength)
        plane[...] = np.rint(np.clip(seen, -1024, 3071))
