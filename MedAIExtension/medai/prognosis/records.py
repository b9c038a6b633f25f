"""Patients' clinical data from a CSV file: a row a patient, or a line a quantity of one patient."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medai.errors import InputError
from medai.plain_text import one_line
from medai.prognosis.imaging import ImagingEvidence
from medai.prognosis.variables import Value, heading_parts, is_known, read_value

_PATIENT = "patient"
_LONG = ("variable", "value", "unit")
_NOT_ALERT = ("voice", "pain", "unresponsive")


@dataclass(frozen=True)
class PatientRecord:
    """What is known of one patient.

    label: "Patient 1", after the row's place; the file's own identifier is never kept.
    values: by variable, in the scores' units. imaging: what images say, each with its source.
    """

    label: str
    values: Mapping[str, Value]
    imaging: tuple[ImagingEvidence, ...] = ()


@dataclass(frozen=True)
class ClinicalRecords:
    """The patients of one file, in its order. unused: headings that no score asks for."""

    patients: tuple[PatientRecord, ...]
    unused: tuple[str, ...] = ()


def read_records(path: Path, imaging: Sequence[ImagingEvidence] = ()) -> ClinicalRecords:
    """The patients of a CSV file.

    Either a row a patient, with columns named after variables ("age", "crp (mg/L)") and, for
    several, a column "patient"; or the columns variable, value and unit, a line a quantity of one
    patient. imaging: of the one patient; refused beside several. Raises InputError for a file that
    can't be read, what ``read_value`` refuses, a patient or a quantity twice, and values that
    contradict each other.
    """
    header, rows = _read(path)
    names = [name.strip().lower() for name in header]
    records = (
        _long_form(path, names, rows)
        if {"variable", "value"} <= set(names)
        else _wide_form(path, header, rows)
    )
    if imaging and len(records.patients) > 1:
        raise InputError(
            f"{path.name} holds {len(records.patients)} patients, expected one beside images of "
            "one patient."
        )
    if not imaging:
        return records
    (patient,) = records.patients
    return replace(records, patients=(replace(patient, imaging=tuple(imaging)),))


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, [c.strip() for c in row]) for row in reader if any(row)]
    except OSError as error:
        raise InputError(f"Can't read {path.name}: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} can't be read as a table: {one_line(str(error))}.") from None
    if len(lines) < 2:
        raise InputError(f"{path.name} holds no patient, expected a header and a row a patient.")
    (_, header), *rows = lines
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path.name}, line {line}: {len(row)} cells, expected {len(header)} as in the "
                "header."
            )
    return header, rows


def _wide_form(
    path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> ClinicalRecords:
    columns = [heading_parts(heading) for heading in header]
    names = [name for name, _ in columns]
    _refuse_twice(names, lambda name: f"{path.name}: the column {name} is there twice.")
    used = [k for k, name in enumerate(names) if is_known(name)]
    if not used:
        raise InputError(
            f"{path.name}: no column is of a score, expected some of age, sex, respiratory_rate, "
            "spo2 and others."
        )
    if len(rows) > 1 and _PATIENT not in names:
        raise InputError(
            f"{path.name} holds {len(rows)} rows and no column patient: expected one patient, or "
            "a name for each."
        )
    if _PATIENT in names:
        at = names.index(_PATIENT)
        _refuse_twice(
            [row[at] for _, row in rows],
            lambda _: f"{path.name}: two rows are of one patient, expected a row a patient.",
        )
    patients = []
    for number, (line, row) in enumerate(rows, start=1):
        where = f"{path.name}, line {line}"
        cells = [(names[k], row[k], columns[k][1]) for k in used]
        patients.append(PatientRecord(f"Patient {number}", _values(cells, where)))
    rest = [h for k, h in enumerate(header) if k not in used and names[k] != _PATIENT]
    return ClinicalRecords(tuple(patients), tuple(one_line(heading) for heading in rest))


def _long_form(
    path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> ClinicalRecords:
    unknown = [name for name in names if name not in (*_LONG, _PATIENT)]
    if unknown:
        raise InputError(
            f"{path.name}: the column {unknown[0]!r} is unknown, expected variable, value, unit."
        )
    table = [dict(zip(names, row, strict=True)) for _, row in rows]
    if len({row.get(_PATIENT, "") for row in table}) > 1:
        raise InputError(f"{path.name} is of several patients, expected one in this form.")
    cells, unused = [], []
    for row in table:
        name, unit = heading_parts(row["variable"])
        if is_known(name):
            cells.append((name, row["value"], row.get("unit", "") or unit))
        else:
            unused.append(one_line(row["variable"]))
    return ClinicalRecords((PatientRecord("Patient 1", _values(cells, path.name)),), tuple(unused))


def _values(cells: Iterable[tuple[str, str, str]], where: str) -> dict[str, Value]:
    """Values by variable. Raises InputError for a variable twice, or what can't be together."""
    found: dict[str, Value] = {}
    for name, text, unit in cells:
        variable, value = read_value(name, text, unit, where)
        if value is None:
            continue
        if variable in found:
            raise InputError(f"{where}: {variable} is given twice, expected once.")
        found[variable] = value
    if "systolic" in found and "diastolic" in found and found["diastolic"] >= found["systolic"]:  # type: ignore[operator]
        raise InputError(
            f"{where}: diastolic is {found['diastolic']:g} and systolic {found['systolic']:g} "
            "mmHg, expected the systolic above."
        )
    state = found.get("consciousness")
    if found.get("gcs") == 15 and state in _NOT_ALERT:
        raise InputError(f"{where}: gcs is 15 and consciousness is {state}, expected alert.")
    if state == "confusion":
        if found.get("confusion") is False:
            raise InputError(f"{where}: confusion is no and consciousness is confusion.")
        found["confusion"] = True
    return found


def _refuse_twice(names: Sequence[str], message: Callable[[str], str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(message(name))
        seen.add(name)
