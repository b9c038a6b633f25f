"""A study's progress as a page that its raters may see too: no rater is named."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medai.output import write_text
from medai.palette import hex_color, rater_line
from medai.reports.charts import MISSING, charts_available, figure_png, new_figure
from medai.reports.page import Page
from medai.studies import Study, study_status
from medai.studies.pace import Pace, pace_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MATPLOTLIB_STYLES = {"solid": "-", "dashed": "--", "dotted": ":"}


def blinded_names(study: Study) -> dict[str, str]:
    """``Rater 1`` … for each rater, in an order that the names don't tell."""

    def drawn(rater: str) -> str:
        return hashlib.sha256(f"{study.protocol.id}\x1f{rater}".encode()).hexdigest()

    ordered = sorted(study.protocol.raters, key=drawn)
    return {rater: f"Rater {number}" for number, rater in enumerate(ordered, start=1)}


def write_progress(study: Study, path: Path, now: datetime, *, overwrite: bool = False) -> str:
    """Write the page to ``path``; returns its sentence. now: with a time zone.

    Raises OutputError when ``path`` exists and ``overwrite`` is false, or can't be written.
    """
    names = blinded_names(study)
    paces = sorted(
        (pace_of(status, now) for status in study_status(study)),
        key=lambda pace: int(names[pace.rater].split()[1]),
    )
    page = progress_page(study.protocol.title, names, paces, now)
    write_text(path, page.html(), overwrite=overwrite)
    return _sentence(paces)


def progress_page(title: str, names: dict[str, str], paces: Sequence[Pace], now: datetime) -> Page:
    """Sentence, submissions over time, and a line a rater."""
    page = Page(f"{title}: progress", _sentence(paces))
    page.note(f"As of {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Raters have numbers, not names.")
    if not charts_available():
        page.note(MISSING)
    elif any(pace.handed_in for pace in paces):
        page.heading("Cases handed in over time")
        page.pictures(
            [(figure_png(_over_time(names, paces)), "Skipped cases count too.")], width_px=640
        )
    page.heading("Rater by rater")
    page.table(
        (
            *("rater", "done", "of", "skipped", "unfinished", "minutes a case"),
            *("images called low (%)", "last handed in", "expected end"),
        ),
        [
            (
                names[pace.rater],
                pace.submitted + pace.skipped,
                pace.cases,
                pace.skipped,
                pace.unfinished,
                float("nan") if pace.minutes_a_case is None else pace.minutes_a_case,
                float("nan") if pace.low_quality is None else 100 * pace.low_quality,
                _day(pace.handed_in[-1] if pace.handed_in else None),
                "done" if not pace.remaining else _day(pace.expected_end),
            )
            for pace in paces
        ],
        caption="Minutes: median of active time, pauses left out. Expected end: at the pace of the "
        "last two weeks, counted as at least one day.",
    )
    return page


def _sentence(paces: Sequence[Pace]) -> str:
    done = sum(pace.submitted + pace.skipped for pace in paces)
    cases = sum(pace.cases for pace in paces)
    finished = sum(not pace.remaining for pace in paces)
    text = (
        f"{done} of {cases} cases are done ({100 * done / max(cases, 1):.0f} %); {finished} of "
        f"{len(paces)} raters have finished."
    )
    waiting = [pace for pace in paces if pace.remaining]
    ends = [pace.expected_end for pace in waiting if pace.expected_end is not None]
    if waiting and len(ends) == len(waiting):
        text += f" Expected end: {_day(max(ends))}."
    elif waiting:
        quiet = len(waiting) - len(ends)
        text += f" No end can be told: nothing of {quiet} of them in the last two weeks."
    return text


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def _over_time(names: dict[str, str], paces: Sequence[Pace]) -> Figure:
    from matplotlib.dates import date2num

    figure, axes = new_figure(width_in=7.0, height_in=3.6)
    axes.xaxis_date()
    for number, pace in enumerate(paces):
        if not pace.handed_in:
            continue
        line = rater_line(number)
        axes.step(
            date2num(pace.handed_in),
            range(1, len(pace.handed_in) + 1),
            where="post",
            color=hex_color(line.color),
            linestyle=_MATPLOTLIB_STYLES[line.style.name],
            marker=".",
            label=names[pace.rater],
        )
    axes.set_ylim(0, 1.05 * max(pace.cases for pace in paces))
    axes.set_ylabel("cases handed in")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
    figure.autofmt_xdate()
    return figure
