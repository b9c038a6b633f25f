"""A long table of scores, read: image, rater, score, and perhaps item and repeat."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from medai.agreement.alpha import Level
from medai.agreement.scores import LEVELS, MOST_CATEGORIES, ScoreTable
from medai.errors import StudyError
from medai.studies.pixel_table import is_pixel_table

_NEEDED = ("image", "rater", "score")
# Up to this many different whole numbers are taken for categories where nobody says.
_MOST_GUESSED = 12
_MOST_CELLS = 2 * 10**7


def is_score_table(path: Path) -> bool:
    """Whether a path is to be read as a table of scores."""
    return path.suffix.lower() == ".csv" and not path.is_dir() and not is_pixel_table(path)


def read_scores(
    path: Path, *, level: str | None = None, categories: Sequence[str] = ()
) -> ScoreTable:
    """Read a long table: image, rater, score, and perhaps item and repeat (1 or 2).

    level: None takes nominal for words, ordinal for at most twelve different whole numbers, and
    interval otherwise. categories: all scores that may be given, in order; words stand for their
    place in it. An empty score is missing. Of more than 100 different scores no categories are
    made. Raises StudyError with the line that is wrong.
    """
    if level is not None and level not in LEVELS:
        raise StudyError(f"Level {level!r}: expected one of {', '.join(LEVELS)}.")
    rows = _rows(path)
    numbers = {row["score"]: _number(row["score"]) for row in rows}
    if categories:
        codes = _declared(path, rows, numbers, categories)
    elif all(number is not None for number in numbers.values()):
        codes = {word: number for word, number in numbers.items() if number is not None}
    else:
        codes = {word: float(order) for order, word in enumerate(sorted(numbers))}
        level = level or "nominal"
    found = sorted(set(codes.values()))
    whole = all(code.is_integer() for code in found)
    usual: Level = "ordinal" if whole and len(found) <= _MOST_GUESSED else "interval"
    taken = level if level is not None else usual
    kinds: tuple[float, ...] = ()
    if taken in ("nominal", "ordinal") and len(found) <= MOST_CATEGORIES:
        kinds = tuple(found)
        span = found[-1] - found[0]
        if not categories and whole and taken == "ordinal" and span < MOST_CATEGORIES:
            kinds = tuple(found[0] + step for step in range(int(span) + 1))
    return _table(path, rows, codes, taken, kinds)


def _declared(
    path: Path,
    rows: list[dict[str, Any]],
    numbers: dict[str, float | None],
    categories: Sequence[str],
) -> dict[str, float]:
    """What each score, and each declared category, counts as."""
    places = {name: _number(name) for name in categories}
    named = any(place is None for place in places.values())
    codes = {
        name: float(order) if named or place is None else place
        for order, (name, place) in enumerate(places.items())
    }
    by_number = set(codes.values())
    for row in rows:
        number = numbers[row["score"]]
        if row["score"] not in codes and number in by_number and number is not None:
            codes[row["score"]] = number
        elif row["score"] not in codes:
            raise StudyError(
                f"{path.name}, line {row['line']}: the score {row['score']!r} is none of "
                f"{', '.join(categories)}."
            )
    return codes


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise StudyError(
                    f"{path.name}: no column {missing[0]!r}; expected image, rater, score, and "
                    "perhaps item and repeat."
                )
            rows = []
            for row in reader:
                cells = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
                if not cells["score"]:
                    continue
                if not cells["image"] or not cells["rater"]:
                    raise StudyError(f"{path.name}, line {reader.line_num}: no image or no rater.")
                rows.append({**cells, "line": reader.line_num})
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path.name} can't be read as a table: {error}") from error
    if not rows:
        raise StudyError(f"{path.name} holds no score.")
    return rows


def _table(
    path: Path,
    rows: list[dict[str, Any]],
    codes: dict[str, float],
    level: Level,
    categories: tuple[float, ...],
) -> ScoreTable:
    raters = sorted({row["rater"] for row in rows})
    places = {rater: number for number, rater in enumerate(raters)}
    units = sorted({(row.get("item", ""), row["image"]) for row in rows})
    place = {unit: number for number, unit in enumerate(units)}
    if len(raters) * len(units) > _MOST_CELLS:
        raise StudyError(
            f"{path.name}: {len(raters)} raters of {len(units)} images and items are more than can "
            f"be compared: expected at most {_MOST_CELLS:,} scores."
        )
    first = np.full((len(raters), len(units)), np.nan)
    second = first.copy()
    for row in rows:
        repeat = row.get("repeat", "") or "1"
        if repeat not in ("1", "2"):
            raise StudyError(
                f"{path.name}, line {row['line']}: repeat {repeat!r}, expected 1 or 2."
            )
        target = first if repeat == "1" else second
        at = places[row["rater"]], place[(row.get("item", ""), row["image"])]
        if np.isfinite(target[at]):
            raise StudyError(
                f"{path.name}, line {row['line']}: a second score of {row['image']} by "
                f"{row['rater']}; a repeated one needs 2 in the column repeat."
            )
        target[at] = codes[row["score"]]
    return ScoreTable(
        first,
        tuple(raters),
        tuple(image for _, image in units),
        tuple(item for item, _ in units),
        second,
        categories,
        level,
    )


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if isfinite(value) else None
