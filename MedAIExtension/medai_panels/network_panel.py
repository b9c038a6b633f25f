"""The panel of a module with a network: model, run, export, and whose result is shown."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import vtk
from slicer.i18n import tr as _

from medai.images.output_names import output_name
from medai.models import ModelCard, ModelStore
from medai_panels.export_section import ExportSection
from medai_panels.licence_terms import ensure_accepted
from medai_panels.model_section import ModelSection
from medai_panels.panel_widget import PanelWidget
from medai_panels.pytorch import ensure_torch
from medai_panels.result_source import ResultSource
from medai_panels.run_section import RunSection
from medai_panels.usable import set_usable


class NetworkPanel(PanelWidget):
    """Base of the three modules that run a network.

    A module calls ``fill_sections`` in ``build``, and says what its ``inputs`` are, how a job is
    started (``start_job``), how a result is shown in the scene (``logic.show_in_steps``) and in the
    panel (``show_result``), and what follows another model (``model_taken``). Its parameter node
    has a ``modelId``.
    """

    def fill_sections(
        self,
        task: str,
        store: ModelStore,
        *,
        run_tooltip: str,
        export_name: str,
        export_contents: str,
    ) -> None:
        """Fill the Model, Run and Export sections; there is no result yet."""
        self._source = self._running_source = ResultSource(())
        self._result: Any = None
        self._result_sentence = ""
        self._nodes: Any = None
        self._model = ModelSection(self.ui.modelSection, task, store, self._on_model)
        self._run = RunSection(
            self.ui.runSection, self._start, self._finished, self._update_usable, run_tooltip
        )
        self._export = ExportSection(
            self.ui.exportSection, export_name, self._write, export_contents
        )
        self._parts: list[Any] = [self._model, self._run, self._export]

    # What a module says.

    def inputs(self) -> tuple[Any, ...]:
        """The chosen input nodes, None where nothing is chosen; asked only with parameters."""
        raise NotImplementedError

    def start_job(self) -> Any:
        """Hand the chosen input to the worker; returns the job."""
        raise NotImplementedError

    def show_result(self) -> None:
        """Fill the Result section with ``self._result``, or say that there is none."""
        raise NotImplementedError

    def result_controls(self) -> tuple[Any, ...]:
        """The widgets that say what was found: greyed while the result is of something else."""
        raise NotImplementedError

    def cards_used(self) -> tuple[ModelCard, ...]:
        """The cards of the models that a run would use now."""
        return () if self._model.card is None else (self._model.card,)

    def model_taken(self, card: ModelCard | None) -> None:
        """What follows when another model is taken."""

    def let_go(self) -> None:
        """What else to drop when the scene closes."""

    # What Slicer and the sections call.

    def cleanup(self) -> None:
        super().cleanup()
        for part in self._parts:
            part.close()
        self.logic.close()

    def abandon(self) -> None:
        self._run.abandon()
        self.let_go()
        self._take_source(ResultSource(()))
        self._running_source = ResultSource(())
        self._result = self._nodes = None
        self.show_result()

    def _start(self) -> Any:
        for card in self.cards_used():
            ensure_accepted(card)
        ensure_torch()
        self._running_source = ResultSource(self.inputs())
        return self.start_job()

    def _finished(self, result: Any) -> Generator[None, None, None]:
        source = self._running_source
        nodes = yield from self.logic.show_in_steps(result, source.nodes)
        yield
        before = [] if self._result is None else list(vars(self._result).values())
        self._take_source(source)
        self._result, self._nodes = result, nodes
        self.show_result()
        self.parameters_changed()
        # The system takes a while to take back hundreds of megabytes: one array at a time.
        while before:
            yield
            before.pop()

    def _write(self, folder: Path) -> None:
        # In a file, a name that may tell who the patient is stands for an alias.
        self.logic.export(self._result, folder, self.remark(output_name(self._source.name)))

    def _on_model(self, model_id: str) -> None:
        if self.parameters is not None:
            self.parameters.modelId = model_id
            self.model_taken(self._model.card)

    def _take_model(self) -> None:
        """Choose the parameters' model; where it isn't installed, the one that is shown."""
        wanted = self.parameters.modelId
        self._model.choose(wanted)
        if self._model.model_id != wanted:
            self._on_model(self._model.model_id)

    # Whose result it is.

    def remark(self, name: str = "") -> str:
        """What a reader of the result must know about whose it is; "" when it is as chosen.

        name: what to call the source; by default the nodes' names.
        """
        if self._result is None or self.parameters is None:
            return ""
        return self._source.remark(self.inputs(), name)

    def reason_not_to_show(self) -> str:
        """Why what was found is greyed and can't be drawn; "" when it is of the chosen input."""
        if self._result is None:
            return _("There is no result yet: press Run first.")
        if self.parameters is None:
            return ""
        is_theirs = not self._source.is_gone and self._source.is_of(self.inputs())
        return "" if is_theirs else self.remark()

    def named(self, sentence: str) -> str:
        """A sentence about the result, after its source's name where that isn't what is chosen."""
        self._result_sentence = sentence
        return f"{self._source.name}: {sentence}" if self.reason_not_to_show() else sentence

    def show_notes(self, notes: tuple[str, ...]) -> None:
        """What a reader must know, first of all whose result it is."""
        shown = [each for each in (self.remark(), *notes) if each]
        self.ui.notesLabel.setText("\n".join(shown))
        self.ui.notesLabel.setVisible(bool(shown))

    def grey_result(self) -> None:
        """Grey what was found while it is of something else than what is chosen."""
        reason = self.reason_not_to_show() if self._result is not None else ""
        for widget in self.result_controls():
            set_usable(widget, reason)

    def busy(self) -> str:
        """Why no other input can be chosen now; "" when it can."""
        return _("Wait for the run to end, or cancel it.") if self._run.running else ""

    def _take_source(self, source: ResultSource) -> None:
        # The same scans may be chosen for both eyes.
        for node in dict.fromkeys(self._source.nodes):
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self.onSourceModified)
        self._source = source
        for node in dict.fromkeys(source.nodes):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onSourceModified)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        if any(node is each for each in self._source.nodes):
            self.parameters_changed()

    def onSourceModified(self, caller: Any, event: Any) -> None:
        if self._result is not None:
            self.show_remark()

    def show_remark(self) -> None:
        """Show whose result it is, and nothing else anew."""
        raise NotImplementedError
