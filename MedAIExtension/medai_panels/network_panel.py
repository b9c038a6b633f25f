"""The panel of a module with a network: model, run, export, and whose result is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vtk
from slicer.i18n import tr as _

from medai.errors import InputError
from medai.images.output_names import output_name
from medai.models import ModelCard, ModelStore
from medai.scene.presence import is_present
from medai.scene.steps import Steps
from medai_panels.correction_section import CorrectionSection
from medai_panels.export_section import ExportSection
from medai_panels.licence_terms import ensure_accepted
from medai_panels.model_section import ModelSection
from medai_panels.panel_widget import PanelWidget
from medai_panels.pytorch import ensure_torch
from medai_panels.research_use import add_research_use_line
from medai_panels.result_source import ResultSource
from medai_panels.run_section import RunSection
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import keep_readable, keep_two_lines


class NetworkPanel(PanelWidget):
    """Base of the three modules that run a network.

    A module calls ``fill_sections`` in ``build``, and says what its ``inputs`` are, how a job is
    started (``start_job``), how a result is shown in the scene (``logic.show_in_steps``) and in the
    panel (``show_result``), which segmentations of it a hand may correct (``drawn_nodes``), and
    what follows another model (``model_taken``). Its parameter node has a ``modelId``.
    """

    def fill_sections(
        self,
        task: str,
        store: ModelStore,
        *,
        run_tooltip: str,
        export_name: str,
        export_contents: str,
        sentence_label: Any,
        no_result: str,
    ) -> None:
        """Fill the Model, Run and Export sections and the foot of Result; there is no result yet.

        sentence_label: the label that says what was found, or ``no_result``.
        """
        self._sentence_label, self._no_result = sentence_label, no_result
        keep_two_lines(sentence_label)
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
        add_research_use_line(self.ui.resultSection.layout())
        self._correction = CorrectionSection(
            self.ui.resultSection.layout(), self._measure_by_hand, self._show_networks_own
        )
        self._parts: list[Any] = [self._model, self._run, self._export, self._correction]

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

    def no_input(self) -> str:
        """Why nothing can be run; "" when what is needed is chosen."""
        raise NotImplementedError

    def input_controls(self) -> tuple[Any, ...]:
        """The widgets that choose what a run works on: held while one goes on."""
        raise NotImplementedError

    def apply(self) -> None:
        """Show in the scene what the parameters say."""

    def drawn_nodes(self) -> tuple[Any, ...]:
        """The segmentation nodes of the result; asked only when there is one."""
        raise NotImplementedError

    def set_shown_usable(self, reason: str) -> None:
        """Allow what draws the result, unless there is a ``reason`` against it."""
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

    def parameters_changed(self) -> None:
        if self.parameters is not None:
            self._take_model()
            self.apply()
        self.show_remark()
        self._update_usable()

    def abandon(self) -> None:
        self._run.abandon()
        self._correction.forget()
        self.let_go()
        self._take_source(ResultSource(()))
        self._running_source = ResultSource(())
        self._result = self._nodes = None
        self._follow_hand()
        self.show_result()

    def _start(self) -> Any:
        for card in self.cards_used():
            ensure_accepted(card)
        ensure_torch()
        self._running_source = ResultSource(self.inputs())
        return self.start_job()

    def _finished(self, result: Any) -> Steps[None]:
        source = self._running_source
        nodes = yield from self.logic.show_in_steps(result, source.nodes)
        yield
        before = [] if self._result is None else list(vars(self._result).values())
        self._take_source(source)
        self._take_result(result, nodes)
        # The system takes a while to take back hundreds of megabytes: one array at a time.
        while before:
            yield
            before.pop()

    def _take_result(self, result: Any, nodes: Any) -> None:
        self._result, self._nodes = result, nodes
        self._follow_hand()
        self.show_result()
        self.parameters_changed()

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

    # What a hand corrects.

    @property
    def own_result(self) -> Any:
        """The result as the network gave it."""
        return self._result.of_network or self._result

    def _follow_hand(self) -> None:
        drawn = () if self._result is None else self.drawn_nodes()
        self._correction.follow([node for node in drawn if is_present(node)])

    def _measure_by_hand(self, asked: bool) -> Steps[None] | None:
        if self.reason_not_to_show() or self._run.running:
            return None
        why = self.logic.reason_not_to_measure(self.own_result, self.drawn_nodes())
        if why and asked:
            raise InputError(why)
        return None if why else self._measured_in_steps()

    def _measured_in_steps(self) -> Steps[None]:
        own, source = self.own_result, self._source
        found = yield from self.logic.measure_in_steps(own, self.drawn_nodes(), source.nodes)
        if found is not self._result and not self.reason_not_to_show():
            self._take_result(found, (yield from self.logic.show_in_steps(found, source.nodes)))

    def _show_networks_own(self) -> Steps[None] | None:
        own = self.own_result
        if own is self._result or self.reason_not_to_show():
            return None
        self.logic.forget_corrections(own, self.drawn_nodes())
        return self._own_in_steps(own)

    def _own_in_steps(self, own: Any) -> Steps[None]:
        self._correction.follow(())
        self._take_result(own, (yield from self.logic.show_in_steps(own, self._source.nodes)))

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
            return no_result_yet()
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
            if widget.inherits("QLabel"):
                keep_readable(widget)

    def _update_usable(self, *args: Any) -> None:
        busy, cant_show = self.busy(), self.reason_not_to_show()
        self._run.set_usable(self._model.problem or self.no_input())
        self._model.set_usable(busy)
        for widget in self.input_controls():
            set_usable(widget, busy)
        self._export.set_usable(no_result_yet() if self._result is None else "")
        not_drawn = "" if cant_show or self.drawn_nodes() else _("No segments were made.")
        is_corrected = self._result is not None and self.own_result is not self._result
        self._correction.set_usable(cant_show or not_drawn or busy, is_corrected=is_corrected)
        self.set_shown_usable(cant_show)

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
        """Show what was found and whose it is, and nothing else anew."""
        result = self._result
        self._sentence_label.setText(
            self._no_result if result is None else self.named(result.sentence)
        )
        self.show_notes(() if result is None else result.notes)
        self.grey_result()


def no_result_yet() -> str:
    """Why nothing can be shown or exported before the first run."""
    return _("There is no result yet: press Run first.")
