"""Segments on one grid: what a `.seg.nrrd` file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, InputError
from medai.palette import Rgb


@dataclass(frozen=True)
class Segment:
    """One named structure: where ``layers[layer] == label_value``.

    terminology: Slicer's serialized terminology entry, or "" for none.
    color: RGB in 0..1.
    tags: further key-value pairs that Slicer keeps with a segment.
    """

    id: str
    name: str
    color: Rgb
    layer: int = 0
    label_value: int = 1
    terminology: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments that may overlap, on one grid.

    layers: (layer, z, y, x) unsigned integers; segments of one layer don't overlap.
    ijk_to_ras: 4×4 in mm, as in Volume.
    Raises GeometryError on another shape, InputError on a segment that names a missing layer.
    """

    layers: NDArray
    segments: tuple[Segment, ...]
    ijk_to_ras: NDArray[np.float64]
    name: str = "Segmentation"

    def __post_init__(self) -> None:
        if self.layers.ndim != 4:
            raise GeometryError(
                f"{self.name}: layers of shape {self.layers.shape}, expected (layer, z, y, x)."
            )
        for segment in self.segments:
            if not 0 <= segment.layer < len(self.layers):
                raise InputError(
                    f"{self.name}: segment {segment.name!r} is on layer {segment.layer}, "
                    f"but there are {len(self.layers)} layers."
                )

    @property
    def grid_shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        _, z, y, x = self.layers.shape
        return z, y, x

    def segment(self, name: str) -> Segment:
        """The first segment of this name, or else of this id. Raises InputError when none is."""
        for wanted in ("name", "id"):
            for segment in self.segments:
                if getattr(segment, wanted) == name:
                    return segment
        known = ", ".join(repr(segment.name) for segment in self.segments) or "none"
        raise InputError(f"{self.name}: no segment {name!r}, there are: {known}.")

    def mask(self, segment: Segment | str) -> NDArray[np.bool_]:
        """Where the segment is, boolean (z, y, x)."""
        if isinstance(segment, str):
            segment = self.segment(segment)
        return self.layers[segment.layer] == segment.label_value


def segmentation_from_masks(
    masks: Mapping[str, NDArray],
    ijk_to_ras: NDArray[np.float64],
    *,
    colors: Mapping[str, Rgb],
    terminologies: Mapping[str, str] | None = None,
    name: str = "Segmentation",
) -> Segmentation:
    """A Segmentation of masks (z, y, x) by name; overlapping masks go to layers of their own.

    Raises GeometryError when the masks differ in shape, InputError when there is none.
    """
    if not masks:
        raise InputError(f"{name}: no masks to make a segmentation of.")
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) > 1:
        raise GeometryError(f"{name}: masks of different shapes {sorted(shapes)}.")
    layers: list[NDArray[np.uint8]] = []
    used: list[int] = []
    segments = []
    for number, (segment_name, mask) in enumerate(masks.items(), start=1):
        inside = mask != 0
        layer = next(
            (k for k, labels in enumerate(layers) if used[k] < 255 and not labels[inside].any()),
            len(layers),
        )
        if layer == len(layers):
            layers.append(np.zeros(mask.shape, np.uint8))
            used.append(0)
        used[layer] += 1
        layers[layer][inside] = used[layer]
        segments.append(
            Segment(
                id=f"Segment_{number}",
                name=segment_name,
                color=colors[segment_name],
                layer=layer,
                label_value=used[layer],
                terminology=(terminologies or {}).get(segment_name, ""),
            )
        )
    return Segmentation(np.stack(layers), tuple(segments), np.asarray(ijk_to_ras, float), name)
