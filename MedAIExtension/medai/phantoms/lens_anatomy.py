"""The eye behind a synthetic lens OCT: surfaces in mm, drawn at random within what eyes look like.

Depths are those of the picture: optical paths as devices draw them, for some eyes corrected for
refraction (a lens about 4 mm thick), for others not (about 6 mm). Ranges were chosen by eye
against published anterior-segment scans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIELD_MM = (14.0, 16.0)  # depth, width of a scan


@dataclass(frozen=True)
class LensEye:
    """One eye, all lengths in mm, angles in degrees; depth runs down from the picture's top.

    The eye's axis is the origin of the lateral position; ``apex_mm`` is the depth of the corneal
    apex, ``lens_mm`` that of the lens apex. ``tilt_deg`` tilts everything about the apex along
    ``tilt_azimuth_deg``. The pupil is an ellipse with its center off the axis. The nucleus' place
    and half-height are shares of the lens's thickness.
    """

    apex_mm: float
    cornea_mm: float
    cornea_radius_mm: float
    lens_mm: float
    lens_thickness_mm: float
    anterior_radius_mm: float
    posterior_radius_mm: float
    pupil_mm: float
    pupil_ellipticity: float
    pupil_azimuth_deg: float
    pupil_shift_mm: float
    iris_mm: float
    iris_lift_mm: float
    tilt_deg: float
    tilt_azimuth_deg: float
    nucleus_center: float
    nucleus_height: float
    nucleus_radius_mm: float

    def meridian(self, azimuth_deg: float) -> Meridian:
        """The eye cut along one azimuth."""
        along = np.cos(np.deg2rad(azimuth_deg - self.tilt_azimuth_deg))
        across = np.cos(2 * np.deg2rad(azimuth_deg - self.pupil_azimuth_deg))
        shift = self.pupil_shift_mm * np.cos(np.deg2rad(azimuth_deg - self.pupil_azimuth_deg))
        half = self.pupil_mm * (1 + self.pupil_ellipticity * across)
        slope = float(np.tan(np.deg2rad(self.tilt_deg * along)))
        return Meridian(self, azimuth_deg, slope, float(shift - half), float(shift + half))


@dataclass(frozen=True)
class Meridian:
    """One B-scan's cut through the eye: the surfaces as depth over lateral position, both in mm."""

    eye: LensEye
    azimuth_deg: float
    slope: float
    pupil_left_mm: float
    pupil_right_mm: float

    def cornea(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Depth of the front and the back of the cornea, going over into the sclera."""
        eye = self.eye
        front = eye.apex_mm + _cap(x, eye.cornea_radius_mm, 5.2)
        back = eye.apex_mm + eye.cornea_mm + _cap(x, eye.cornea_radius_mm - 1.3, 4.8)
        return front + self.slope * x, back + self.slope * x

    def lens(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Depth of the anterior and the posterior lens capsule."""
        eye = self.eye
        front = eye.lens_mm + x**2 / (2 * eye.anterior_radius_mm)
        back = eye.lens_mm + eye.lens_thickness_mm - x**2 / (2 * eye.posterior_radius_mm)
        return front + self.slope * x, back + self.slope * x

    def iris(self, x: NDArray, bumps: NDArray) -> tuple[NDArray, NDArray]:
        """Depth of the front and the back of the iris; ``bumps`` (like x) roughen the front."""
        eye = self.eye
        edge = np.where(x < 0, self.pupil_left_mm, self.pupil_right_mm)
        outward = np.clip((np.abs(x) - np.abs(edge)) / (5.8 - np.abs(edge)), 0, 1)
        at_edge = self.lens(edge)[0]
        back = at_edge + 0.02 - outward * eye.iris_lift_mm + self.slope * (x - edge)
        body = eye.iris_mm * np.sqrt(np.clip(outward * 6, 0, 1)) * (1 - 0.35 * outward)
        return back - body * (1 + bumps), back


def draw_eye(rng: np.random.Generator) -> LensEye:
    """A random eye."""
    optical = rng.uniform(0, 1)  # 0: corrected for refraction, 1: as measured
    apex = rng.uniform(1.7, 2.6)
    thickness = 3.8 + 2.4 * optical + rng.uniform(-0.3, 0.5)
    chamber = 2.9 + 1.2 * optical + rng.uniform(0, 1.1)
    return LensEye(
        apex_mm=apex,
        cornea_mm=rng.uniform(0.52, 0.6) + 0.2 * optical,
        cornea_radius_mm=rng.uniform(7.7, 8.8),
        lens_mm=apex + chamber,
        lens_thickness_mm=thickness,
        anterior_radius_mm=rng.uniform(10, 20),
        posterior_radius_mm=rng.uniform(5.0, 7.0),
        pupil_mm=rng.uniform(1.5, 3.6),
        pupil_ellipticity=rng.uniform(0, 0.06),
        pupil_azimuth_deg=rng.uniform(0, 180),
        pupil_shift_mm=rng.uniform(-0.35, 0.35),
        iris_mm=rng.uniform(0.45, 0.75),
        iris_lift_mm=rng.uniform(-0.35, 0.5),
        tilt_deg=rng.uniform(0, 5),
        tilt_azimuth_deg=rng.uniform(0, 360),
        nucleus_center=rng.uniform(0.48, 0.56),
        nucleus_height=rng.uniform(0.24, 0.34),
        nucleus_radius_mm=rng.uniform(3.0, 4.2),
    )


def _cap(x: NDArray, radius_mm: float, limit_mm: float) -> NDArray:
    """Sag of a sphere out to ``limit_mm`` from the axis, a straight line beyond."""
    inside = np.minimum(np.abs(x), limit_mm)
    root = np.sqrt(radius_mm**2 - inside**2)
    slope = limit_mm / np.sqrt(radius_mm**2 - limit_mm**2)
    return radius_mm - root + 0.72 * slope * (np.abs(x) - inside)
