"""The smooth parts of a synthetic chest: body, bones, organs and lungs, from closed formulas.

Coordinates are anatomical millimetres of an adult: x toward the patient's left, y toward the back,
z toward the head, (0, 0, 0) in the middle of the mediastinum. Shapes and sizes are those of
textbook anatomy; densities are usual CT values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Half of the body's width and depth, and how far the lungs reach.
BODY_HALF_WIDTH_MM = 172.0
BODY_HALF_DEPTH_MM = 118.0
LUNG_TOP_MM = 134.0
LUNG_BOTTOM_MM = -136.0

AIR_HU = -1000.0
FAT_HU = -100.0
MUSCLE_HU = 52.0
_SKIN_HU = 10.0
_CORTEX_HU = 850.0
_MARROW_HU = 230.0
_CARTILAGE_HU = 105.0
_LIVER_HU = 58.0
_SPLEEN_HU = 50.0
_RIB_PITCH_MM = 25.0
_RIB_SLOPE = 0.55

RIGHT, LEFT = 1, 2


@dataclass(frozen=True)
class Chest:
    """What differs from one person to the next, drawn from a seed.

    waves: (4, 6) wave numbers (1/mm) along x, y, z and their phases; their sum makes outlines and
        densities irregular.
    width, depth: of the body, as a share of the average.
    fat: where the chest wall's muscle begins, as a share of the way out, to the power 2.4.
    lung_hu, blood_hu, noise_hu: depth of breath, contrast agent or not, dose.
    """

    waves: NDArray[np.float64]
    width: float
    depth: float
    fat: float
    heart_mm: tuple[float, float, float]
    dome_mm: tuple[float, float]
    lung_hu: float
    blood_hu: float
    noise_hu: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Chest:
        """A person drawn from ``rng``."""
        waves = np.column_stack(
            [rng.uniform(0.015, 0.06, (4, 3)), rng.uniform(0, 2 * np.pi, (4, 3))]
        )
        return cls(
            waves=waves,
            width=rng.uniform(0.96, 1.03),
            depth=rng.uniform(0.96, 1.03),
            fat=rng.uniform(0.74, 0.84),
            heart_mm=(rng.uniform(48, 56), rng.uniform(42, 48), rng.uniform(48, 54)),
            dome_mm=(rng.uniform(-62, -50), rng.uniform(-74, -62)),
            lung_hu=rng.uniform(-895, -855),
            blood_hu=rng.choice([42.0, 42.0, rng.uniform(120, 260)]),
            noise_hu=rng.uniform(14, 34),
        )


def irregular(chest: Chest, z: NDArray, y: NDArray, x: NDArray) -> NDArray[np.float32]:
    """A smooth irregular field within about -1..1 on the grid of open coordinates."""
    field = np.zeros(np.broadcast_shapes(z.shape, y.shape, x.shape), np.float32)
    for wx, wy, wz, px, py, pz in chest.waves:
        field += np.sin(wx * x + px) * np.sin(wy * y + py) * np.sin(wz * z + pz)
    return field


def paint(
    chest: Chest, z: NDArray, y: NDArray, x: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Densities in HU and lungs (1 right, 2 left) on open float32 coordinates, (z, y, x)."""
    x = x / chest.width
    y = y / chest.depth
    uneven = irregular(chest, z, y, x)
    body = np.abs(x / BODY_HALF_WIDTH_MM) ** 2.4 + np.abs(y / BODY_HALF_DEPTH_MM) ** 2.4
    body = body + 0.015 * uneven
    cavity = _cavity(z, y, x) + 0.03 * uneven

    hu = np.full(uneven.shape, AIR_HU, np.float32)
    _table(hu, z, y, x)
    inside = body < 1.0
    hu[inside] = FAT_HU
    hu[inside & (body > 0.965)] = _SKIN_HU
    # Fat runs between the muscles of the chest wall.
    wall = (body < chest.fat) & (np.abs(cavity - 1.5 - 0.12 * uneven) > 0.06)
    hu[wall] = MUSCLE_HU
    _ribs(hu, cavity, inside, z, y, x)
    _shoulder_blades(hu, inside, z, y, x)
    within = cavity < 1.0
    hu[within] = FAT_HU + 10.0
    height = z - _diaphragm(chest, y, x)
    above = height > 0.0
    _abdomen(hu, within & ~above, height, z, y, x)
    lungs = _lungs(hu, chest, within & above & (cavity < 0.975), uneven, z, y, x)
    _spine_and_sternum(hu, lungs, z, y, x)
    hu += 6.0 * uneven * (hu > -300)
    return hu, lungs


def _cavity(z: NDArray, y: NDArray, x: NDArray) -> NDArray:
    """Below 1 inside the rib cage; it narrows toward the apex."""
    up = np.clip((z + 40.0) / (LUNG_TOP_MM + 40.0), 0.0, 0.999)
    narrow = np.maximum(np.sqrt(1.0 - up**2), 0.05)
    return np.abs(x / (137.0 * narrow)) ** 2.5 + np.abs((y + 2.0) / (91.0 * narrow**0.7)) ** 2.3


def _diaphragm(chest: Chest, y: NDArray, x: NDArray) -> NDArray:
    right, left = (
        top - 62.0 * (((x - side * 68.0) / 80.0) ** 2 + ((y + 12.0) / 80.0) ** 2)
        for top, side in zip(chest.dome_mm, (-1, 1), strict=True)
    )
    return np.maximum(np.maximum(right, left), LUNG_BOTTOM_MM)


def _ribs(
    hu: NDArray, cavity: NDArray, inside: NDArray, z: NDArray, y: NDArray, x: NDArray
) -> None:
    along = z - _RIB_SLOPE * y
    turn = along / _RIB_PITCH_MM
    across = (turn - np.floor(turn) - 0.5) / 0.21
    ring = ((cavity - 1.16) / 0.10) ** 2 + across**2
    rib = (ring < 1.0) & inside & (np.abs(along) < 132.0) & ~((y < -70.0) & (np.abs(x) < 24.0))
    cartilage = y < -52.0
    hu[rib] = _MARROW_HU
    hu[rib & (ring > 0.4)] = _CORTEX_HU
    hu[rib & cartilage] = _CARTILAGE_HU


def _shoulder_blades(hu: NDArray, inside: NDArray, z: NDArray, y: NDArray, x: NDArray) -> None:
    out = np.abs(x) - 92.0
    # A thin curved plate, widest at the top.
    plate = np.abs(y - 82.0 + 0.5 * out + 0.006 * out**2) < 2.2
    blade = plate & (np.abs(out) < 14.0 + 0.16 * z) & (z > 5.0) & (z < 118.0) & inside
    hu[blade] = 0.55 * _CORTEX_HU


def _abdomen(
    hu: NDArray, where: NDArray, height: NDArray, z: NDArray, y: NDArray, x: NDArray
) -> None:
    hu[where & (x < 28.0)] = _LIVER_HU
    spleen = ((x - 82.0) / 42.0) ** 2 + ((y - 38.0) / 38.0) ** 2 + ((z + 112.0) / 46.0) ** 2 < 1.0
    hu[where & spleen] = _SPLEEN_HU
    stomach = ((x - 62.0) / 46.0) ** 2 + ((y + 22.0) / 46.0) ** 2 + ((z + 118.0) / 42.0) ** 2
    hu[where & (stomach < 1.0)] = MUSCLE_HU
    hu[where & (stomach < 0.85)] = 12.0
    # Swallowed air lies at the front of the stomach of someone on their back, under the diaphragm.
    hu[where & (stomach < 0.85) & (y < -34.0) & (height < -8.0)] = -985.0
    hu[where & (height > -4.0)] = MUSCLE_HU


def _lungs(
    hu: NDArray,
    chest: Chest,
    room: NDArray,
    uneven: NDArray,
    z: NDArray,
    y: NDArray,
    x: NDArray,
) -> NDArray[np.uint8]:
    # In front of the great vessels the lungs come within a few millimetres of each other.
    half = 2.2 + 24.0 * np.exp(-(((y - 8.0) / 38.0) ** 2)) + 16.0 * _step((z - 52.0) / 36.0)
    half = half + 18.0 * _step((-z - 15.0) / 30.0) * _step((-y - 20.0) / 30.0)
    half = np.maximum(half, 26.0 * _step((y - 34.0) / 22.0))
    rx, ry, rz = chest.heart_mm
    heart = ((x - 20.0) / rx) ** 2 + ((y + 30.0) / ry) ** 2 + ((z + 42.0) / rz) ** 2 + 0.06 * uneven
    hilum = ((np.abs(x) - 30.0) / 15.0) ** 2 + ((y - 8.0) / 16.0) ** 2 + ((z - 8.0) / 24.0) ** 2
    aorta = ((x - 26.0) / 13.0) ** 2 + ((y - 38.0) / 13.0) ** 2 + np.where(z < 58.0, 0.0, 9.0)
    core = (np.abs(x) < half) & room
    hu[core & (hilum < 1.0)] = chest.blood_hu
    hu[heart < 1.0] = np.where(room[heart < 1.0], chest.blood_hu, hu[heart < 1.0])
    hu[(aorta < 1.0) & room] = 1.1 * chest.blood_hu
    air = room & (np.abs(x) > half) & (heart > 1.14) & (hilum > 1.0) & (aorta > 1.25)
    lungs = np.zeros(room.shape, np.uint8)
    lungs[air & (x < 0)] = RIGHT
    lungs[air & (x > 0)] = LEFT
    # Blood sinks: the back of the lung is denser.
    density = chest.lung_hu + 0.33 * (y + 60.0) + 18.0 * uneven
    hu[air] = np.broadcast_to(density, hu.shape)[air]
    return lungs


def _step(t: NDArray) -> NDArray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _spine_and_sternum(hu: NDArray, lungs: NDArray, z: NDArray, y: NDArray, x: NDArray) -> None:
    body = (x / 19.0) ** 2 + ((y - 64.0) / 16.0) ** 2 + 0.0 * z
    canal = (x / 9.5) ** 2 + ((y - 88.0) / 8.5) ** 2 + 0.0 * z
    arch = (x / 17.0) ** 2 + ((y - 88.0) / 14.5) ** 2 + 0.0 * z
    level = z / 28.0
    between = np.abs(level - np.floor(level) - 0.5) / 0.5
    arch_here = (arch < 1.0) & (between < 0.72)
    spine_process = (np.abs(x) < 3.5) & (y > 98.0) & (y < 112.0) & (between < 0.55)
    wing = (np.abs(x) < 34.0) & (np.abs(y - 84.0) < 4.5) & (between < 0.28)
    sternum = (x / 17.0) ** 2 + ((y + 93.0) / 6.5) ** 2 + np.where(np.abs(z - 25) < 75, 0.0, 9.0)

    bone = (body < 1.0) | arch_here | spine_process | wing | (sternum < 1.0)
    shell = (body > 0.8) & (sternum > 0.55)
    hu[bone] = _MARROW_HU * 0.8
    hu[bone & shell] = _CORTEX_HU * 0.75
    hu[(body < 1.0) & (between > 0.84)] = _CARTILAGE_HU - 15.0
    hu[canal < 1.0] = 18.0
    lungs[bone | (canal < 1.0)] = 0


def _table(hu: NDArray, z: NDArray, y: NDArray, x: NDArray) -> None:
    top = 121.0 - 0.0009 * x**2
    board = (np.abs(x) < 210.0) & (y > top) & (y < top + 24.0) & (z > -1e9)
    hu[board] = -860.0
    hu[board & ((y < top + 2.5) | (y > top + 21.5))] = 60.0
