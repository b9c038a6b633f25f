"""Synthetic anterior-segment OCT of one eye: radial B-scans with the lens and its opacities known.

Drawn to be as hard as real scans: a clear lens is bright in the cortex and dark in the nucleus,
only the part of it behind the pupil is seen, the iris throws a shadow, and the corneal reflex
saturates a column that runs into the lens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.images.volume import Volume
from medai.phantoms.lens_anatomy import FIELD_MM, Meridian, draw_eye
from medai.phantoms.lens_opacities import Opacity, draw_opacities
from medai.phantoms.lens_texture import add_ghosts, add_saturation, rough, speckle

_DARK = -22.0  # grey level of nothing: under 0, so that its noise is cut off as in real exports
_OPAQUE = 105.0  # grey levels that an opacity of density 1 adds to clear lens


@dataclass(frozen=True, eq=False)
class LensPhantom:
    """Scans of one eye and their truth.

    volume: uint8 (scans, y, x), modality "OPT"; scan k is cut at azimuth 180° · k / scans.
    lens: bool (scans, y, x), the lens as far as it is seen (behind the pupil, in the picture).
    cataract: bool (scans, y, x), the opaque part of it.
    """

    volume: Volume
    lens: NDArray[np.bool_]
    cataract: NDArray[np.bool_]
    opacities: tuple[Opacity, ...]

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """True cataract fraction of each scan: opaque lens pixels over lens pixels."""
        lens = self.lens.sum(axis=(1, 2))
        return np.asarray(self.cataract.sum(axis=(1, 2)) / lens, dtype=np.float64)


def lens_oct(
    shape: tuple[int, int] = (1824, 2150),
    scans: int = 6,
    *,
    opacities: tuple[Opacity, ...] = (),
    seed: int = 0,
) -> LensPhantom:
    """Scans of one eye, clear or with the given opacities; the same seed gives the same eye.

    shape: rows and columns; any size shows the same field of 14 mm × 16 mm.
    Raises InputError on fewer than one scan or fewer than 64 rows or columns.
    """
    if scans < 1 or min(shape) < 64:
        raise InputError(
            f"Lens phantom of {scans} scans of {shape[1]}×{shape[0]} pixels: expected at least one "
            "scan and 64 pixels each way."
        )
    anatomy, *streams = (np.random.default_rng([seed, k]) for k in range(scans + 1))
    eye = draw_eye(anatomy)
    tissue = _draw_tissue(anatomy)
    spacing_mm = (FIELD_MM[0] / shape[0], FIELD_MM[1] / shape[1])
    array = np.empty((scans, *shape), np.uint8)
    lens = np.empty((scans, *shape), bool)
    cataract = np.zeros((scans, *shape), bool)
    for k, rng in enumerate(streams):
        cut = eye.meridian(180.0 * k / scans)
        array[k], lens[k], cataract[k] = _scan(cut, tissue, opacities, spacing_mm, shape, rng)
    ijk_to_ras = np.diag([-spacing_mm[1], -spacing_mm[0], 1.0, 1.0])
    volume = Volume(array, ijk_to_ras, "OPT", f"lens phantom {seed}")
    return LensPhantom(volume, lens, cataract, opacities)


def lens_patient(
    seed: int, *, cataract: bool, shape: tuple[int, int] = (1824, 2150), scans: int = 6
) -> tuple[LensPhantom, LensPhantom]:
    """Right and left eye of a synthetic patient: both clear, or both with random opacities."""
    rng = np.random.default_rng([seed, 1_000_003])
    first, second = (
        lens_oct(
            shape, scans, opacities=draw_opacities(rng) if cataract else (), seed=2 * seed + eye
        )
        for eye in (0, 1)
    )
    return first, second


@dataclass(frozen=True)
class _Tissue:
    """Grey levels of one eye's clear tissue."""

    cornea: float
    iris: float
    anterior_cortex: float
    nucleus: float
    posterior_cortex: float
    axial_glow: float
    mottle: float
    noise: float
    shells: tuple[tuple[float, float, float, float], ...]  # depth share, half, grey, half-width mm


def _draw_tissue(rng: np.random.Generator) -> _Tissue:
    gain = rng.uniform(0.85, 1.12)
    # A broad bright zone in the front of a clear lens, as many eyes have, is no cataract.
    zone = (rng.uniform(0.1, 0.22), rng.uniform(0.03, 0.07), rng.uniform(0, 32), 6.0)
    shells = tuple(
        (depth, rng.uniform(0.006, 0.02), rng.uniform(6, 22), rng.choice([0.6, 1.5, 6.0]))
        for depth in (*rng.uniform(0.07, 0.2, size=3), rng.uniform(0.84, 0.93))
    )
    return _Tissue(
        cornea=gain * rng.uniform(82, 100),
        iris=gain * rng.uniform(105, 128),
        anterior_cortex=gain * rng.uniform(58, 112),
        nucleus=gain * rng.uniform(26, 50),
        posterior_cortex=gain * rng.uniform(56, 78),
        axial_glow=rng.uniform(5, 36),
        mottle=rng.uniform(0.02, 0.1),
        noise=rng.uniform(0.8, 1.25),
        shells=(zone, *shells),
    )


def _scan(
    cut: Meridian,
    tissue: _Tissue,
    opacities: tuple[Opacity, ...],
    spacing_mm: tuple[float, float],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    rows, columns = shape
    y = ((np.arange(rows) + 0.5) * spacing_mm[0]).astype(np.float32)
    x = ((np.arange(columns) + 0.5) * spacing_mm[1] - FIELD_MM[1] / 2).astype(np.float32)
    image = np.full(shape, _DARK, np.float32)
    _add_cornea(image, cut, tissue, x, y)
    seen = (x > cut.pupil_left_mm) & (x < cut.pupil_right_mm)
    _add_iris(image, cut, tissue, x, y, rng)
    lens = np.zeros(shape, bool)
    cataract = np.zeros(shape, bool)
    window = _lens_window(cut, x, y, seen)
    _add_lens(image, lens, cataract, window, cut, tissue, opacities, x, y, rng)
    add_ghosts(image, ~seen, rng)
    add_saturation(image, x, y, cut.eye.apex_mm, cut.eye.lens_mm, rng)
    image += tissue.noise * speckle(shape, spacing_mm, rng)
    return np.clip(image, 0, 254).astype(np.uint8), lens, cataract


def _add_cornea(image: NDArray, cut: Meridian, tissue: _Tissue, x: NDArray, y: NDArray) -> None:
    front, back = cut.cornea(x)
    sclera = np.clip((np.abs(x) - 5.2) / 0.8, 0, 1)
    # No back is seen behind the sclera: its signal fades over some millimetres instead.
    depth = y[:, None] - front[None, :]
    grey = tissue.cornea * (1 + 0.12 * (np.abs(x) / 6) ** 2) + 22 * np.exp(-depth / 0.05)
    grey = grey - sclera * (18 * np.clip(depth - 0.5, 0, None))
    bottom = back + 9 * np.clip((np.abs(x) - 5.3) / 1.6, 0, 1) ** 2
    inside = (depth > 0) & (y[:, None] < bottom)
    np.copyto(image, grey, where=inside)


def _add_iris(
    image: NDArray, cut: Meridian, tissue: _Tissue, x: NDArray, y: NDArray, rng: np.random.Generator
) -> None:
    columns = (np.abs(x) < 6.4) & ((x < cut.pupil_left_mm) | (x > cut.pupil_right_mm))
    bumps = 0.16 * rough(x.shape, (0.35 / (x[1] - x[0]),), rng) * (np.abs(x) < 5.8)
    front, back = (depth[columns] for depth in cut.iris(x, bumps))
    below = y[:, None] - front
    behind = y[:, None] - back
    outer = np.clip((np.abs(x[columns]) - 5.0) / 1.0, 0, 1)
    grey = tissue.iris * (0.85 + 0.45 * np.exp(-below / 0.12))
    grey += 55 * np.exp(-((behind / 0.05) ** 2))
    fade = rng.uniform(42, 75)
    shadow = tissue.iris * 0.8 - fade * behind
    grey = np.where(behind > 0, np.maximum(shadow, grey * np.exp(-behind / 0.06)), grey)
    grey = np.maximum(grey, _DARK)
    part = image[:, columns]
    # Under the sclera iris and sclera shade into each other.
    mixed = np.where(part > grey, part * outer + grey * (1 - outer), grey)
    image[:, columns] = np.where(below > 0, mixed, part)


def _lens_window(cut: Meridian, x: NDArray, y: NDArray, seen: NDArray) -> tuple[slice, slice]:
    columns = np.flatnonzero(seen)
    front, back = cut.lens(x[seen])
    top = int(np.searchsorted(y, front.min() - 0.1))
    bottom = int(np.searchsorted(y, back.max() + 0.1))
    return slice(max(top, 0), bottom), slice(columns[0], columns[-1] + 1)


def _add_lens(
    image: NDArray,
    lens: NDArray,
    cataract: NDArray,
    window: tuple[slice, slice],
    cut: Meridian,
    tissue: _Tissue,
    opacities: tuple[Opacity, ...],
    x: NDArray,
    y: NDArray,
    rng: np.random.Generator,
) -> None:
    x, y = x[window[1]], y[window[0]]
    step = float(x[1] - x[0])
    front, back = cut.lens(x)
    depth = (y[:, None] - front) / (back - front)
    inside = (depth >= 0) & (depth <= 1)
    grey = _clear_lens(cut, tissue, x, depth)
    grain = (0.25 / step, 0.35 / step)
    fray = rough(grey.shape, grain, rng)
    grey += 0.06 * grey * rough(grey.shape, (0.5 / step, 0.15 / step), rng)
    opaque = np.zeros(grey.shape, np.float32)
    mottle = 1 + tissue.mottle * rough(grey.shape, (0.15 / step, 0.25 / step), rng)
    for opacity in opacities:
        field = opacity.membership(cut, x, depth.astype(np.float32), fray)
        cataract[window] |= (field >= 0.5) & inside
        opaque = np.maximum(opaque, opacity.density * field)
    attenuation = np.cumsum(opaque * inside, axis=0) * np.float32(y[1] - y[0])
    grey += _OPAQUE * opaque * mottle - 7 * attenuation
    # Vitreous: a faint cone of light behind the lens.
    vitreous = np.float32(rng.uniform(-24, 4))
    edge = 1 / (1 + np.exp(-np.minimum(x - x[0], x[-1] - x) / 0.025 + 2))
    part = image[window]
    part[...] = np.where(inside, grey * edge, np.where(depth > 1, vitreous, part))
    image[window[0].stop :, window[1]] = vitreous
    lens[window] = inside


def _clear_lens(cut: Meridian, tissue: _Tissue, x: NDArray, depth: NDArray) -> NDArray[np.float32]:
    eye = cut.eye
    level = np.hypot(x / eye.nucleus_radius_mm, (depth - eye.nucleus_center) / eye.nucleus_height)
    cortex = np.where(depth < eye.nucleus_center, tissue.anterior_cortex, tissue.posterior_cortex)
    glow = tissue.axial_glow * np.exp(-((x / 1.1) ** 2))
    weight = 1 / (1 + np.exp(-(level - 1) / 0.09))
    grey = tissue.nucleus + (cortex + glow - tissue.nucleus) * weight
    # The embryonic nucleus: a faint brighter core with a rim.
    grey += 6 * np.exp(-((level / 0.5) ** 4)) + 5 * np.exp(-(((level - 0.55) / 0.06) ** 2))
    for place, half, added, wide in tissue.shells:
        across = np.exp(-((x / wide) ** 2)) * (0.5 + glow / 30)
        grey += added * np.exp(-(((depth - place) / half) ** 2)) * across
    thickness = eye.lens_thickness_mm
    grey *= 1 - 0.45 * np.exp(-(((depth * thickness - 0.16) / 0.06) ** 2))
    grey += 50 * np.exp(-((depth * thickness / 0.05) ** 2))
    grey += 16 * np.exp(-(((1 - depth) * thickness / 0.04) ** 2))
    # Away from the middle less light comes back.
    return (grey * (1 - 0.05 * np.abs(x)) - 8 * depth).astype(np.float32)
