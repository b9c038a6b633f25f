"""Every score of every patient of a file, and one sentence a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.prognosis.imaging import ImagingEvidence, evidence_from_ct, evidence_from_xray
from medai.prognosis.published import SCORES
from medai.prognosis.records import ClinicalRecords, PatientRecord, read_records
from medai.prognosis.score import ScoreResult, compute
from medai.prognosis.variables import Value
from medai.progress import Progress, ProgressCallback, ignore_progress


@dataclass(frozen=True)
class PatientPrognosis:
    """One patient's scores.

    values: what they were computed from, images' findings among them. imaging: what each image's
    result says, CT and X-ray side by side.
    """

    label: str
    values: Mapping[str, Value]
    scores: tuple[ScoreResult, ...]
    notes: tuple[str, ...] = ()
    imaging: tuple[ImagingEvidence, ...] = ()

    @property
    def sentence(self) -> str:
        """ "Patient 1: 4C Mortality Score 9 to 12 of 21, CURB-65 2 of 5, …" """
        said = []
        for result in self.scores:
            of = "" if result.low is None else f" of {result.score.maximum}"
            said.append(f"{result.score.title} {result.total}{of}")
        return f"{self.label}: {', '.join(said)}."


@dataclass(frozen=True)
class PrognosisResult:
    """All patients of a file."""

    patients: tuple[PatientPrognosis, ...]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One patient's scores, or how many patients there are."""
        if len(self.patients) == 1:
            return self.patients[0].sentence
        return f"Scores of {len(self.patients)} patients."


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[ClinicalRecords, None]:
    """The clinical data that a row of a study list names.

    cells: ct, xray (folders of results). name, device: not used; patients are numbered, and no
    network runs. Raises InputError.
    """
    return open_records(
        path,
        ct=Path(cells["ct"]) if "ct" in cells else None,
        xray=Path(cells["xray"]) if "xray" in cells else None,
    ), None


def open_records(
    path: Path, *, ct: Path | None = None, xray: Path | None = None
) -> ClinicalRecords:
    """Clinical data of a CSV file, with what results of images say. Raises InputError."""
    imaging = [] if ct is None else [evidence_from_ct(ct)]
    if xray is not None:
        imaging.append(evidence_from_xray(xray))
    return read_records(path, imaging)


def assess_prognosis(
    records: ClinicalRecords,
    model: None,
    options: None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> PrognosisResult:
    """Compute every score of every patient; no model takes part."""
    patients = []
    for number, record in enumerate(records.patients, start=1):
        raise_if_cancelled(cancelled)
        patients.append(_assess(record))
        progress(Progress(number / len(records.patients), record.label))
    notes = [note for patient in patients for note in patient.notes]
    if records.unused:
        notes.append(f"Not used by any score: {', '.join(records.unused)}.")
    return PrognosisResult(tuple(patients), tuple(notes))


def _assess(record: PatientRecord) -> PatientPrognosis:
    values = dict(record.values)
    notes = []
    stated = values.get("multilobar")
    seen = [each for each in record.imaging if each.multilobar is not None]
    notes += [
        f"{record.label}: {each.sentence}: multilobar infiltrates can't be told from it."
        for each in record.imaging
        if each.multilobar is None
    ]
    for each in seen:
        if stated is not None and each.multilobar != stated:
            notes.append(
                f"{record.label}: {each.sentence}, but the file says otherwise of multilobar "
                "infiltrates; the file counts."
            )
    if stated is None and seen:
        # One image that shows two lobes is enough; the other may see less.
        decisive = next((each for each in seen if each.multilobar), seen[0])
        values["multilobar"] = bool(decisive.multilobar)
        notes.append(
            f"{record.label}: multilobar infiltrates "
            f"{'yes' if decisive.multilobar else 'no'}, by {decisive.sentence}."
        )
    scores = tuple(compute(score, values) for score in SCORES)
    missing = tuple(dict.fromkeys(name for result in scores for name in result.missing))
    if missing:
        notes.append(
            f"{record.label}: missing: {', '.join(missing)}. Scores that need them are given as "
            "the range that they may lie in."
        )
    notes += [
        f"{record.label}: {result.score.title} was not computed: {result.reason}."
        for result in scores
        if result.reason
    ]
    return PatientPrognosis(record.label, values, scores, tuple(notes), record.imaging)


def summary_rows(result: PrognosisResult) -> list[dict[str, Any]]:
    """Each patient as plain data."""
    return [
        {
            "patient": patient.label,
            "sentence": patient.sentence,
            "values": dict(patient.values),
            "imaging": [asdict(each) for each in patient.imaging],
            "scores": {each.score.key: _score_data(each) for each in patient.scores},
        }
        for patient in result.patients
    ]


def _score_data(result: ScoreResult) -> dict[str, Any]:
    return {
        "title": result.score.title,
        "low": result.low,
        "high": result.high,
        "maximum": result.score.maximum,
        "risk": result.risk,
        "missing": list(result.missing),
        "reason": result.reason,
        "parts": [
            {"part": part.title, "used": part.used, "low": part.low, "high": part.high}
            for part in result.parts
        ],
        "source": result.score.source,
        "validity": result.score.validity,
    }
