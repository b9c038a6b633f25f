"""How fast a study moves, and when it will end if it goes on like that."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from medai.studies.record import Record
from medai.studies.status import RaterStatus

# The pace is that of the last days in which anything was handed in, at most so many.
_PACE_DAYS = 14.0


@dataclass(frozen=True)
class Pace:
    """One rater's progress in time. handed_in: moments, oldest first, skips too.

    minutes_a_case: median active minutes, None where none were measured. low_quality: share of the
    outlined cases whose image was called low. expected_end: at the pace of the last two weeks; None
    before there is one, or when all is done.
    """

    rater: str
    cases: int
    submitted: int
    skipped: int
    unfinished: int
    handed_in: tuple[datetime, ...]
    minutes_a_case: float | None
    low_quality: float | None
    expected_end: datetime | None

    @property
    def remaining(self) -> int:
        """Cases neither submitted nor skipped."""
        return self.cases - self.submitted - self.skipped


def pace_of(status: RaterStatus, now: datetime) -> Pace:
    """The pace of one rater, from what counts. now: with a time zone."""
    records = list(status.records.values())
    moments = tuple(sorted(datetime.fromisoformat(record.saved_utc) for record in records))
    minutes = [record.active_seconds / 60 for record in records if record.active_seconds > 0]
    outlined = [record for record in records if record.mask]
    remaining = len(status.cases) - len(records)
    return Pace(
        rater=status.rater,
        cases=len(status.cases),
        submitted=status.submitted,
        skipped=status.skipped,
        unfinished=len(status.drafts),
        handed_in=moments,
        minutes_a_case=statistics.median(minutes) if minutes else None,
        low_quality=_low(outlined),
        expected_end=_end(moments, remaining, now),
    )


def _low(records: Sequence[Record]) -> float | None:
    if not records:
        return None
    return sum(record.remarks.quality == "low" for record in records) / len(records)


def _end(moments: Sequence[datetime], remaining: int, now: datetime) -> datetime | None:
    recent = [moment for moment in moments if now - moment <= timedelta(days=_PACE_DAYS)]
    if not remaining or not recent:
        return None
    # Of one sitting nobody can tell how often it will come: at least a day counts.
    days = max((now - recent[0]) / timedelta(days=1), 1.0)
    return now + timedelta(days=remaining * days / len(recent))
