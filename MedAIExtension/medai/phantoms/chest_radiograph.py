"""A synthetic chest radiograph with its truth: a chest phantom seen along the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.images.volume import Volume
from medai.phantoms.chest_ct import ChestPhantom, chest_ct
from medai.phantoms.chest_lesions import PhantomLesion

# Attenuation of water at the energy of a chest radiograph, per mm.
_WATER_PER_MM = 0.018
# Rays with less lung than this belong to the mediastinum or the diaphragm's slope.
_LEAST_LUNG_MM = 60.0
# What a radiograph shows of a lesion: the beam must cross so much of it.
_LEAST_LESION_MM = 8.0
_PHOTONS = 4000.0
_PICTURE_PX = 512


@dataclass(frozen=True, eq=False)
class RadiographPhantom:
    """A frontal radiograph and its truth on its pixels (y, x).

    volume: uint16 (1, y, x), bright where much was absorbed, the patient's right on the left.
    lungs: uint8, 1 right, 2 left. opacities: uint8, 1 ground-glass, 2 consolidation, in lungs.
    lesion_volume_ml, lung_volume_ml: of the chest that was projected.
    """

    volume: Volume
    lungs: NDArray[np.uint8]
    opacities: NDArray[np.uint8]
    lesion_volume_ml: float
    lung_volume_ml: float

    @property
    def opacity_percent(self) -> float:
        """Opaque area in percent of the lungs' area."""
        return 100.0 * np.count_nonzero(self.opacities) / np.count_nonzero(self.lungs)


def project_chest(
    chest: ChestPhantom, seed: int = 0, picture_px: int = _PICTURE_PX
) -> RadiographPhantom:
    """The radiograph of a chest phantom, parallel beam from back to front.

    What lies along the beam adds up (Beer–Lambert); detector noise is drawn with ``seed``. Pixels
    are square, the longer side has ``picture_px``.
    """
    hu, spacing = chest.volume.array, chest.volume.spacing_mm
    water_mm = np.clip(hu.astype(np.float32) + 1000.0, 0, None).sum(axis=1) * spacing[1] / 1000.0
    through = {
        name: mask.sum(axis=1, dtype=np.float32) * spacing[1]
        for name, mask in (
            ("right", chest.lungs == 1),
            ("left", chest.lungs == 2),
            ("glass", (chest.lesions == 1)),
            ("solid", (chest.lesions == 2)),
        )
    }
    size = _square(water_mm.shape, (spacing[0], spacing[2]), picture_px)
    # Stored axially, slices go toward the head: a picture begins there.
    water_mm = _resized(water_mm[::-1], size)
    depth = {name: _resized(path[::-1], size) for name, path in through.items()}
    rng = np.random.default_rng(seed)
    seen = rng.poisson(_PHOTONS * np.exp(-_WATER_PER_MM * water_mm)) + 1.0
    absorbed = np.log(_PHOTONS) - np.log(seen)
    absorbed = ndimage.gaussian_filter(absorbed, 0.8)
    grey = np.clip(absorbed / np.log(_PHOTONS), 0, 1) * 4095
    lungs = np.where(depth["right"] >= depth["left"], 1, 2).astype(np.uint8)
    lungs[depth["right"] + depth["left"] < _LEAST_LUNG_MM] = 0
    opacities = np.zeros(size, np.uint8)
    opacities[(depth["glass"] >= _LEAST_LESION_MM) & (lungs > 0)] = 1
    opacities[(depth["solid"] >= _LEAST_LESION_MM) & (lungs > 0)] = 2
    pixel_mm = spacing[0] * hu.shape[0] / size[0]
    matrix = np.diag([-pixel_mm, -pixel_mm, 1.0, 1.0])
    volume = Volume(np.rint(grey).astype(np.uint16)[None], matrix, "DX", "Chest radiograph phantom")
    ml = float(np.prod(spacing)) / 1000.0
    return RadiographPhantom(
        volume,
        lungs,
        opacities,
        np.count_nonzero(chest.lesions) * ml,
        np.count_nonzero(chest.lungs) * ml,
    )


def ill_chest(growth: float = 1.0) -> ChestPhantom:
    """A chest with dense consolidation in both lungs, for samples; growth: as of ``chest_ct``."""
    dense = (
        PhantomLesion("consolidation", 600.0, "right"),
        PhantomLesion("consolidation", 300.0, "left"),
    )
    return chest_ct((120, 110, 150), (2.4, 2.4, 2.4), dense, seed=3, growth=growth)


def _square(
    shape: tuple[int, ...], spacing_mm: tuple[float, float], longest_px: int
) -> tuple[int, int]:
    height, width = shape[0] * spacing_mm[0], shape[1] * spacing_mm[1]
    scale = longest_px / max(height, width)
    return round(scale * height), round(scale * width)


def _resized(picture: NDArray, size: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear, border to border."""
    rows, columns = (
        (np.arange(n) + 0.5) * old / n - 0.5 for n, old in zip(size, picture.shape, strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    return ndimage.map_coordinates(picture.astype(np.float32), grid, order=1, mode="nearest")
