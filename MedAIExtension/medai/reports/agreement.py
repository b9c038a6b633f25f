"""The report of an agreement analysis: page, tables, figures, methods."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import medai
from medai.agreement.naive_difference import NAIVE_DIFFERENCES
from medai.output import write_text
from medai.reports.agreement_figures import figures
from medai.reports.agreement_lesions import lesion_summary, write_lesion_files
from medai.reports.agreement_methods import REFERENCES
from medai.reports.agreement_numbers import raters_for_target, raters_interval, wide_images
from medai.reports.agreement_page import AgreementReport, page_of
from medai.reports.agreement_quality import quality_summary, write_quality_files
from medai.reports.charts import charts_available, figure_png, save_figure
from medai.reports.gold_standard import write_gold_standard
from medai.reports.json_text import json_text
from medai.reports.tables import write_csv, write_table

_TABLES = {
    "images.csv": ("image_rows", ("image", "measure", "value", "note")),
    "raters.csv": ("rater_rows", ("image", "rater", "measure", "value")),
    "exclusions.csv": ("exclusions", ("image", "reason")),
    "summary.csv": (
        "summary_rows",
        (
            "measure",
            "images",
            "mean",
            "sd",
            "se",
            "median",
            "low",
            "high",
            "poor_share",
            "excellent_share",
        ),
    ),
    "correlations.csv": (
        "correlation_rows",
        ("first", "second", "r", "low", "high", "images"),
    ),
    "leave_one_out.csv": (
        "leave_one_out_rows",
        ("rater", "images", "mean_with", "mean_without", "se_without", "difference", "low", "high"),
    ),
    "confounders.csv": (
        "confounder_rows",
        (
            "measure",
            "term",
            "coefficient",
            "standard_error",
            "low",
            "high",
            "p",
            "p_holm",
            "images",
        ),
    ),
}


def write_report(report: AgreementReport, folder: Path) -> None:
    """Write agreement.json, the CSV tables, figures/, methods.txt and report.html."""
    result = report.cohort
    for name, (rows, columns) in _TABLES.items():
        write_csv(
            folder / name, columns, [[row[c] for c in columns] for row in getattr(result, rows)]
        )
    pictures = []
    if charts_available():
        (folder / "figures").mkdir()
        for name, caption, figure in figures(result):
            png = figure_png(figure)
            (folder / "figures" / f"{name}.png").write_bytes(png)
            save_figure(figure, folder / "figures" / f"{name}.pdf", metadata={"CreationDate": None})
            pictures.append((name, png, caption))
    if report.gold is not None:
        write_gold_standard(report.gold, folder)
    text = report.methods + "\n\n" + "\n".join(REFERENCES) + "\n"
    write_table(folder / "naive_difference.csv", NAIVE_DIFFERENCES, result)
    if report.local is not None:
        write_csv(
            folder / "local_extent.csv",
            ("image", "icc"),
            [(row["image"], row["icc"]) for row in report.local.rows],
        )
    if report.quality is not None:
        write_quality_files(report.quality, folder)
    if report.lesions is not None:
        write_lesion_files(report.lesions, folder)
    write_text(folder / "methods.txt", text)
    write_text(folder / "agreement.json", json_text(summary_of(report)) + "\n")
    write_text(folder / "report.html", page_of(report, pictures).html())


def summary_of(report: AgreementReport) -> dict[str, Any]:
    """The result as plain data."""
    result = report.cohort
    return {
        "task": "agreement",
        "sentence": report.sentence,
        "images": len(result.images),
        "images_given": result.given,
        "raters": list(result.raters),
        "method": result.method,
        "link_variance": result.link_variance,
        "summary": {
            row["measure"]: {key: value for key, value in row.items() if key != "measure"}
            for row in result.summary_rows
        },
        "extent_icc": None if result.extent is None else asdict(result.extent),
        "extent_icc_all_images": (None if result.extent_all is None else asdict(result.extent_all)),
        "raters_needed_for_0.9": raters_for_target(result),
        "raters_needed_for_0.9_interval": raters_interval(result),
        "leave_one_out": list(result.leave_one_out_rows),
        "confounders": list(result.confounder_rows),
        "correlations": list(result.correlation_rows),
        "candidates": [{**asdict(c), "sentence": c.sentence} for c in result.candidates],
        "lesion_by_lesion": lesion_summary(report.lesions),
        "local_extent_icc": None if report.local is None else asdict(report.local),
        "naive_difference": NAIVE_DIFFERENCES.records(result),
        "quality": quality_summary(report.quality),
        "gold_standard": None if report.gold is None else list(report.gold.ranking_rows),
        "exclusions": list(result.exclusions),
        "per_image": wide_images(result),
        "notes": [*report.notes, *result.notes],
        "medai_version": medai.__version__,
        "use": "research only",
    }
