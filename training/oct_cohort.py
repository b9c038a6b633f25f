"""A clinical set of OCT scans judged: ``patient/eye/`` folders, and who has cataract in a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from medai.errors import TrainingDataError
from medai.images.oct_scans import EyeScans, parse_eye, read_eyes
from medai.inference.cataract.mapping import map_cataract
from medai.measures.cataract import EyeMeasure, repeatability
from medai.models import Model

_NEEDED = ("patient", "cataract")


@dataclass(frozen=True)
class PatientRow:
    """One row of ``patients.csv``; numbers that are not given are nan.

    cataract: whether the patient has it. logmar: best corrected visual acuity. set: "development"
    or "validation", or "". eye: "" where the row is of both. grade: clinical, larger is denser.
    """

    patient: str
    cataract: bool
    age: float = math.nan
    logmar: float = math.nan
    set: str = ""
    eye: str = ""
    grade: float = math.nan


def read_patients(table: Path) -> list[PatientRow]:
    """The rows of a CSV: patient, cataract (0 or 1), and if known age, logmar, set, eye, grade.

    Raises TrainingDataError for a file that can't be read, a missing
    column, a value of another kind, or a patient (and eye) twice.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingDataError(f"Can't read the table {table}: {error}.") from None
    missing = [name for name in _NEEDED if not rows or name not in rows[0]]
    if missing:
        raise TrainingDataError(f"{table}: the column {missing[0]} is missing.")
    found = [_row(row, f"{table.name}, row {number}") for number, row in enumerate(rows, start=2)]
    keys = [(row.patient, row.eye) for row in found]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise TrainingDataError(f"{table}: {' '.join(twice[0]).strip()} is there twice.")
    return found


def _row(row: dict[str, str | None], where: str) -> PatientRow:
    def number(name: str, low: float, high: float) -> float:
        text = (row.get(name) or "").strip()
        if not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.inf
        if not low <= value <= high:
            raise TrainingDataError(
                f"{where}: {name} is {text!r}, expected a number from {low:g} to {high:g}."
            )
        return value

    cataract = (row.get("cataract") or "").strip()
    if cataract not in ("0", "1"):
        raise TrainingDataError(f"{where}: cataract is {cataract!r}, expected 0 or 1.")
    eye = (row.get("eye") or "").strip()
    return PatientRow(
        patient=(row.get("patient") or "").strip(),
        cataract=cataract == "1",
        age=number("age", 0, 120),
        logmar=number("logmar", -0.5, 4),
        set=(row.get("set") or "").strip(),
        eye=parse_eye(eye) if eye else "",
        grade=number("grade", 0, 100),
    )


@dataclass(frozen=True, eq=False)
class CohortEye:
    """One eye of the set, and what the model measured of it."""

    row: PatientRow
    patient: str
    eye: str
    measure: EyeMeasure


def measure_cohort(model: Model, folder: Path, rows: Iterable[PatientRow]) -> list[CohortEye]:
    """Every eye of ``folder/<patient>/<eye>/`` (eyes named OD, OS, right or left).

    Raises TrainingDataError for a patient without a row, InputError and its kinds for scans that
    can't be used.
    """
    table = {(row.patient, row.eye): row for row in rows}
    found = []
    for patient, eye_folder in _eye_folders(folder):
        eye = parse_eye(eye_folder.name)
        row = table.get((patient, eye)) or table.get((patient, ""))
        if row is None:
            raise TrainingDataError(f"{patient}, {eye} eye, of {folder} has no row in the table.")
        (scans,) = read_eyes([eye_folder], eye=eye)
        found.append(CohortEye(row, patient, eye, _measured(model, scans)))
    return found


def measure_repeats(model: Model, folder: Path) -> dict[str, Any]:
    """Repeatability of the cataract fraction: ``folder/<patient>/<eye>/<visit>/``.

    Eyes with fewer visits than the most are left out and counted. Raises as ``measure_cohort``,
    InputError for fewer than two eyes or visits.
    """
    fractions = {}
    for patient, eye_folder in _eye_folders(folder):
        eye = parse_eye(eye_folder.name)
        visits = sorted(path for path in eye_folder.iterdir() if path.is_dir())
        measured = []
        for visit in visits:
            (scans,) = read_eyes([visit], eye=eye)
            measured.append(_measured(model, scans).cataract_fraction)
        fractions[f"{patient} {eye}"] = measured
    most = max((len(values) for values in fractions.values()), default=0)
    whole = {name: values for name, values in fractions.items() if len(values) == most}
    found = repeatability(np.array(list(whole.values())))
    left_out = len(fractions) - len(whole)
    return asdict(found) | {"eyes left out": left_out, "cataract fractions": fractions}


def age_and_acuity(rows: Iterable[PatientRow]) -> dict[str, Any]:
    """Table 1 of S5: age and visual acuity by group and set, and whether the sets differ.

    Patients count once. Both groups: n, mean ± SD, D'Agostino-Pearson's test of normality (eight
    patients or more); between the sets, where there are two, Mann-Whitney's U.
    """
    patients = {row.patient: row for row in rows}.values()
    sets = sorted({row.set for row in patients})
    found: dict[str, Any] = {}
    for group, sick in (("clear lens", False), ("cataract", True)):
        for name, of in (("age", attrgetter("age")), ("logMAR BCVA", attrgetter("logmar"))):
            values = {
                part or "all": _finite(
                    of(row) for row in patients if row.cataract == sick and row.set == part
                )
                for part in sets
            }
            line: dict[str, Any] = {part: _described(v) for part, v in values.items()}
            if len(sets) == 2 and all(len(v) > 0 for v in values.values()):
                ranks = stats.mannwhitneyu(*values.values(), alternative="two-sided")
                line["Mann-Whitney p between sets"] = float(ranks.pvalue)
            found[f"{name}, {group}"] = line
    return found


def grading(eyes: Iterable[CohortEye]) -> dict[str, Any] | None:
    """Cataract fraction by clinical grade, and their rank correlation; None without grades."""
    pairs = [(e.row.grade, e.measure.cataract_fraction) for e in eyes]
    pairs = [pair for pair in pairs if all(math.isfinite(value) for value in pair)]
    if len({grade for grade, _ in pairs}) < 2:
        return None
    grades, fractions = (np.array(column) for column in zip(*pairs, strict=True))
    rank = stats.spearmanr(grades, fractions)
    by_grade = {f"{g:g}": _described(fractions[grades == g]) for g in sorted(set(grades.tolist()))}
    return {
        "eyes": len(pairs),
        "Spearman's rho": float(rank.statistic),
        "p": float(rank.pvalue),
        "cataract fraction by grade": by_grade,
    }


def _eye_folders(folder: Path) -> Iterable[tuple[str, Path]]:
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} is not a folder, expected <patient>/<eye>/ in it.")
    found = [
        (patient.name, eye)
        for patient in sorted(path for path in folder.iterdir() if path.is_dir())
        for eye in sorted(path for path in patient.iterdir() if path.is_dir())
    ]
    if not found:
        raise TrainingDataError(f"{folder} holds no <patient>/<eye>/ folders with scans.")
    return found


def _measured(model: Model, scans: EyeScans) -> EyeMeasure:
    return map_cataract(scans, model).eyes[0].summary


def _described(values: np.ndarray) -> dict[str, float | int | str]:
    row: dict[str, float | int | str] = {"n": len(values)}
    if len(values):
        deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        row["mean ± SD"] = f"{values.mean():.3f} ± {deviation:.3f}"
    if len(values) >= 8 and np.ptp(values) > 0:
        row["D'Agostino-Pearson p"] = float(stats.normaltest(values).pvalue)
    return row


def _finite(values: Iterable[float]) -> np.ndarray:
    return np.array([value for value in values if math.isfinite(value)])
