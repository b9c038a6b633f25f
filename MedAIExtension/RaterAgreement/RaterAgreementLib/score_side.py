"""The panel's side for tables of scores: the same tables as the report's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from medai.agreement.score_tables import COEFFICIENTS, ICCS, LIMITS, REPEATS
from medai.agreement.scores import LEVELS, ScoresResult, ScoreTable
from medai.errors import StudyError
from medai.output import atomic_folder
from medai.reports.agreement_task import measure
from medai.reports.rater_agreement import AgreementOptions, names_in
from medai.reports.write import write_files
from medai.studies.score_table import read_scores
from medai_panels.export_section import ExportSection
from medai_panels.findings_table import FindingsTable, panel_columns
from medai_panels.run_section import RunSection
from medai_panels.wrapping_label import wrapping_label
from RaterAgreementLib.analysis_job import AnalysisJob


class ScoreSide:
    """Reads a table of scores, compares the raters and shows what was found.

    ``running_changed(running)`` as RunSection's.
    """

    def __init__(self, ui: Any, running_changed: Callable[[bool], None]) -> None:
        self._result: ScoresResult | None = None
        self._running_changed = running_changed
        self.path = ctk.ctkPathLineEdit()
        self.path.setObjectName("scoresPathLineEdit")
        self.path.setProperty("filters", int(ctk.ctkPathLineEdit.Files))
        self.path.setProperty("settingKey", "MedAI/Scores")
        self.path.setToolTip(
            _("A CSV table with the columns image, rater, score, and perhaps item and repeat.")
        )
        self.level = qt.QComboBox()
        self.level.setObjectName("scoresLevelComboBox")
        self.level.setToolTip(_("What differences between scores mean."))
        self.level.addItems([_("as the scores look"), *LEVELS])
        self.categories = qt.QLineEdit()
        self.categories.setObjectName("scoresCategoriesLineEdit")
        self.categories.setToolTip(
            _("All scores that may be given, in order, with commas; empty: those that occur.")
        )
        form = qt.QFormLayout()
        form.addRow(_("Table"), self.path)
        form.addRow(_("Level"), self.level)
        form.addRow(_("Categories"), self.categories)
        ui.scoresBox.layout().addLayout(form)
        self.run = RunSection(
            ui.scoresRunBox,
            self._start,
            self._finished,
            running_changed,
            _("Measure how well the raters agree on their scores."),
        )
        self.sentence = wrapping_label("scoresLabel")
        results = ui.scoresResultBox.layout()
        results.addWidget(self.sentence)
        self._tables = []
        for name, table in (
            ("Coefficient", COEFFICIENTS),
            ("Icc", ICCS),
            ("Limits", LIMITS),
            ("Repeat", REPEATS),
        ):
            widget = qt.QTableWidget()
            widget.setObjectName(f"scores{name}Table")
            results.addWidget(widget)
            shown = FindingsTable(widget, panel_columns(table), self._on_row)
            self._tables.append((table, widget, shown))
        box = qt.QWidget()
        qt.QVBoxLayout(box)
        results.addWidget(box)
        self.export = ExportSection(
            box, "scores", self._write, _("tables, figures and report of the scores")
        )
        self._show()

    @property
    def has_result(self) -> bool:
        """Whether scores were compared."""
        return self._result is not None

    def abandon(self) -> None:
        """Cancel and forget."""
        self.run.abandon()
        self._result = None
        self._show()

    def close(self) -> None:
        """Let go of timers and connections."""
        self.run.close()
        self.export.close()
        for _table, _widget, shown in self._tables:
            shown.close()

    def _start(self) -> AnalysisJob:
        table = self._read()
        self._result = None
        self._show()
        return AnalysisJob(
            lambda progress, cancelled: measure(
                table, None, AgreementOptions(), progress, cancelled
            )
        )

    def _read(self) -> ScoreTable:
        text = self.path.property("currentPath")
        if not text:
            raise StudyError(_("No table of scores is chosen: pick one first."))
        place = self.level.property("currentIndex")
        return read_scores(
            Path(text),
            level=None if place < 1 else LEVELS[place - 1],
            categories=names_in(self.categories.property("text")),
        )

    def _finished(self, result: ScoresResult) -> None:
        self._result = result
        self._show()
        self._running_changed(False)

    def _write(self, folder: Path) -> None:
        with atomic_folder(folder) as work:
            write_files(self._result, work)

    def _on_row(self, row: int) -> None:
        """A row has nowhere to go; choosing it only marks it."""

    def _show(self) -> None:
        result = self._result
        self.sentence.setText(
            _("No result yet: press Run.")
            if result is None
            else "\n".join([result.sentence, *result.notes])
        )
        for table, widget, shown in self._tables:
            rows = [] if result is None else table.rows("panel", result)
            shown.fill(rows)
            widget.setVisible(bool(rows))
        nothing = _("There is no result yet: press Run first.")
        self.export.set_usable(nothing if result is None else "")
