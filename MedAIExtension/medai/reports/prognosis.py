"""The report of clinical scores: page, table and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import medai
from medai.output import write_text
from medai.prognosis.assessment import PatientPrognosis, PrognosisResult, summary_rows
from medai.prognosis.published import SCORES
from medai.prognosis.score import PartResult
from medai.prognosis.tables import SCORE_ROWS
from medai.reports.json_text import json_text
from medai.reports.page import Page
from medai.reports.tables import write_table


def write_prognosis(result: PrognosisResult, folder: Path) -> None:
    """Write prognosis.json, scores.csv and report.html."""
    write_table(folder / "scores.csv", SCORE_ROWS, result)
    write_text(folder / "prognosis.json", json_text(summary_of(result)) + "\n")
    write_text(folder / "report.html", page_of(result).html())


def summary_of(result: PrognosisResult) -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "task": "prognosis",
        "sentence": result.sentence,
        "patients": summary_rows(result),
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def page_of(result: PrognosisResult) -> Page:
    """The report page."""
    page = Page("Clinical scores", result.sentence)
    for note in result.notes:
        page.note(note)
    for patient in result.patients:
        _add_patient(page, patient)
    page.heading("Where the scores come from")
    page.table(
        ("score", "range", "made for", "source"),
        [(each.title, f"0 to {each.maximum}", each.validity, each.source) for each in SCORES],
    )
    page.note(
        "Each score is computed by its published table and nothing else. None was checked by "
        "MedAI on patients; what died or lived in the figures are the publications' patients."
    )
    return page


def _add_patient(page: Page, patient: PatientPrognosis) -> None:
    page.heading(patient.label)
    page.table(
        ("score", "points", "of", "class", "missing"),
        [
            (
                each.score.title,
                each.total,
                each.score.maximum,
                each.risk or each.reason,
                ", ".join(each.missing) or "nothing",
            )
            for each in patient.scores
        ],
    )
    if patient.imaging:
        page.table(
            ("image", "right lung opaque (%)", "left lung opaque (%)", "multilobar infiltrates"),
            [
                (each.source, each.right_percent, each.left_percent, each.sentence)
                for each in patient.imaging
            ],
            caption="On CT a share of the lung's volume, on an X-ray of its area on the film: they "
            "go together, but are not the same number.",
        )
    for each in patient.scores:
        if each.parts:
            page.table(
                (each.score.title, "from", "points"),
                [(part.title, part.used or "missing", _points(part)) for part in each.parts],
            )


def _points(part: PartResult) -> str:
    return str(part.low) if part.low == part.high else f"{part.low} to {part.high}"
