"""The CSV layout of the eczema study: a row a pixel, a column a rater.

``inter-rater_masks-as-ratings*.csv``: ``filename, height_coor, width_coor, background`` (in truth
the skin, where ratings count) and ``rater_1`` …, values 0 to 255. Beside it perhaps
``interrator_statistics_extended.csv``: a row an image, each rater's quality, time and reasons, and
the image's severity and body region. Source: Hurault et al. 2022, the code published with it.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.agreement.ratings import ImageRatings
from medai.errors import StudyError
from medai.studies.drawn_images import ImportedRatings
from medai.studies.labelbox_export import reasons_in
from medai.studies.names import image_name, require_distinct, safe_name
from medai.studies.ratings_table import QUALITY_SCORES, RatingsTable

_FILE, _ROW, _COLUMN, _REGION, _RATER = (
    "filename", "height_coor", "width_coor", "background", "rater_",
)  # fmt: skip
_STATISTICS = "interrator_statistics_extended.csv"
_QUALITY, _TIME, _REASONS = "_Evaluability", "_Time", "_Bad-Images"
_MARKED_ABOVE = 127.5
_HIGHEST = 255.0
_MOST_PIXELS = 2**28


def is_pixel_table(path: Path) -> bool:
    """Whether a file's first line has the columns of the layout."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            columns = next(csv.reader([stream.readline(100_000)]), [])
    except (OSError, csv.Error):
        return False
    needed = {_FILE, _ROW, _COLUMN}
    return needed <= set(columns) and any(name.startswith(_RATER) for name in columns)


def open_pixel_table(path: Path) -> ImportedRatings:
    """All ratings of the table, and what the statistics beside it say.

    Each image's rows must fill its grid once. A value above half of 255 marks.
    Raises StudyError that names the file, and the line or the image.
    """
    raters, cells = _read(path)
    names = {file: image_name(Path(file.replace("\\", "/"))) for file in cells}
    require_distinct(names.values(), "image")
    grids = {names[file]: _grid(file, values, len(raters)) for file, values in cells.items()}
    statistics = path.parent / _STATISTICS
    table = read_statistics(statistics, names) if statistics.is_file() else RatingsTable({}, {}, {})

    def ratings(name: str) -> ImageRatings:
        layers = grids[name]
        region = layers[0] if layers[0].any() else None
        return ImageRatings(name, layers[1:], raters, region, None, table.covariates(name))

    return ImportedRatings(dict.fromkeys(grids, raters), ratings, table, {})


def read_statistics(path: Path, names: dict[str, str]) -> RatingsTable:
    """Quality, seconds, reasons and covariates of the table of images.

    names: what each file is called. Raises StudyError.
    """
    quality: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    reasons: dict[str, dict[str, tuple[str, ...]]] = {}
    other: dict[str, dict[str, float | str]] = {}
    for line, row in _rows(path, (_FILE,)):
        image = names.get(row[_FILE])
        if image is None:
            continue
        for column, text in row.items():
            if column.endswith(_QUALITY) and text:
                word = text.split("(")[0].strip().casefold()
                if word not in QUALITY_SCORES:
                    raise StudyError(f"{path.name}, line {line}: the quality {text!r}.")
                who = safe_name(column.removesuffix(_QUALITY))
                quality.setdefault(image, {})[who] = QUALITY_SCORES[word]
            elif column.endswith(_TIME) and text:
                who = safe_name(column.removesuffix(_TIME))
                seconds.setdefault(image, {})[who] = _number(text, path, line)
            elif column.endswith(_REASONS):
                who = safe_name(column.removesuffix(_REASONS))
                reasons.setdefault(image, {})[who] = reasons_in(text)
        covariates = other.setdefault(image, {})
        if row.get("sassad_tot"):
            covariates["severity"] = _number(row["sassad_tot"], path, line)
        if row.get("repsite"):
            covariates["region"] = row["repsite"]
    return RatingsTable(quality, seconds, other, reasons)


def _read(path: Path) -> tuple[tuple[str, ...], dict[str, array[float]]]:
    """The raters' names and, by file, its rows as row, column, region, then raters, flat."""
    raters: tuple[str, ...] = ()
    cells: dict[str, array[float]] = {}
    wanted: Sequence[str] = ()
    for held, (line, row) in enumerate(_rows(path, (_FILE, _ROW, _COLUMN))):
        if not raters:
            raters = tuple(name for name in row if name.startswith(_RATER))
            if len(raters) < 1:
                raise StudyError(f"{path.name}: no column {_RATER}1: nobody rated anything.")
            wanted = (_ROW, _COLUMN, _REGION, *raters)
        try:
            values = [float(row.get(name) or 0) for name in wanted]
        except ValueError:
            raise StudyError(f"{path.name}, line {line}: a cell is no number.") from None
        if not all(0 <= value <= _HIGHEST for value in values[2:]):
            raise StudyError(f"{path.name}, line {line}: a rating is not within 0 to 255.")
        if held >= _MOST_PIXELS:
            raise StudyError(f"{path.name} holds more than {_MOST_PIXELS:,} pixels.")
        cells.setdefault(row[_FILE], array("f")).extend(values)
    if not cells:
        raise StudyError(f"{path.name} holds no pixel.")
    return raters, cells


def _grid(file: str, flat: array[float], raters: int) -> NDArray[np.uint8]:
    """(1 + raters, 1, rows, columns): the region, then each rater's mask."""
    table = np.frombuffer(flat, dtype=np.float32).reshape(-1, 3 + raters)
    places = table[:, :2]
    start, size = places.min(axis=0), np.ptp(places, axis=0) + 1
    if size[0] * size[1] != len(table) or (places != np.rint(places)).any():
        raise StudyError(
            f"{file}: {len(table)} pixels on a grid of {size[0]:g} × {size[1]:g}: expected each "
            "pixel once."
        )
    rows, columns = (places - start).astype(np.intp).T
    shape = (int(size[0]), int(size[1]))
    if len(np.unique(rows * shape[1] + columns)) != len(table):
        raise StudyError(f"{file}: a pixel occurs twice.")
    grid = np.zeros((1 + raters, 1, *shape), dtype=np.uint8)
    for layer, values in zip(grid[:, 0], table[:, 2:].T, strict=True):
        layer[rows, columns] = values > _MARKED_ABOVE
    return grid


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise StudyError(f"{path.name}: no column {missing[0]!r}.")
            for row in reader:
                yield (
                    reader.line_num,
                    {
                        key: (value or "").strip()
                        for key, value in row.items()
                        if isinstance(key, str)
                    },
                )
    except OSError as error:
        raise StudyError(f"Can't read {path.name}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path.name} is not a CSV table: {error}.") from None


def _number(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise StudyError(f"{path.name}, line {line}: {text!r} is no number.")
    return value
