"""One canonical axial grid for every way a study can be stored, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError
from medai.images.volume import Volume

# Rows of RAS that the canonical axes (z, y, x) follow, and their sense: toward S, P and L.
_CANONICAL_RAS_AXIS = (2, 1, 0)
_CANONICAL_SENSE = (1.0, -1.0, -1.0)
_OBLIQUE_NOTE_DEG = 5.0


@dataclass(frozen=True, eq=False)
class AxialVolume(Volume):
    """A volume on the canonical grid: slices toward S, rows toward P, columns toward L.

    ``array`` is a view of the input's array, permuted and flipped, never resampled.

    source_axes: for each canonical axis (z, y, x) the input's array axis it came from.
    flipped: whether that axis runs the other way in the input.
    oblique_deg: largest angle between a canonical axis and its anatomical direction.
    """

    source_axes: tuple[int, int, int] = field(default=(0, 1, 2))
    flipped: tuple[bool, bool, bool] = field(default=(False, False, False))
    oblique_deg: float = 0.0

    def restore(self, array: NDArray) -> NDArray:
        """A canonical array (z, y, x) or (z, y, x, channels) on the input's own grid, as a view."""
        if array.shape[:3] != self.grid_shape:
            raise GeometryError(
                f"{self.name}: an array of shape {array.shape} isn't on the axial grid, "
                f"expected {self.grid_shape}."
            )
        unflipped = array[tuple(slice(None, None, -1) if f else slice(None) for f in self.flipped)]
        order = np.argsort(self.source_axes).tolist()
        return unflipped.transpose(*order, *range(3, array.ndim))


def to_axial(volume: Volume) -> AxialVolume:
    """The volume on the canonical grid, by permuting and flipping axes (no resampling).

    An oblique grid keeps its own directions, each matched to the nearest anatomical axis; a tilt
    of more than 5° is said in ``notes``.
    """
    directions = volume.ijk_to_ras[:3, :3] / np.linalg.norm(volume.ijk_to_ras[:3, :3], axis=0)
    # along[c, a]: how far the input's array axis a (z, y, x) runs along canonical axis c.
    along = directions[list(_CANONICAL_RAS_AXIS)][:, ::-1] * np.array(_CANONICAL_SENSE)[:, None]
    source_axes = max(
        permutations(range(3)), key=lambda order: sum(abs(along[c, order[c]]) for c in range(3))
    )
    cosines = along[range(3), source_axes]
    flipped = tuple(bool(cosine < 0) for cosine in cosines)
    oblique_deg = float(np.degrees(np.arccos(np.clip(np.abs(cosines).min(), 0.0, 1.0))))

    array = volume.array.transpose(*source_axes, *range(3, volume.array.ndim))
    array = array[tuple(slice(None, None, -1) if f else slice(None) for f in flipped)]
    notes = volume.notes
    if oblique_deg > _OBLIQUE_NOTE_DEG:
        notes += (
            f"The slices are tilted by {oblique_deg:.0f}° from the body's axes; "
            "the nearest axes are used.",
        )
    return AxialVolume(
        array=array,
        ijk_to_ras=_canonical_matrix(volume, source_axes, flipped),
        modality=volume.modality,
        name=volume.name,
        notes=notes,
        has_spacing=volume.has_spacing,
        source_axes=(source_axes[0], source_axes[1], source_axes[2]),
        flipped=(flipped[0], flipped[1], flipped[2]),
        oblique_deg=oblique_deg,
    )


def on_axial_grid(volume: Volume, array: NDArray) -> NDArray:
    """An array (z, y, x) of ``volume``'s own grid on its canonical axial grid, as a view."""
    return to_axial(replace(volume, array=array)).array


def _canonical_matrix(
    volume: Volume, source_axes: tuple[int, ...], flipped: tuple[bool, ...]
) -> NDArray[np.float64]:
    matrix = np.eye(4)
    origin = volume.ijk_to_ras[:3, 3].copy()
    for canonical, (source, flip) in enumerate(zip(source_axes, flipped, strict=True)):
        step = volume.ijk_to_ras[:3, 2 - source]
        matrix[:3, 2 - canonical] = -step if flip else step
        if flip:
            origin += step * (volume.grid_shape[source] - 1)
    matrix[:3, 3] = origin
    return matrix
