"""What an OCT device adds to a scan: speckle, saturation, shading, ghosts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SPECKLE_MM = (0.006, 0.011)  # correlation along depth and width
_SPECKLE_STD = 11.0


def speckle(
    shape: tuple[int, int], spacing_mm: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Correlated noise (rows, columns) in grey levels; coarser grids average it down."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    sigma = [size / step for size, step in zip(_SPECKLE_MM, spacing_mm, strict=True)]
    smooth = ndimage.gaussian_filter(noise, [s if s > 0.35 else 0.0 for s in sigma])
    smooth /= smooth.std()
    averaged = np.prod([1 / np.sqrt(1 + (1 / (3.5 * s)) ** 2) for s in sigma])
    return smooth * np.float32(_SPECKLE_STD * averaged)


def rough(shape: tuple[int, ...], grain: tuple[float, ...], rng: np.random.Generator) -> NDArray:
    """Smooth random field of mean 0 and standard deviation 1 with features of ``grain`` pixels."""
    coarse = [max(2, int(np.ceil(n / g)) + 3) for n, g in zip(shape, grain, strict=True)]
    seed = rng.standard_normal(coarse).astype(np.float32)
    zoom = [n / (c - 1) for n, c in zip(shape, coarse, strict=True)]
    field = ndimage.zoom(seed, zoom, order=2)[tuple(slice(0, n) for n in shape)]
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def add_saturation(
    image: NDArray, x: NDArray, y: NDArray, apex_mm: float, lens_mm: float, rng: np.random.Generator
) -> None:
    """The vertical artefact where the corneal reflex saturates the detector, in place.

    A combed column from above the cornea into the anterior chamber, bright spots in it, and a thin
    line that may run on through the lens to the picture's lower edge.
    """
    center = rng.uniform(-0.12, 0.12)
    width = rng.uniform(0.22, 0.33)
    off = x - center
    column = np.exp(-((np.abs(off) / width) ** 6))
    line = np.exp(-((off / rng.uniform(0.03, 0.06)) ** 2))
    comb = 25 * rough((len(y),), (max(2.0, 0.04 / float(y[1] - y[0])),), rng)
    reach = np.exp(-np.clip(np.abs(y - apex_mm) - 0.3, 0, None) / 0.7)
    glow = np.clip(95 * reach + comb * np.sqrt(reach), 0, None) * (y > apex_mm - 1.8)
    for depth in (lens_mm - rng.uniform(1.2, 1.9), lens_mm - rng.uniform(0.3, 1.0)):
        glow += rng.uniform(50, 150) * np.exp(-(((y - depth) / rng.uniform(0.08, 0.2)) ** 2))
    strength = rng.choice([0.0, rng.uniform(5, 25), rng.uniform(25, 75)])
    into_lens = np.clip((y - lens_mm) / rng.uniform(2.5, 8), 0, 1)
    thin = strength * (1 - 0.8 * into_lens) * (y > apex_mm)
    near = np.flatnonzero((column > 1e-3) | (line > 1e-3))
    span = slice(near[0], near[-1] + 1)
    chamber = (y < lens_mm)[:, None]
    added = np.where(chamber, glow[:, None] * column[span], 0) + thin[:, None] * line[span]
    image[:, span] = np.where(added > 1, np.maximum(image[:, span], 0) + added, image[:, span])
    reflex = np.exp(-((off[span] / (1.2 * width)) ** 4))
    for depth, bright in ((apex_mm, 255.0), (apex_mm + 0.6, 90.0)):
        rim = np.exp(-(((y - depth) / 0.02) ** 2))[:, None] * reflex
        image[:, span] += bright * rim


def add_ghosts(image: NDArray, outside: NDArray, rng: np.random.Generator) -> None:
    """Faint clouds in the shadow, lid-edge strips at the border, shading by lashes, in place.

    outside: (columns,) true where no lens is seen.
    """
    rows, columns = image.shape
    if rng.random() < 0.5:
        height, width = int(rows * rng.uniform(0.1, 0.3)), int(columns * rng.uniform(0.08, 0.2))
        top = rng.integers(0, rows - height)
        left = rng.integers(0, columns - width)
        cloud = rough((height, width), (height / 6, width / 7), rng) - 0.3
        window = np.outer(np.hanning(height), np.hanning(width))
        patch = rng.uniform(20, 60) * np.clip(cloud, 0, None) * window
        patch *= outside[left : left + width]
        image[top : top + height, left : left + width] += patch.astype(image.dtype)
    if rng.random() < 0.4:
        edge = slice(0, max(1, columns // 250))
        if rng.random() < 0.5:
            edge = slice(columns - max(1, columns // 250), columns)
        top = rng.integers(rows // 4, rows // 2)
        image[top : top + rows // 4, edge] = rng.uniform(90, 250)
    if rng.random() < 0.3:
        shade = np.clip(rough((columns,), (columns / 40,), rng) - 0.8, 0, 1) * outside
        image -= (rng.uniform(20, 60) * shade).astype(image.dtype)
