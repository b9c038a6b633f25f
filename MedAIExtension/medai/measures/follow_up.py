"""Two dates of one patient: what changed, and which slices belong side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError, UnsuitableImageError
from medai.images.orientation import AxialVolume
from medai.measures.lesions import LesionBurden
from medai.measures.severity import Severity, severity

# One person's lungs differ between scans by breathing; beyond this it may be another person.
LUNG_VOLUME_CHANGE_LIMIT_PERCENT = 40.0


@dataclass(frozen=True)
class FollowUp:
    """The change from the earlier to the later study.

    days: between the studies; None when a date is unknown.
    lesion_volume_change_percent: of the earlier lesion volume; nan when that is zero.
    opacity_change_points: change of the percentage of opacity, in percentage points.
    zone_score_change: change of the 0..24 zone score; None when either is unknown.
    lung_volume_change_percent: of the earlier lung volume.
    warnings: sentences the user must see, for instance that it may be another patient.
    """

    earlier: Severity
    later: Severity
    earlier_lesion_volume_ml: float
    later_lesion_volume_ml: float
    days: int | None
    lesion_volume_change_ml: float
    lesion_volume_change_percent: float
    opacity_change_points: float
    high_opacity_change_points: float
    zone_opacity_change_points: dict[str, float]
    zone_score_change: int | None
    lung_volume_change_percent: float
    warnings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One sentence: where the opacity was, where it is, and the change in points."""
        if not np.isfinite(self.opacity_change_points):
            return "The change of opacity is unknown: one of the studies shows no lung."
        when = "" if self.days is None else f" {self.days} days earlier"
        return (
            f"Opacity {self.later.opacity_words()} in the later study, "
            f"{self.earlier.opacity_words()}{when or ' in the earlier study'}: "
            f"{self.opacity_change_points:+.1f} points.".replace("-", "−")
        )


def follow_up(
    earlier: LesionBurden,
    later: LesionBurden,
    *,
    earlier_date: date | None = None,
    later_date: date | None = None,
) -> FollowUp:
    """Compare two studies of one patient.

    Raises InputError when the later study's date is before the earlier one's. Lung volumes that
    differ by more than 40 % are a warning: another patient, or another depth of breath.
    """
    return _compared(earlier, later, days_between(earlier_date, later_date))


def compared_again(change: FollowUp, earlier: LesionBurden, later: LesionBurden) -> FollowUp:
    """The change between the same two studies when one of them was measured anew."""
    return _compared(earlier, later, change.days)


def _compared(earlier: LesionBurden, later: LesionBurden, days: int | None) -> FollowUp:
    before, after = severity(earlier), severity(later)
    lung_change = _change_percent(earlier.lung_volume_ml, later.lung_volume_ml)
    return FollowUp(
        earlier=before,
        later=after,
        earlier_lesion_volume_ml=earlier.lesion_volume_ml,
        later_lesion_volume_ml=later.lesion_volume_ml,
        days=days,
        lesion_volume_change_ml=later.lesion_volume_ml - earlier.lesion_volume_ml,
        lesion_volume_change_percent=_change_percent(
            earlier.lesion_volume_ml, later.lesion_volume_ml
        ),
        opacity_change_points=after.opacity_percent - before.opacity_percent,
        high_opacity_change_points=after.high_opacity_percent - before.high_opacity_percent,
        zone_opacity_change_points={
            zone: after.zone_opacity_percent.get(zone, float("nan")) - percent
            for zone, percent in before.zone_opacity_percent.items()
        },
        zone_score_change=(
            None
            if before.zone_score is None or after.zone_score is None
            else after.zone_score - before.zone_score
        ),
        lung_volume_change_percent=lung_change,
        warnings=_warnings(lung_change, days),
    )


def days_between(earlier_date: date | None, later_date: date | None) -> int | None:
    """Days from the earlier to the later study, None when a date is unknown.

    Raises InputError when the later study's date is before the earlier one's.
    """
    if earlier_date is None or later_date is None:
        return None
    days = (later_date - earlier_date).days
    if days < 0:
        raise InputError(
            f"The follow-up is dated {-days} days before the first study: "
            "expected the later date second; exchange the two."
        )
    return days


def lung_box_transform(
    earlier_axial: AxialVolume,
    earlier_lungs: NDArray,
    later_axial: AxialVolume,
    later_lungs: NDArray,
) -> NDArray[np.float64]:
    """The 4×4 RAS matrix that takes the later study's lung box onto the earlier one's.

    lungs: (z, y, x) on the axial grids, non-zero inside. Shift and one scale per axis: enough to
    show matching slices side by side, not for measuring.
    Raises UnsuitableImageError when a study shows no lung.
    """
    low_before, high_before = _box_ras(earlier_axial, earlier_lungs)
    low_after, high_after = _box_ras(later_axial, later_lungs)
    scale = (high_before - low_before) / (high_after - low_after)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(scale)
    matrix[:3, 3] = low_before - scale * low_after
    return matrix


def _box_ras(axial: AxialVolume, lungs: NDArray) -> tuple[NDArray, NDArray]:
    inside = lungs != 0
    ranges = [np.flatnonzero(inside.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if any(len(indices) == 0 for indices in ranges):
        raise UnsuitableImageError("No lung in one of the studies: nothing to lay side by side.")
    # The box ends at voxel borders, half a voxel beyond the outer centres.
    first = np.array([indices[0] - 0.5 for indices in ranges])
    last = np.array([indices[-1] + 0.5 for indices in ranges])
    corners = axial.ras_of(np.stack([first, last]))
    return corners.min(axis=0), corners.max(axis=0)


def _change_percent(before: float, after: float) -> float:
    return 100.0 * (after - before) / before if before > 0 else float("nan")


def _warnings(lung_change_percent: float, days: int | None) -> tuple[str, ...]:
    warnings = []
    if abs(lung_change_percent) > LUNG_VOLUME_CHANGE_LIMIT_PERCENT:
        warnings.append(
            f"The lung volumes differ by {abs(lung_change_percent):.0f} %: another patient, or "
            "another depth of breath? Compare with care."
        )
    if days is None:
        warnings.append("The dates of the studies are unknown: their order is as given.")
    if days == 0:
        warnings.append("Both studies carry the same date.")
    return tuple(warnings)
