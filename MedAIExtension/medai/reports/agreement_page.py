"""The page of an agreement analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

from medai.agreement.cohort import CohortResult
from medai.agreement.gold_standard import GoldStandardResult
from medai.agreement.lesion_agreement import LesionAgreement
from medai.agreement.local_extent_icc import LocalExtentIcc
from medai.palette import RaterLine, hex_color, rater_line
from medai.reports.agreement_examples import Example, example_pictures
from medai.reports.agreement_figures import PERFORMANCE
from medai.reports.agreement_lesions import METHODS as LESION_METHODS
from medai.reports.agreement_lesions import add_lesions
from medai.reports.agreement_methods import REFERENCES, methods_text
from medai.reports.agreement_numbers import TARGET, raters_for_target, raters_interval, wide_images
from medai.reports.agreement_quality import QualityReport, add_quality
from medai.reports.agreement_sections import (
    LOCAL_METHODS,
    add_distances,
    add_local_extent,
    add_naive_differences,
)
from medai.reports.charts import MISSING, charts_available
from medai.reports.gold_standard import add_gold_standard
from medai.reports.measure_names import agreement_measures, measure_label
from medai.reports.page import Page

_IMAGES_SHOWN = 30
LAPLACE_NOTE = (
    "The ICCs rest on the Laplace approximation, as those of lme4 and rptR do. Where little is "
    "marked it can be too high by 0.4 and more, and for areas it can collapse to near 0: use it "
    "only to compare with published values, and the exact method (the default) to know the ICC."
)
BOTH_NOTE = (
    "As published (Laplace): the approximation that lme4 and rptR make, which published studies "
    "rest on. It differs here because it takes the effects of pixels and cells for normal where "
    "the ratings tell that they are not; the exact values are the ones to report."
)
# Exact and Laplace values are shown side by side where they differ by more than this.
_APART = 0.02


@dataclass(frozen=True, eq=False)
class AgreementReport:
    """A cohort's result and what only its source knows.

    coverage: a sentence on skips and outlines never handed in, or "".
    """

    cohort: CohortResult
    examples: Sequence[Example] = field(default=())
    quality: QualityReport | None = None
    notes: Sequence[str] = field(default=())
    coverage: str = ""
    gold: GoldStandardResult | None = None
    lesions: LesionAgreement | None = None
    local: LocalExtentIcc | None = None

    @property
    def sentence(self) -> str:
        """The result, what it doesn't rest on, and who is closest to the gold standard."""
        told = self.gold.sentence if self.gold else ""
        return " ".join(text for text in (self.cohort.sentence, self.coverage, told) if text)

    @property
    def methods(self) -> str:
        """The methods paragraph, to paste."""
        further = LESION_METHODS if self.lesions is not None else ""
        further += LOCAL_METHODS if self.local is not None else ""
        further += self.quality.methods if self.quality is not None else ""
        return methods_text(self.cohort, further)


def page_of(report: AgreementReport, pictures: Sequence[tuple[str, bytes, str]] = ()) -> Page:
    """The report page; ``pictures``: (name, PNG, caption) of the figures."""
    result = report.cohort
    drawn = {name: (png, caption) for name, png, caption in pictures}
    page = Page("Agreement of raters", report.sentence)
    for candidate in result.candidates:
        page.sentence(candidate.sentence)
    if report.lesions is not None:
        page.sentence(report.lesions.sentence)
    for note in (*report.notes, *result.notes):
        page.note(note)
    if not charts_available():
        page.note(MISSING)
    page.heading("How well they agree")
    _add_figures(page, drawn, "agreement", "images")
    page.table(
        ("measure", "images", "mean", "SE", "SD", "median", "poor (%)", "excellent (%)"),
        [
            (
                measure_label(row["measure"]),
                row["images"],
                row["mean"],
                row["se"],
                row["sd"],
                row["median"],
                100 * row["poor_share"],
                100 * row["excellent_share"],
            )
            for m in agreement_measures(result)
            if (row := result.summary(m)) is not None
        ],
        caption="Over images. Poor: ICC below 0.5; excellent: above 0.9 (Koo and Li 2016).",
    )
    _add_published(page, result)
    if result.method == "laplace":
        page.note(LAPLACE_NOTE)
    _add_extent(page, result)
    if report.local is not None:
        add_local_extent(page, report.local)
    add_distances(page, result)
    if report.gold is not None:
        add_gold_standard(page, report.gold)
    if report.examples:
        _add_examples(page, report)
    if report.lesions is not None:
        add_lesions(page, report.lesions)
    page.heading("Image by image")
    _add_images(page, result)
    if result.leave_one_out_rows:
        page.heading("Does one rater decide it?")
        _add_figures(page, drawn, "leave_one_out")
        page.table(
            ("left out", "images", "mean ICC", "change", "95 % from", "to"),
            [
                (
                    row["rater"],
                    row["images"],
                    row["mean_without"],
                    row["difference"],
                    row["low"],
                    row["high"],
                )
                for row in result.leave_one_out_rows
            ],
            caption="Pixel ICC without a rater; the change is paired, image by image. Leaving out "
            "any rater also changes how well the variance between raters is known, so a small "
            "change that is alike for all raters says nothing about one of them.",
        )
    _add_performance(page, report, drawn)
    if result.confounder_rows:
        _add_confounders(page, result, drawn)
    if report.quality is not None:
        add_quality(page, report.quality)
    _add_correlations(page, result, drawn)
    page.heading("Methods")
    page.sentence(report.methods)
    for reference in REFERENCES:
        page.note(reference)
    return page


def rater_lines(report: AgreementReport) -> dict[str, RaterLine]:
    """Each rater's line, candidates after the raters."""
    names = [*report.cohort.raters, *(c.candidate for c in report.cohort.candidates)]
    for example in report.examples:
        names += [name for name in example.ratings.raters if name not in names]
    return {name: rater_line(index) for index, name in enumerate(names)}


def _add_figures(page: Page, drawn: dict[str, tuple[bytes, str]], *names: str) -> None:
    shown = [drawn[name] for name in names if name in drawn]
    if shown:
        page.pictures(shown, width_px=460)


def _add_extent(page: Page, result: CohortResult) -> None:
    extent = result.extent
    if extent is not None and isfinite(extent.icc):
        interval = (
            f" (95 % interval {extent.low:.3f} to {extent.high:.3f})"
            if isfinite(extent.low)
            else ""
        )
        page.sentence(f"ICC of the total marked extent: {extent.icc:.3f}{interval}.")
    over_all = result.extent_all
    if result.exclusions and over_all is not None and isfinite(over_all.icc):
        page.sentence(
            "Over all images, those left out above included: "
            f"{over_all.icc:.3f} ({over_all.low:.3f} to {over_all.high:.3f})."
        )
    needed = raters_for_target(result)
    if needed is not None:
        page.sentence(
            f"For a consensus with a reliability of {TARGET}: {needed} "
            f"rater{'s' if needed > 1 else ''}{_range(raters_interval(result))}, if one rater's is "
            "the mean pixel ICC."
        )


def _add_examples(page: Page, report: AgreementReport) -> None:
    page.heading("Examples")
    lines = rater_lines(report)
    shown = dict.fromkeys(name for e in report.examples for name in e.ratings.raters)
    page.line_legend(
        [(name, hex_color(lines[name].color), lines[name].style.name) for name in shown]
    )
    for example in report.examples:
        page.pictures(example_pictures(example, lines))


def _add_images(page: Page, result: CohortResult) -> None:
    measures = [*agreement_measures(result), "dice", "accuracy", "extent"]
    rows = sorted(
        wide_images(result),
        key=lambda row: row["pixel_icc"] if isfinite(row["pixel_icc"]) else 2.0,
    )
    page.table(
        ("image", *(_short(m) for m in measures), "left out because"),
        [
            (row["image"], *(row.get(m, float("nan")) for m in measures), row["excluded"])
            for row in rows[:_IMAGES_SHOWN]
        ],
        caption="Worst first."
        + (
            f" {_IMAGES_SHOWN} of {len(rows)}; all in images.csv."
            if len(rows) > _IMAGES_SHOWN
            else ""
        ),
    )
    unread = [row for row in result.exclusions if row["image"] not in result.images]
    if unread:
        page.table(("image", "left out because"), [(r["image"], r["reason"]) for r in unread])


def _short(measure: str) -> str:
    label = measure_label(measure).replace("Krippendorff's ", "").replace(" of pairs", "")
    return label.split(" ×")[0].replace("area ICC, ", "area ")


def _add_performance(
    page: Page, report: AgreementReport, drawn: dict[str, tuple[bytes, str]]
) -> None:
    page.heading("Each rater against the majority of the others")
    _add_figures(page, drawn, "performance")
    result = report.cohort
    means: dict[str, dict[str, list[float]]] = {}
    for row in result.rater_rows:
        if isfinite(row["value"]):
            means.setdefault(row["rater"], {}).setdefault(row["measure"], []).append(row["value"])
    candidates = {candidate.candidate for candidate in result.candidates}

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else float("nan")

    page.table(
        ("rater", *(measure_label(m) for m in PERFORMANCE), measure_label("extent")),
        [
            (
                f"{rater} (candidate)" if rater in candidates else rater,
                *(mean(found.get(m, [])) for m in (*PERFORMANCE, "extent")),
            )
            for rater, found in means.items()
        ],
        caption="Mean over images. A candidate is held against the majority of all raters.",
    )
    _add_figures(page, drawn, "naive_difference")
    add_naive_differences(page, result)
    for candidate in result.candidates:
        low, high = candidate.difference_interval.low, candidate.difference_interval.high
        text = (
            f"mean Dice with the raters {candidate.candidate_dice:.3f}, that of a rater "
            f"{candidate.rater_dice:.3f}; difference {candidate.difference:+.3f} "
            f"({low:+.3f} to {high:+.3f}) over {candidate.images} images."
        )
        page.sentence(f"{candidate.candidate}: " + text.replace("-", "−"))


def _add_confounders(page: Page, result: CohortResult, drawn: dict[str, tuple[bytes, str]]) -> None:
    page.heading("What agreement depends on")
    if "confounders" in drawn:
        page.pictures([drawn["confounders"]], width_px=900)
    page.table(
        ("measure", "term", "coefficient", "95 % from", "to", "p", "p (Holm)", "images"),
        [
            (
                measure_label(row["measure"]),
                row["term"],
                row["coefficient"],
                row["low"],
                row["high"],
                row["p"],
                row["p_holm"],
                row["images"],
            )
            for row in result.confounder_rows
            if row["term"] != "(intercept)"
        ],
        caption="Linear model of each measure on all covariates at once; per unit of a number, or "
        "against the first category in the alphabet. p (Holm) is adjusted for all rows.",
    )


def _add_correlations(
    page: Page, result: CohortResult, drawn: dict[str, tuple[bytes, str]]
) -> None:
    rows = [row for row in result.correlation_rows if isfinite(row["r"])]
    if not rows:
        return
    page.heading("How the measures go together")
    if "pairs" in drawn:
        page.pictures([drawn["pairs"]], width_px=900)
    page.table(
        ("measure", "with", "r", "95 % from", "to", "images"),
        [
            (
                measure_label(row["first"]),
                measure_label(row["second"]),
                row["r"],
                row["low"],
                row["high"],
                row["images"],
            )
            for row in rows
            if row["first"] == "pixel_icc"
        ],
        caption="Pearson's r over images; all pairs in correlations.csv.",
    )


def _range(numbers: tuple[int | None, int | None]) -> str:
    fewest, most = numbers
    if fewest is None:
        return ""
    return f" ({fewest}–{most})" if most is not None else f" ({fewest} or more)"


def _add_published(page: Page, result: CohortResult) -> None:
    """Exact and Laplace means side by side, where they differ."""
    rows = []
    for measure in agreement_measures(result):
        exact, published = result.summary(measure), result.summary(f"{measure}_laplace")
        if exact is None or published is None:
            continue
        if abs(exact["mean"] - published["mean"]) > _APART:
            rows.append((measure_label(measure), exact["mean"], published["mean"]))
    if rows:
        page.table(("measure", "exact", "as published (Laplace)"), rows, caption=BOTH_NOTE)
