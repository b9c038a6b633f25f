"""The report of an analysis of scores: page, tables, figures, methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import medai
from medai.agreement.score_tables import COEFFICIENTS, ICCS, LIMITS, REPEATS
from medai.agreement.scores import ScoresResult
from medai.output import write_text
from medai.reports.charts import MISSING, charts_available, figure_png, save_figure
from medai.reports.json_text import json_text
from medai.reports.page import Page
from medai.reports.score_figures import score_figures
from medai.reports.tables import write_table
from medai.tables import Table

_FILES = {
    "coefficients.csv": COEFFICIENTS,
    "icc.csv": ICCS,
    "limits_of_agreement.csv": LIMITS,
    "repeats.csv": REPEATS,
}
REFERENCES = (
    "Bland JM, Altman DG. Measuring agreement in method comparison studies. Stat Methods Med Res "
    "1999;8(2):135–160.",
    "de Vet HCW, Terwee CB, Knol DL, Bouter LM. When to use agreement versus reliability measures. "
    "J Clin Epidemiol 2006;59(10):1033–1039.",
    "Efron B, Tibshirani RJ. An introduction to the bootstrap. Chapman & Hall 1993, chapter 11.",
    "Gwet KL. Handbook of inter-rater reliability, 4th ed. Advanced Analytics 2014.",
    "Krippendorff K. Content analysis, 4th ed. Sage 2018, chapter 12.",
    "Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. Psychol "
    "Bull 1979;86(2):420–428.",
)


def summary_of_scores(result: ScoresResult) -> dict[str, Any]:
    """The result as plain data."""
    table = result.table
    return {
        "task": "agreement",
        "kind": "scores",
        "sentence": result.sentence,
        "level": table.level,
        "categories": list(table.categories),
        "raters": list(table.raters),
        "images": len(set(table.images)),
        "items": list(dict.fromkeys(table.items)),
        "coefficients": list(result.coefficient_rows),
        "icc": list(result.icc_rows),
        "limits_of_agreement": list(result.limits_rows),
        "repeats": list(result.repeat_rows),
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def write_scores(result: ScoresResult, folder: Path) -> None:
    """Write agreement.json, the tables, figures/, methods.txt and report.html into a folder."""
    for name, table in _FILES.items():
        if table.items(result):
            write_table(folder / name, table, result)
    pictures: dict[str, tuple[bytes, str]] = {}
    if charts_available():
        (folder / "figures").mkdir()
        for name, caption, figure in score_figures(result):
            pictures[name] = (figure_png(figure), caption)
            (folder / "figures" / f"{name}.png").write_bytes(pictures[name][0])
            save_figure(figure, folder / "figures" / f"{name}.pdf", metadata={"CreationDate": None})
    text = score_methods(result) + "\n\n" + "\n".join(REFERENCES) + "\n"
    write_text(folder / "methods.txt", text)
    write_text(folder / "agreement.json", json_text(summary_of_scores(result)) + "\n")
    write_text(folder / "report.html", _page(result, pictures).html())


def _page(result: ScoresResult, pictures: dict[str, tuple[bytes, str]]) -> Page:
    page = Page("Agreement on scores", result.sentence)
    for note in result.notes:
        page.note(note)
    if not charts_available():
        page.note(MISSING)
    together = (
        " Item all: every item together, so that differences between items count as differences "
        "between what is scored, and intervals of ICCs and limits take items of an image for "
        "independent."
        if len(set(result.table.items)) > 1
        else ""
    )
    page.heading("Coefficients")
    _add_pictures(page, pictures, "coefficients")
    _add_table(
        page,
        COEFFICIENTS,
        result,
        "Standard errors are jackknifed over images; intervals are estimate ± t · SE. Units: "
        f"images and items with two scores.{together}",
    )
    if result.icc_rows:
        page.heading("Intraclass correlations")
        _add_table(
            page,
            ICCS,
            result,
            "ICC2, agreement: raters drawn from many, so that one who scores higher counts "
            "against; ICC3, consistency: these raters, whose levels don't count; k, mean: of the "
            f"mean of all raters.{together}",
        )
    if result.limits_rows:
        page.heading("Limits of agreement")
        _add_pictures(page, pictures, "limits")
        _add_table(
            page,
            LIMITS,
            result,
            "Second − first rater; limits: mean ± 1.96 SD (Bland and Altman). SEM: standard error "
            "of measurement, √(V_rater + V_residual); MDC: minimal detectable change, 1.96 √2 SEM. "
            "Intervals of the limits are in limits_of_agreement.csv.",
        )
    if result.repeat_rows:
        page.heading("Agreement with oneself")
        _add_table(page, REPEATS, result, "First against second score of the same.")
    page.heading("Methods")
    page.sentence(score_methods(result))
    for reference in REFERENCES:
        page.note(reference)
    return page


def _add_pictures(page: Page, pictures: dict[str, tuple[bytes, str]], start: str) -> None:
    shown = [picture for name, picture in pictures.items() if name.startswith(start)]
    if shown:
        page.pictures(shown, width_px=460)


def _add_table(page: Page, table: Table, result: ScoresResult, caption: str) -> None:
    page.table(table.headings("page"), table.rows("page", result), caption=caption)


def score_methods(result: ScoresResult) -> str:
    """What was computed, with rules and versions, in prose."""
    table = result.table
    number = len(set(table.images))
    items = len(set(table.items))
    of_items = f", {items} items each," if items > 1 else ""
    kinds = (
        f" in the categories {', '.join(f'{c:g}' for c in table.categories)}"
        if table.categories
        else ""
    )
    text = (
        f"Scores of {number} image{'s' if number > 1 else ''}{of_items} by {len(table.raters)} "
        f"raters were taken as {table.level}{kinds}. Krippendorff's alpha was computed at that "
        "level."
    )
    if table.categories:
        weighted = (
            ", each unweighted and with linear and quadratic weights"
            if table.level == "ordinal"
            else ""
        )
        pair = "Cohen's kappa" if len(table.raters) == 2 else "Light's mean of Cohen's kappas"
        text += (
            f" Fleiss' and Conger's kappa, Brennan and Prediger's coefficient, Gwet's AC and "
            f"{pair} stand beside it{weighted} (Gwet 2014)."
        )
    text += (
        " Standard errors were jackknifed over images, all items of an image left out together; "
        "95 % intervals are estimate ± t · SE with one degree of freedom fewer than images."
    )
    if result.icc_rows:
        text += (
            " Intraclass correlations followed a linear mixed model with crossed random effects of "
            "unit and rater, fitted by REML over the scores that were given, with 95 % intervals "
            "from 500 parametric bootstrap resamples (seed 0)."
            if any("REML" in row["kind"] for row in result.icc_rows)
            else " Intraclass correlations followed Shrout and Fleiss 1979."
        )
    if result.limits_rows:
        text += (
            " Limits of agreement are mean difference ± 1.96 SD, with intervals after Bland and "
            "Altman 1999; the standard error of measurement is √(V_rater + V_residual) by REML, "
            "the minimal detectable change 1.96 √2 times that (de Vet et al. 2006)."
        )
    return (
        f"{text} Computed with MedAI {medai.__version__}. Cite as: MedAI, version "
        f"{medai.__version__}, a 3D Slicer extension for measuring lesions and rater agreement."
    )
