"""The one image type that travels through the rooms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError
from medai.images.study_origin import StudyOrigin


@dataclass(frozen=True, eq=False)
class Volume:
    """An image with its place in space.

    array: (z, y, x), or (z, y, x, 3) for colour; a 2D picture has z = 1. CT in Hounsfield units.
    ijk_to_ras: 4×4 in mm; takes (i, j, k, 1) = (x, y, z array index, 1) to (R, A, S, 1).
    modality: DICOM's word ("CT", "OPT" for ophthalmic tomography, "XC" for photographs) or ""
        when the file does not say.
    name: what the user calls it (a file or folder name), never a patient's name.
    notes: sentences about how it was read that the user should see.
    has_spacing: False when the file gave no millimetres (a plain picture); then 1 mm stands in.
    origin: date and patient as far as DICOM tells, names only as digests; None from other files.
    Raises GeometryError on other shapes, a singular matrix, or a spacing that is not positive.
    """

    array: NDArray
    ijk_to_ras: NDArray[np.float64]
    modality: str
    name: str
    notes: tuple[str, ...] = field(default=())
    has_spacing: bool = True
    origin: StudyOrigin | None = None

    def __post_init__(self) -> None:
        shape = self.array.shape
        if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
            raise GeometryError(
                f"{self.name}: array of shape {shape}, expected (z, y, x) or (z, y, x, 3)."
            )
        if 0 in shape:
            raise GeometryError(f"{self.name}: array of shape {shape} is empty.")
        matrix = np.asarray(self.ijk_to_ras, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise GeometryError(f"{self.name}: the IJK-to-RAS matrix is not a finite 4×4 matrix.")
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        if (spacing <= 0).any() or abs(np.linalg.det(matrix[:3, :3] / spacing)) < 1e-3:
            raise GeometryError(
                f"{self.name}: spacing {tuple(float(s) for s in spacing[::-1])} mm (z, y, x) "
                "or its directions are degenerate, expected positive and independent."
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "ijk_to_ras", matrix)

    @property
    def grid_shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x), without the colour axis."""
        z, y, x = self.array.shape[:3]
        return z, y, x

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along (z, y, x) in mm."""
        x, y, z = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @property
    def is_color(self) -> bool:
        """Whether the array has a trailing colour axis."""
        return self.array.ndim == 4

    def ras_of(self, zyx: NDArray) -> NDArray[np.float64]:
        """RAS positions in mm, (..., 3), of array positions (..., 3) in (z, y, x) order."""
        xyz = np.asarray(zyx, dtype=np.float64)[..., ::-1]
        return xyz @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]
