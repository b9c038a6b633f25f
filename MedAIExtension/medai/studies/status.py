"""How far a rater is, and for the study's owner how far everybody is."""

from __future__ import annotations

from dataclasses import dataclass

from medai.studies.drafts import open_drafts
from medai.studies.record import SKIPPED, Record
from medai.studies.study import Study
from medai.studies.submissions import counting, rater_history, refused_cases
from medai.studies.worklist import Case, worklist


@dataclass(frozen=True)
class RaterStatus:
    """One rater's progress. records: what counts, by (image, presentation).

    warnings: submissions that are damaged or missing, one line each; their cases are open again.
    """

    rater: str
    cases: tuple[Case, ...]
    records: dict[tuple[str, int], Record]
    drafts: tuple[Record, ...]
    warnings: tuple[str, ...] = ()

    @property
    def submitted(self) -> int:
        """Cases handed in with an outline."""
        return len(self.records) - self.skipped

    @property
    def skipped(self) -> int:
        """Cases left without an outline, with a reason."""
        return sum(record.outcome == SKIPPED for record in self.records.values())

    @property
    def active_seconds(self) -> float:
        """Time spent on what counts."""
        return sum(record.active_seconds for record in self.records.values())

    @property
    def next_case(self) -> Case | None:
        """The first case that is neither submitted nor skipped; None when all are done."""
        for case in self.cases:
            if (case.image, case.presentation) not in self.records:
                return case
        return None

    def case_of(self, record: Record) -> Case | None:
        """The rater's case that ``record`` belongs to."""
        for case in self.cases:
            if (case.image, case.presentation) == (record.image, record.presentation):
                return case
        return None

    @property
    def sentence(self) -> str:
        """ "Case 9 of 40 · 8 submitted."; what a rater may know, and nothing about repeats."""
        done = f"{self.submitted} submitted" + (f", {self.skipped} skipped" if self.skipped else "")
        case = self.next_case
        if case is None:
            return f"All {len(self.cases)} cases are done · {done}."
        return f"Case {case.number} of {len(self.cases)} · {done}."


def rater_status(study: Study, rater: str) -> RaterStatus:
    """``rater``'s own progress; no other rater's files are read.

    Raises StudyError for an unknown rater.
    """
    rater = study.protocol.require_rater(rater)
    cases = worklist(study.protocol, rater)
    listed = {(case.image, case.presentation) for case in cases}
    history = rater_history(study, rater)
    refused = refused_cases(history)
    records = {
        key[1:]: record
        for key, record in counting(history.sound_records).items()
        if key[1:] in listed and key not in refused
    }
    return RaterStatus(rater, cases, records, open_drafts(study, rater), history.warnings)


def study_status(study: Study) -> tuple[RaterStatus, ...]:
    """Every rater's progress, for the study's owner."""
    return tuple(rater_status(study, rater) for rater in study.protocol.raters)
