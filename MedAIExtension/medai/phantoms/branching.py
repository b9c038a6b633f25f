"""Branching tubes: how vessels and airways grow through a lung, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Radii of parent and children in living trees: r³ = Σ r³ for laminar flow (Murray 1926), with an
# exponent nearer 2.7 measured in lungs.
_MURRAY_EXPONENT = 2.7
# How much a long way back to the root counts against a near branching point.
_DETOUR = 0.3


@dataclass(frozen=True)
class Tubes:
    """Straight pieces. start_mm, end_mm: (n, 3) as (z, y, x); radius_mm: (n,)."""

    start_mm: NDArray[np.float64]
    end_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]


def grow(
    root_mm: NDArray, ends_mm: NDArray, tip_radius_mm: float, rng: np.random.Generator
) -> Tubes:
    """A tree from ``root_mm`` (z, y, x) that reaches every point of ``ends_mm`` (n, 3)."""
    order = np.argsort(np.linalg.norm(ends_mm - root_mm, axis=1))
    nodes = np.vstack([root_mm, ends_mm[order]])
    way = np.zeros(len(nodes))
    parent = np.zeros(len(nodes), int)
    for k in range(1, len(nodes)):
        reach = np.linalg.norm(nodes[:k] - nodes[k], axis=1)
        parent[k] = np.argmin(reach + _DETOUR * way[:k])
        way[k] = way[parent[k]] + reach[parent[k]]
    flow = np.full(len(nodes), tip_radius_mm**_MURRAY_EXPONENT)
    for k in range(len(nodes) - 1, 0, -1):
        flow[parent[k]] += flow[k]
    radius = flow[1:] ** (1.0 / _MURRAY_EXPONENT)
    start, end = nodes[parent[1:]], nodes[1:]
    # A bend in the middle of each piece: vessels don't run along rulers.
    bend = rng.normal(0.0, 0.09, start.shape) * np.linalg.norm(end - start, axis=1)[:, None]
    middle = (start + end) / 2 + bend
    return Tubes(
        np.vstack([start, middle]), np.vstack([middle, end]), np.concatenate([radius, radius])
    )


def draw(
    hu: NDArray[np.int16],
    tubes: Tubes,
    spacing_mm: tuple[float, float, float],
    inside_hu: float,
    where: NDArray | None = None,
) -> None:
    """Blend tubes into ``hu`` (z, y, x), voxel (0, 0, 0) at 0 mm; only where ``where`` isn't 0.

    A tube thinner than a voxel shows in proportion to its share of the voxel.
    """
    step = np.array(spacing_mm)
    for start, end, radius in zip(tubes.start_mm, tubes.end_mm, tubes.radius_mm, strict=True):
        box = _box(np.minimum(start, end), np.maximum(start, end), radius, step, hu.shape)
        if box is None:
            continue
        share = _coverage(start, end, radius, step, box)
        if where is not None:
            share = share * (where[box] != 0)
        old = hu[box].astype(np.float32)
        hu[box] = np.rint(old + share * (inside_hu - old)).astype(np.int16)


def erase(labels: NDArray[np.uint8], tubes: Tubes, spacing_mm: tuple[float, float, float]) -> None:
    """Set ``labels`` to 0 inside the tubes."""
    step = np.array(spacing_mm)
    for start, end, radius in zip(tubes.start_mm, tubes.end_mm, tubes.radius_mm, strict=True):
        box = _box(np.minimum(start, end), np.maximum(start, end), radius, step, labels.shape)
        if box is not None:
            labels[box][_coverage(start, end, radius, step, box) > 0.5] = 0


def _box(
    low: NDArray, high: NDArray, radius: float, step: NDArray, shape: tuple[int, ...]
) -> tuple[slice, slice, slice] | None:
    first = np.maximum(np.floor((low - radius) / step).astype(int), 0)
    last = np.minimum(np.ceil((high + radius) / step).astype(int) + 1, shape)
    if (first >= last).any():
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return z, y, x


def _coverage(
    start: NDArray, end: NDArray, radius: float, step: NDArray, box: tuple[slice, slice, slice]
) -> NDArray[np.float32]:
    """Share 0..1 of each voxel of the box that the piece fills."""
    z, y, x = np.ogrid[box]
    place = [axis * size for axis, size in zip((z, y, x), step, strict=True)]
    along = end - start
    length2 = max(float(along @ along), 1e-9)
    t = sum((p - s) * a for p, s, a in zip(place, start, along, strict=True)) / length2
    t = np.clip(t, 0.0, 1.0)
    dz, dy, dx = (p - (s + t * a) for p, s, a in zip(place, start, along, strict=True))
    # A slice shows what lies anywhere in its thickness, thinned by that thickness.
    dz = np.maximum(np.abs(dz) - step[0] / 2, 0.0)
    distance = np.sqrt(dz**2 + dy**2 + dx**2)
    pixel = (step[1] + step[2]) / 2
    share = np.clip((radius - distance) / pixel + 0.5, 0.0, 1.0)
    thin = min(1.0, 2 * radius / pixel) * min(1.0, 2 * radius / step[0])
    return (share * thin).astype(np.float32)
