"""A table of scores: read, compared and written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import medai
from medai.agreement.alpha import Level
from medai.agreement.scores import ALL_ITEMS, ScoresResult, ScoreTable
from medai.errors import StudyError
from medai.output import write_text
from medai.palette import BLACK, BLUE, hex_color
from medai.reports.charts import MISSING, charts_available, figure_png, new_figure
from medai.reports.json_text import json_text
from medai.reports.page import Page
from medai.reports.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NEEDED = ("image", "rater", "score")
_MOST_CATEGORIES = 12
_SHOWN = ("item", "coefficient", "weights", "value", "se", "low", "high", "units")
_TABLES = {
    "coefficients.csv": "coefficient_rows",
    "icc.csv": "icc_rows",
    "limits_of_agreement.csv": "limits_rows",
    "repeats.csv": "repeat_rows",
}


def read_scores(
    path: Path, *, level: Level | None = None, categories: Sequence[str] = ()
) -> ScoreTable:
    """Read a long table: image, rater, score, and perhaps item and repeat (1 or 2).

    level: None takes nominal for words, ordinal for at most twelve different whole numbers, and
    interval otherwise. categories: all scores that may be given, in order; words stand for their
    place in it. An empty score is missing. Raises StudyError with the line that is wrong.
    """
    rows = _rows(path)
    words = [row["score"] for row in rows]
    numbers = {word: _number(word) for word in words}
    if categories:
        places = {name: _number(name) for name in categories}
        named = any(place is None for place in places.values())
        codes = {
            name: float(order) if named or place is None else place
            for order, (name, place) in enumerate(places.items())
        }
    elif all(number is not None for number in numbers.values()):
        codes = {word: number for word, number in numbers.items() if number is not None}
    else:
        codes = {word: float(order) for order, word in enumerate(sorted(set(words)))}
        level = level or "nominal"
    if categories:
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
    whole = all(float(code).is_integer() for code in codes.values())
    few = len(set(codes.values())) <= _MOST_CATEGORIES
    level = level or ("ordinal" if whole and few else "interval")
    kinds: tuple[float, ...] = ()
    if level in ("nominal", "ordinal"):
        kinds = tuple(sorted(set(codes.values())))
        if not categories and whole and level == "ordinal":
            kinds = tuple(float(k) for k in range(int(kinds[0]), int(kinds[-1]) + 1))
    return _table(path, rows, codes, level, kinds)


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
    units = sorted({(row.get("item", ""), row["image"]) for row in rows})
    place = {unit: number for number, unit in enumerate(units)}
    first = np.full((len(raters), len(units)), np.nan)
    second = first.copy()
    for row in rows:
        repeat = row.get("repeat", "") or "1"
        if repeat not in ("1", "2"):
            raise StudyError(
                f"{path.name}, line {row['line']}: repeat {repeat!r}, expected 1 or 2."
            )
        target = first if repeat == "1" else second
        at = raters.index(row["rater"]), place[(row.get("item", ""), row["image"])]
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


def summary_of(result: ScoresResult) -> dict[str, Any]:
    """The result as plain data."""
    table = result.table
    return {
        "task": "scores",
        "sentence": result.sentence,
        "level": table.level,
        "categories": list(table.categories),
        "raters": list(table.raters),
        "images": len(set(table.images)),
        "coefficients": list(result.coefficient_rows),
        "icc": list(result.icc_rows),
        "limits_of_agreement": list(result.limits_rows),
        "repeats": list(result.repeat_rows),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def write_scores(result: ScoresResult, folder: Path) -> None:
    """Write scores.json, the tables, the figures and report.html into an existing folder."""
    for name, rows_name in _TABLES.items():
        rows = getattr(result, rows_name)
        if rows:
            write_csv(folder / name, tuple(rows[0]), [tuple(row.values()) for row in rows])
    page = Page("Agreement on scores", result.sentence)
    page.heading("Coefficients")
    page.table(
        ("item", "coefficient", "weights", "value", "SE", "95 % from", "to", "units"),
        [tuple(row[key] for key in _SHOWN) for row in result.coefficient_rows],
        caption="Standard errors are jackknifed over images. Units: images and items with two "
        "scores.",
    )
    if result.icc_rows:
        page.heading("Intraclass correlations")
        page.table(
            ("item", "kind", "ICC", "95 % from", "to", "units"),
            [tuple(row.values()) for row in result.icc_rows],
            caption="ICC2: absolute agreement of raters drawn from many; ICC3: consistency of "
            "these raters; k: of the mean of all raters.",
        )
    if result.limits_rows:
        page.heading("Limits of agreement")
        _add_limits(page, result, folder)
    if result.repeat_rows:
        page.heading("Agreement with oneself")
        page.table(("rater", "units", "alpha"), [tuple(row.values()) for row in result.repeat_rows])
    page.heading("Methods")
    page.sentence(_methods(result))
    write_text(folder / "scores.json", json_text(summary_of(result)) + "\n")
    write_text(folder / "report.html", page.html())


def _add_limits(page: Page, result: ScoresResult, folder: Path) -> None:
    shown = [row for row in result.limits_rows if row["item"] == ALL_ITEMS]
    if charts_available():
        (folder / "figures").mkdir()
        pictures: list[tuple[bytes, str]] = []
        for row in shown[:3]:
            png = figure_png(limits_figure(result, row))
            name = f"limits_{len(pictures) + 1}.png"
            (folder / "figures" / name).write_bytes(png)
            pictures.append((png, f"{row['second']} − {row['first']} against their mean."))
        page.pictures(pictures, width_px=460)
    else:
        page.note(MISSING)
    keys = ("item", "first", "second", "units", "difference", "lower_limit", "upper_limit", "sem",
            "minimal_detectable_change")  # fmt: skip
    page.table(
        ("item", "first", "second", "units", "mean difference", "lower limit", "upper limit", "SEM",
         "MDC"),
        [tuple(row[key] for key in keys) for row in result.limits_rows],
        caption="Second − first; limits: mean ± 1.96 SD (Bland and Altman). SEM: standard error of "
        "measurement; MDC: minimal detectable change. Intervals are in limits_of_agreement.csv.",
    )  # fmt: skip


def limits_figure(result: ScoresResult, row: dict[str, Any]) -> Figure:
    """Differences of two raters against their mean, with the limits of agreement."""
    table = result.table
    a, b = table.raters.index(row["first"]), table.raters.index(row["second"])
    mean, difference = (table.values[a] + table.values[b]) / 2, table.values[b] - table.values[a]
    points, sizes = np.unique(
        np.stack([mean, difference])[:, np.isfinite(difference)], axis=1, return_counts=True
    )
    figure, axes = new_figure()
    axes.scatter(
        points[0], points[1], s=12 + 6 * sizes, alpha=0.6, color=hex_color(BLUE), linewidths=0
    )
    for key, style in (("difference", "-"), ("lower_limit", "--"), ("upper_limit", "--")):
        axes.axhline(row[key], linestyle=style, color=hex_color(BLACK), linewidth=1)
    for key in ("lower_limit", "upper_limit"):
        axes.axhspan(
            row[f"{key}_low"], row[f"{key}_high"], color=hex_color(BLACK), alpha=0.1, linewidth=0
        )
    axes.set(
        xlabel=f"mean of {row['first']} and {row['second']}",
        ylabel=f"{row['second']} − {row['first']}",
    )
    return figure


def _methods(result: ScoresResult) -> str:
    table = result.table
    kinds = (
        f" Categories: {', '.join(f'{c:g}' for c in table.categories)}." if table.categories else ""
    )
    return (
        f"Scores of {len(set(table.images))} images by {len(table.raters)} raters were taken as "
        f"{table.level}.{kinds} Krippendorff's alpha was computed at that level; for categories "
        "also Fleiss', Conger's, Brennan and Prediger's, Gwet's and Cohen's (Light's for more than "
        "two raters) coefficients. Standard errors were jackknifed over images, all items of an "
        "image together; intervals are estimate ± t SE. ICCs after Shrout and Fleiss 1979 where no "
        "score is missing, otherwise by REML. Limits of agreement after Bland and Altman 1999. "
        f"Computed with MedAI {medai.__version__}."
    )
