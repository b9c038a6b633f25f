"""The list of studies: a CSV file with one row a study."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from medai.errors import InputError, StudyError
from medai.studies.names import require_distinct, require_name
from medai.tasks import Task, task_of_command

_LARGEST_LIST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class ListedStudy:
    """One row. number: from 1. name: its folder's name. options: its filled cells."""

    number: int
    name: str
    study: Path
    options: dict[str, str]


def read_list(path: Path, command: str) -> tuple[ListedStudy, ...]:
    """Read the list for what ``command`` does; paths in it count from its own folder.

    A study without a name is called study-0001 and so on, by its row: a file name may tell who the
    patient is. Raises InputError when the list can't be read, has a column that the task doesn't
    know, a row without a study, or a name that is no folder name or is there twice.
    """
    task = task_of_command(command)
    try:
        if path.stat().st_size > _LARGEST_LIST_BYTES:
            raise InputError(f"The list {path.name} is larger than 64 MB, expected a row a study.")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = csv.DictReader(stream, strict=True)
            header = [name.strip() for name in lines.fieldnames or ()]
            lines.fieldnames = header
            rows = list(lines)
    except OSError as error:
        raise InputError(f"Can't read the list {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The list {path.name} is not a CSV file in UTF-8: {error}.") from error
    _require_columns(path, header, task)
    studies = [_study(path, task, number, row) for number, row in enumerate(rows, start=1)]
    if not studies:
        raise InputError(f"The list {path.name} has no rows, expected one a study.")
    try:
        require_distinct((study.name for study in studies), "row")
    except StudyError as error:
        raise InputError(f"The list {path.name}: {error}") from error
    return tuple(studies)


def _require_columns(path: Path, header: list[str], task: Task) -> None:
    known = ("study", "name", *task.list_columns)
    for column in header:
        if column not in known:
            raise InputError(
                f"The list {path.name} has the column {column!r}, expected "
                f"{', '.join(known[:-1])} or {known[-1]}."
            )
    if "study" not in header:
        raise InputError(f"The list {path.name} has no column study.")
    if len(set(header)) < len(header):
        raise InputError(f"The list {path.name} has a column twice: {', '.join(header)}.")


def _study(path: Path, task: Task, number: int, row: dict[str, str | None]) -> ListedStudy:
    where = f"The list {path.name}, row {number}"
    if None in row or None in row.values():
        raise InputError(f"{where} has more or fewer cells than the header.")
    cells = {column: (value or "").strip() for column, value in row.items()}
    study = cells.pop("study")
    if not study:
        raise InputError(f"{where} names no study.")
    if "\0" in "".join(row.values()):  # type: ignore[arg-type]
        raise InputError(f"{where} holds a zero byte.")
    name = cells.pop("name", "") or f"study-{number:04d}"
    try:
        require_name(name, "row")
    except StudyError as error:
        raise InputError(f"{where}: {error}") from error
    options = {
        column: str(_place(path, value)) if column in task.path_columns else value
        for column, value in cells.items()
        if value
    }
    return ListedStudy(number, name, _place(path, study), options)


def _place(path: Path, text: str) -> Path:
    return path.resolve().parent / text
