"""The study owner's side of the panel: how well the raters agree, image by image."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from medai.agreement import mean_reliability, raters_needed
from medai.palette import Rgb, hex_color
from medai.scene.agreement import rater_means
from medai_panels.charts import show_chart
from medai_panels.connections import Connections
from medai_panels.export_section import ExportSection
from medai_panels.findings_table import FindingsTable
from medai_panels.research_use import add_research_use_line
from medai_panels.run_section import RunSection
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from RaterAgreementLib.analysis_job import AnalysisJob


class AnalyseSide:
    """Starts analyses and shows what they say.

    ``source()`` returns what is analysed: a function of progress and cancelled for AnalysisJob,
    or raises. ``chosen()`` returns whose result that is: a ResultSource of what is chosen now.
    ``running_changed(running)`` as RunSection's.
    """

    def __init__(
        self, ui: Any, logic: Any, source: Any, chosen: Callable[[], Any], running_changed: Any
    ) -> None:
        self._ui, self._logic, self._source, self._chosen = ui, logic, source, chosen
        self._whose: Any = None  # the ResultSource of the result, or of what runs
        self._parameters: Any = None
        self._result: Any = None  # logic's AgreementView
        self._shown_image = ""
        self._order: list[str] = []
        self.run = RunSection(
            ui.analyseBox,
            self._start,
            self._finished,
            running_changed,
            _("Measure how well the raters agree."),
        )
        self._images = FindingsTable(
            ui.imageTable,
            [
                (_("Image"), _("Name of the image."), ""),
                (_("ICC"), _("Pixel ICC: below 0.5 poor, above 0.9 excellent."), ".2f"),
                (
                    _("95 %"),
                    _("95 % interval of the pixel ICC, by the exact likelihood."),
                    "",
                ),
                (_("Alpha"), _("Krippendorff's alpha: 1 perfect, 0 no better than chance."), ".2f"),
                (_("Dice"), _("Mean overlap of two raters."), ".2f"),
                (_("Marked"), _("Mean share of the region that raters marked."), ".0%"),
                (
                    _("Left out"),
                    _("Why the image doesn't count in the means of ICC and alpha."),
                    "",
                ),
            ],
            self._on_image,
        )
        self._raters = FindingsTable(
            ui.raterTable,
            [
                (_("Rater"), _("Name of the rater or model."), ""),
                (_("Acc."), _("Accuracy: share of pixels as the majority of the others."), ".2f"),
                (_("TPR"), _("Share of what the others marked that the rater marked too."), ".2f"),
                (_("PPV"), _("Share of what the rater marked that the others marked too."), ".2f"),
                (_("F1"), _("Overlap with the majority of the others."), ".2f"),
                (_("ICC w/o"), _("Mean pixel ICC of the others, without this rater."), ".2f"),
                (
                    _("Self"),
                    _("Dice of the rater's two outlines of a repeated image."),
                    ".2f",
                ),
            ],
            self._on_rater,
        )
        add_research_use_line(ui.resultSection.layout())
        self.export = ExportSection(
            ui.exportSection,
            "agreement",
            self._write,
            _("tables, report, consensus and all outlines"),
        )
        self._connections = Connections()
        self._connections.add(ui.measuresButton.clicked, self._on_measures)
        self._connections.add(ui.performanceButton.clicked, self._on_performance)
        self._show()

    @property
    def has_result(self) -> bool:
        """Whether an analysis is shown."""
        return self._result is not None

    def follow(self, parameters: Any) -> None:
        """Apply the panel's parameters to what is shown; None while there are none."""
        self._parameters = parameters
        if parameters is not None and self._result is not None:
            with shown_errors(_("The views can't be changed.")):
                self.show_remark()
                self._apply()

    def show_remark(self) -> None:
        """Say whose result is shown where that isn't what is chosen, and grey it then."""
        if self._result is None:
            return
        remark = self._remark()
        report = self._result.result.report
        parts = [report.sentence]
        parts += [candidate.sentence for candidate in self._result.cohort.candidates]
        parts += local_sentence(report.local)
        parts += [] if report.lesions is None else [report.lesions.sentence]
        self._ui.summaryLabel.setText("\n".join([remark, *parts] if remark else parts))
        other = remark if not self._whose.is_of(self._chosen().inputs) else ""
        for widget in (self._ui.summaryLabel, self._ui.imageTable, self._ui.raterTable):
            set_usable(widget, other)

    def _remark(self) -> str:
        remark: str = self._whose.remark(self._chosen().inputs)
        return remark

    def abandon(self) -> None:
        """The scene closes, or something else is looked at: cancel and forget."""
        self.run.abandon()
        self._result = None
        self._shown_image = ""
        self._logic.image.forget()
        self._show()

    def set_blind(self, reason: str) -> None:
        """Say why nothing can be exported while a rater outlines; "" for the study's owner."""
        nothing = "" if self.has_result else _("There is no result yet: press Run first.")
        self.export.set_usable(reason or nothing)

    def close(self) -> None:
        """Let go of timers and connections."""
        for part in (self.run, self._images, self._raters, self.export):
            part.close()
        self._connections.release()

    # A run.

    def _start(self) -> Any:
        work = self._source()
        self._whose = self._chosen()
        self._rows_so_far: list[tuple[Any, ...]] = []
        self._result = None
        self._show()
        return AnalysisJob(lambda progress, cancelled: work(self._on_read, progress, cancelled))

    def _on_read(self, ratings: Any) -> None:
        # The model fits wait for all images; what needs none is shown as the images are read.
        alpha, dice, extent = self._logic.quick_measures(ratings)
        self._rows_so_far.append((ratings.name, math.nan, "", alpha, dice, extent, ""))
        if len(self._rows_so_far) <= 8 or len(self._rows_so_far) % 20 == 0:
            self._images.fill(self._rows_so_far)

    def _finished(self, result: Any) -> None:
        self._result = result
        self._logic.show_cohort(result)
        self._show()
        if self._order:
            self._images.choose(0)

    def _write(self, folder: Path) -> None:
        remark = self._remark()
        result = self._result.with_note(remark) if remark else self._result
        self._logic.export(result, folder)

    # What the user does with a result.

    def _on_image(self, row: int) -> None:
        if self._result is None:
            return
        with shown_errors(_("The image can't be shown."), wait_cursor=True):
            self._shown_image = self._order[row]
            self._logic.image.show(self._result, self._shown_image)
            self._apply()

    def _on_rater(self, row: int) -> None:
        """A rater's row has nowhere to go; choosing it only marks it."""

    def _on_measures(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            show_chart(self._logic.cohort_nodes.image_plot)

    def _on_performance(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            show_chart(self._logic.cohort_nodes.rater_plot)

    # What the panel shows.

    def _apply(self) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        self._ui.neededLabel.setText(
            needed_sentence(self._result.cohort, parameters.targetReliability)
        )
        self._logic.image.set_shown(
            outlines=parameters.showOutlines,
            disagreement=parameters.showDisagreement,
            consensus=parameters.consensus,
        )

    def _show(self) -> None:
        ui, result = self._ui, self._result
        sentence, notes = _("No result yet: press Run."), []
        images: list[tuple[Any, ...]] = []
        raters: list[tuple[Any, ...]] = []
        self._order = []
        if result is not None:
            cohort = result.cohort
            notes = list(result.notes)
            images = sorted(image_rows(cohort), key=_worst_first)
            self._order = [row[0] for row in images]
            raters = rater_rows(cohort, result.repeat_rows)
        ui.summaryLabel.setText(sentence)
        self.show_remark()
        ui.notesLabel.setText("\n".join(notes[:6] + ([_("…")] if len(notes) > 6 else [])))
        ui.notesLabel.setVisible(bool(notes))
        self._images.fill(images)
        self._raters.fill(raters)
        if result is None:
            ui.neededLabel.setText("")
        elif self._parameters is not None:
            ui.neededLabel.setText(
                needed_sentence(result.cohort, self._parameters.targetReliability)
            )
        ui.colorsLabel.setText("" if result is None else color_key(result.colors))
        nothing = "" if result is not None else _("There is no result yet: press Run first.")
        for widget in (
            ui.outlinesCheckBox,
            ui.disagreementCheckBox,
            ui.consensusComboBox,
            ui.targetSpinBox,
            ui.measuresButton,
            ui.performanceButton,
        ):
            set_usable(widget, nothing)
        self.set_blind("")


def local_sentence(local: Any) -> list[str]:
    """The ICC of the local extent in a sentence, where there is one."""
    if local is None or not math.isfinite(local.mean):
        return []
    return [
        _("ICC of the local extent, the share marked around each place: {icc:.2f}.").format(
            icc=local.mean
        )
    ]


def color_key(colors: Mapping[str, Rgb]) -> str:
    """Each rater's name behind a square of the rater's color, as rich text."""
    return " &nbsp; ".join(
        f'<span style="color: {hex_color(color)}">■</span> {escape(rater)}'
        for rater, color in colors.items()
    )


def image_rows(cohort: Any) -> list[tuple[Any, ...]]:
    """The per-image table: name, ICC and its interval, alpha, Dice, share marked, why left out."""
    reasons = {row["image"]: row["reason"] for row in cohort.exclusions}
    values: dict[str, dict[str, float]] = {}
    for row in cohort.image_rows:
        values.setdefault(row["image"], {})[row["measure"]] = row["value"]
    measures = ("krippendorff_alpha", "dice", "extent")
    return [
        (
            image,
            found["pixel_icc"],
            _interval(found),
            *(found[measure] for measure in measures),
            reasons.get(image, ""),
        )
        for image, found in values.items()
    ]


def _interval(found: Mapping[str, float]) -> str:
    low, high = (found.get(f"pixel_icc_{end}", math.nan) for end in ("low", "high"))
    return f"{low:.2f}–{high:.2f}" if math.isfinite(low) and math.isfinite(high) else ""


def rater_rows(cohort: Any, repeat_rows: Any) -> list[tuple[Any, ...]]:
    """The per-rater table: name, accuracy, TPR, PPV, F1, ICC without, Dice with oneself."""
    oneself = {row["rater"]: row["dice"] for row in repeat_rows}
    without = {row["rater"]: row["mean_without"] for row in cohort.leave_one_out_rows}
    return [
        (
            rater,
            *(means[measure] for measure in ("accuracy", "tpr", "ppv", "f1")),
            without.get(rater, math.nan),
            oneself.get(rater, math.nan),
        )
        for rater, means in rater_means(cohort).items()
    ]


def needed_sentence(cohort: Any, target: float) -> str:
    """How reliable the raters' mean is, and how many raters reach ``target``."""
    row = cohort.summary("pixel_icc")
    if row is None or not math.isfinite(row["mean"]):
        return ""
    number = len(cohort.raters)
    now = mean_reliability(row["mean"], number)
    needed = raters_needed(row["mean"], target)
    reach = (
        _("no number of raters reaches {target:.2f}").format(target=target)
        if needed is None
        else _("one rater reaches {target:.2f}").format(target=target)
        if needed == 1
        else _("{target:.2f} takes {needed} raters").format(target=target, needed=needed)
    )
    return _("The mean of these {number} raters has reliability {now:.2f}; {reach}.").format(
        number=number, now=now, reach=reach
    )


def _worst_first(row: tuple[Any, ...]) -> tuple[bool, float]:
    return (math.isnan(row[1]), row[1])
