"""Synthetic photographs of skin with inflamed areas, the skin and the lesions known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import InputError
from medai.images.volume import Volume

# One pixel is one millimetre: a forearm of some 20 cm fills the picture.
_PIXEL_MM = 1.0


@dataclass(frozen=True, eq=False)
class SkinPhantom:
    """A photograph and its truth.

    volume: uint8 (1, y, x, 3), modality "XC". skin, lesions: uint8 (1, y, x) of 0 and 1.
    severity: 0..1, how red the lesions are against the skin.
    """

    volume: Volume
    skin: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    severity: float


def skin_photograph(shape: tuple[int, int] = (192, 256), *, seed: int = 0) -> SkinPhantom:
    """A limb across the picture with some inflamed areas; the same seed gives the same picture.

    shape: rows and columns, at least 32 each (InputError otherwise).
    """
    if min(shape) < 32:
        raise InputError(f"Skin phantom of {shape} pixels: expected at least 32 rows and columns.")
    rng = np.random.default_rng([seed, 41])
    rows, columns = shape
    skin, depth = _limb(rows, columns, rng)
    severity = float(rng.uniform(0.25, 1.0))
    lesions, redness = _lesions(skin, rng)
    tone = np.array([0.86, 0.66, 0.55]) * rng.uniform(0.55, 1.08)
    wall = np.array([0.33, 0.42, 0.47]) * rng.uniform(0.8, 1.2)
    light = 0.62 + 0.45 * depth * (1 + 0.08 * _texture(shape, 40, rng))
    picture = np.where(skin[..., None], tone * light[..., None], wall)
    inflamed = (severity * redness)[..., None] * np.array([0.02, 0.30, 0.25])
    picture = np.where(skin[..., None], picture * (1 - inflamed), picture)
    # Skin is mottled and the camera noisy, so that the lesions' borders are no sharp lines.
    picture = picture * (1 + 0.035 * _texture(shape, 3, rng)[..., None])
    picture = picture + rng.normal(0, 0.012, picture.shape)
    pixels = np.clip(255 * picture, 0, 255).astype(np.uint8)
    ijk_to_ras = np.diag([-_PIXEL_MM, -_PIXEL_MM, 1.0, 1.0])
    return SkinPhantom(
        volume=Volume(pixels[None], ijk_to_ras, "XC", f"skin phantom {seed}"),
        skin=skin[None].astype(np.uint8),
        lesions=lesions[None].astype(np.uint8),
        severity=severity,
    )


def _limb(
    rows: int, columns: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Where the skin is, and how squarely it faces the camera (0 at the edge, 1 in the middle)."""
    y, x = np.mgrid[0:rows, 0:columns] / np.array([rows, columns])[:, None, None]
    bend = rng.uniform(-0.12, 0.12) * np.sin(np.pi * x + rng.uniform(0, np.pi))
    middle = 0.5 + bend + rng.uniform(-0.06, 0.06)
    half = 0.30 + rng.uniform(-0.04, 0.06) + rng.uniform(-0.10, 0.10) * x
    across = np.clip(1 - ((y - middle) / half) ** 2, 0, 1)
    return across > 0, np.sqrt(across)


def _lesions(
    skin: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The lesions, and how inflamed each pixel is: soft across their borders."""
    rows, columns = skin.shape
    y, x = np.mgrid[0:rows, 0:columns]
    size = min(skin.shape)
    field = np.full(skin.shape, -10.0)
    places = np.argwhere(ndimage.binary_erosion(skin, iterations=max(1, size // 16)))
    for _ in range(int(rng.integers(2, 6))):
        cy, cx = places[rng.integers(len(places))]
        tall, wide = size * rng.uniform(0.05, 0.14, 2)
        turn = rng.uniform(0, np.pi)
        along = ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / wide
        over = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / tall
        field = np.maximum(field, 1 - np.hypot(along, over))
    field += 0.22 * _texture(skin.shape, size / 24, rng)
    field = np.where(skin, field, -10.0)
    lesions = field > 0
    return lesions, 1 / (1 + np.exp(-np.clip(field, -5, 5) / 0.08))


def _texture(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return (field - field.mean()) / field.std()
