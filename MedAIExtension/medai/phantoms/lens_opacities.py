"""Lens opacities of given kind, place, size and density, as fields over a B-scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.phantoms.lens_anatomy import Meridian

OpacityKind = Literal["nuclear", "cortical", "anterior subcapsular", "posterior subcapsular"]
OPACITY_KINDS: tuple[OpacityKind, ...] = get_args(OpacityKind)

# Mean depth (0 anterior, 1 posterior capsule) and half-thickness as a share of the lens.
_DEPTHS = {"cortical": (0.13, 0.075), "anterior subcapsular": (0.035, 0.045)}
_DEPTHS["posterior subcapsular"] = (0.95, 0.055)


@dataclass(frozen=True)
class Opacity:
    """One opacity.

    density: 0..1, how much brighter than clear lens (1 is about as bright as the iris).
    radius_mm: lateral half-size; a cortical one is a spoke, twice as long toward the axis.
    distance_mm, azimuth_deg: the place of its center, from the eye's axis; a nuclear one sits
        in the nucleus, the others in or under their part of the cortex.
    Raises InputError on an unknown kind or numbers out of range.
    """

    kind: OpacityKind
    density: float = 0.6
    radius_mm: float = 1.0
    distance_mm: float = 0.0
    azimuth_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in OPACITY_KINDS:
            raise InputError(f"Opacity {self.kind!r}: expected one of {', '.join(OPACITY_KINDS)}.")
        if not 0 < self.density <= 1:
            raise InputError(f"Opacity density {self.density}: expected above 0, at most 1.")
        if self.radius_mm <= 0 or self.distance_mm < 0:
            raise InputError(
                f"Opacity radius {self.radius_mm} mm at {self.distance_mm} mm: expected a positive "
                "radius and no negative distance."
            )

    def membership(
        self, cut: Meridian, x_mm: NDArray, depth: NDArray, noise: NDArray
    ) -> NDArray[np.float32]:
        """How much each point of a scan belongs to it, 0..1; at least 0.5 is inside.

        x_mm: lateral position (columns). depth: share of the lens from the anterior (0) to the
        posterior (1) capsule (rows, columns). noise: about ±1 (rows, columns), frays the rim.
        """
        turn = np.deg2rad(cut.azimuth_deg - self.azimuth_deg)
        # The scan's points seen from the opacity's center: outward along its azimuth, and across.
        outward = x_mm * np.cos(turn) - self.distance_mm
        across = x_mm * np.sin(turn)
        if self.kind == "nuclear":
            eye = cut.eye
            half = eye.nucleus_height * min(1.0, self.radius_mm / (0.75 * eye.nucleus_radius_mm))
            level = np.hypot(
                np.hypot(outward, across) / self.radius_mm, (depth - eye.nucleus_center) / half
            )
        elif self.kind == "cortical":
            mean, half = _DEPTHS[self.kind]
            lateral = np.hypot(outward / (2 * self.radius_mm), across / self.radius_mm)
            level = np.hypot(lateral, (depth - mean) / half)
        else:
            mean, half = _DEPTHS[self.kind]
            level = np.hypot(np.hypot(outward, across) / self.radius_mm, (depth - mean) / half)
        ragged = {"nuclear": 0.06, "cortical": 0.22}.get(self.kind, 0.15)
        soft = {"nuclear": 0.10, "cortical": 0.05}.get(self.kind, 0.06)
        field = 1 / (1 + np.exp(np.clip((level - 1 + ragged * noise) / soft, -30, 30)))
        return field.astype(np.float32)


def draw_opacities(rng: np.random.Generator) -> tuple[Opacity, ...]:
    """One to three random opacities of a cataract, as mixed as clinics see them."""
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    kinds = rng.choice(4, size=count, p=[0.45, 0.27, 0.1, 0.18])
    return tuple(_draw(OPACITY_KINDS[kind], rng) for kind in kinds)


def _draw(kind: OpacityKind, rng: np.random.Generator) -> Opacity:
    density = rng.uniform(0.25, 0.9)
    azimuth = rng.uniform(0, 360)
    if kind == "nuclear":
        return Opacity(kind, density, rng.uniform(1.6, 3.6), rng.uniform(0, 0.3), azimuth)
    if kind == "cortical":
        return Opacity(kind, density, rng.uniform(0.6, 1.5), rng.uniform(0.8, 2.2), azimuth)
    return Opacity(kind, density, rng.uniform(0.7, 1.9), rng.uniform(0, 0.8), azimuth)
