"""The table beside a folder of ratings: quality, reasons, seconds and covariates."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medai.agreement.quality_remarks import QualityRemarks
from medai.errors import StudyError

QUALITY_SCORES: Mapping[str, float] = {"low": -1.0, "normal": 0.0, "high": 1.0}
_OWN_COLUMNS = ("image", "rater", "quality", "reasons", "seconds")
_MISSING = ("", "na", "nan", "n/a", "none")


@dataclass(frozen=True)
class RatingsTable:
    """quality: by image, by rater, −1, 0 or 1. seconds: likewise. other: by image, covariates.

    reasons: by image, by rater, what was said against the image's quality; () where nothing was.
    """

    quality: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, Mapping[str, float]]
    other: Mapping[str, Mapping[str, float | str]]
    reasons: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that the table names."""
        return tuple(dict.fromkeys([*self.quality, *self.seconds, *self.other]))

    def covariates(self, image: str) -> dict[str, float | str]:
        """The image's own columns, its mean quality (−1..1) and mean seconds."""
        found = dict(self.other.get(image, {}))
        for name, values in (("quality", self.quality), ("seconds", self.seconds)):
            if values.get(image):
                found[name] = float(np.mean(list(values[image].values())))
        return found

    def remarks(self, images: Sequence[str]) -> QualityRemarks:
        """What raters said of these images' quality; raters sorted by name."""
        tables = (self.quality, self.reasons)
        raters = sorted({rater for table in tables for found in table.values() for rater in found})
        scores = np.full((len(raters), len(images)), np.nan)
        for column, image in enumerate(images):
            for rater, score in self.quality.get(image, {}).items():
                scores[raters.index(rater), column] = score
        return QualityRemarks(tuple(raters), tuple(images), scores, self.reasons)


def read_ratings_table(path: Path) -> RatingsTable:
    """Read ``ratings.csv``: one row per image and rater, or per image.

    Columns: image; rater, quality (low, normal, high, or −1, 0, 1), reasons, seconds, all optional;
    every further column is a covariate of the image, numbers where all its cells are. Cells of an
    image that differ from row to row count by their mean, or, if text, by the first.
    Raises StudyError that names the file, the line and the cell.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read()
    except OSError as error:
        raise StudyError(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise StudyError(f"{path} is not text in UTF-8.") from None
    delimiter = (
        ";" if text.split("\n", 1)[0].count(";") > text.split("\n", 1)[0].count(",") else ","
    )
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = [(name or "").strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if "image" not in columns:
        raise StudyError(f"{path} has no column 'image': it has {', '.join(columns) or 'none'}.")
    quality: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    reasons: dict[str, dict[str, tuple[str, ...]]] = {}
    cells: dict[str, dict[str, list[str]]] = {}
    try:
        for line, row in enumerate(reader, start=2):
            image = (row["image"] or "").strip()
            rater = (row.get("rater") or "").strip() or f"row {line}"
            score = _quality(row.get("quality"), path, line)
            if score is not None:
                quality.setdefault(image, {})[rater] = score
            if _present(row.get("reasons")):
                reasons.setdefault(image, {})[rater] = _reasons(row["reasons"])
            duration = _number(row.get("seconds"))
            if duration is not None:
                seconds.setdefault(image, {})[rater] = duration
            elif _present(row.get("seconds")):
                raise StudyError(f"{path} line {line}: seconds is {row['seconds']!r}, no number.")
            for column in columns:
                if column and column not in _OWN_COLUMNS and _present(row[column]):
                    own = cells.setdefault(column, {}).setdefault(image, [])
                    own.append(row[column].strip())
    except csv.Error as error:
        raise StudyError(f"{path} is not a CSV table: {error}.") from error
    return RatingsTable(quality, seconds, _by_image(cells), reasons)


def _by_image(cells: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, float | str]]:
    found: dict[str, dict[str, float | str]] = {}
    for column, images in cells.items():
        numeric = all(_number(text) is not None for texts in images.values() for text in texts)
        for image, texts in images.items():
            value: float | str = texts[0]
            if numeric:
                # The mean of equal numbers is not always that number to the last digit.
                numbers = [float(text) for text in texts]
                value = numbers[0] if len(set(numbers)) == 1 else float(np.mean(numbers))
            found.setdefault(image, {})[column] = value
    return found


def _quality(text: str | None, path: Path, line: int) -> float | None:
    if not _present(text):
        return None
    word = str(text).strip().lower()
    if word in QUALITY_SCORES:
        return QUALITY_SCORES[word]
    number = _number(word)
    if number in (-1.0, 0.0, 1.0):
        return number
    raise StudyError(
        f"{path} line {line}: quality is {text!r}, expected low, normal or high (or −1, 0, 1)."
    )


def _reasons(text: str) -> tuple[str, ...]:
    plain = text.casefold().replace("-", " ")
    return tuple(dict.fromkeys(part.strip() for part in re.split("[;,]", plain) if part.strip()))


def _present(text: str | None) -> bool:
    return text is not None and text.strip().lower() not in _MISSING


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if np.isfinite(number) else None
