"""The three directions a study can be sliced in, as views of its canonical axial grid."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from numpy.typing import NDArray

from medai.errors import InputError

PLANES = ("axial", "coronal", "sagittal")
# Canonical axes (z, y, x) in the order (across the slices, down, to the right) of each plane.
PLANE_AXES = MappingProxyType({"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)})


def require_planes(planes: Sequence[str]) -> None:
    """Raise InputError unless ``planes`` names one or more of PLANES."""
    if not planes or not set(planes) <= set(PLANES):
        raise InputError(
            f"Planes {', '.join(planes) or 'none'}: expected some of {', '.join(PLANES)}."
        )


def in_plane(array: NDArray, plane: str) -> NDArray:
    """A canonical array (z, y, x) as slices of ``plane`` (slice, row, column), a view.

    Coronal and sagittal slices have the head up; columns run toward the patient's left, or back.
    """
    turned = array.transpose(PLANE_AXES[plane])
    return turned if plane == "axial" else turned[:, ::-1]


def from_plane(array: NDArray, plane: str) -> NDArray:
    """Slices of ``plane`` back on the canonical grid (z, y, x), a view; undoes ``in_plane``."""
    upright = array if plane == "axial" else array[:, ::-1]
    axes = PLANE_AXES[plane]
    return upright.transpose([axes.index(axis) for axis in range(3)])
