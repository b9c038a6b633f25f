"""COVID Classification: how likely COVID-19 is, why, how severe, better or worse than before."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import slicer
from slicer import vtkMRMLLabelMapVolumeNode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
)

# In a checkout used in place, the packages lie one folder up; installed, they lie beside this file.
if find_spec("medai") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from medai import scene
from medai.errors import InputError
from medai.inference.covid.assessment import (
    CovidAssessment,
    CovidChoices,
    with_corrected_lesions,
)
from medai.inference.covid.result import COVID_CLASS, RULES, CovidOptions
from medai.inference.covid.study import as_covid_study
from medai.inference.covid.tables import CHANGE, SEVERITY, SLICES
from medai.inference.lesions.result import LesionOptions
from medai.inference.running.planes import PLANES
from medai.models import ModelCard, ModelStore
from medai.scene.color_maps import show_map
from medai.scene.drawn_lesions import forget_corrections, shows_result
from medai.scene.presence import display_of, is_present
from medai.scene.result_nodes import is_result
from medai.scene.steps import Steps, finish
from medai_panels.charts import show_chart
from medai_panels.findings_table import FindingsTable, panel_columns
from medai_panels.jump import jump_to
from medai_panels.lesions_by_hand import lesions_by_hand_in_steps
from medai_panels.module_description import help_with_page, with_publications
from medai_panels.network_panel import NetworkPanel
from medai_panels.sample_data import register_sample
from medai_panels.shown_errors import shown_errors
from medai_panels.shown_volume import shown_volume
from medai_panels.usable import set_usable
from medai_panels.worker_logic import WorkerLogic

TASK = "covid"
SAMPLE_NAME = "Synthetic chest CT, two dates"
_SAMPLE_GROWTH = 1.6
# Volumes and percentages; the zone score has a sentence of its own.
_SHOWN_CHANGES = 3


class CovidClassification(ScriptedLoadableModule):
    """What Slicer's module menu says."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("COVID Classification")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "MedAI")]
        self.parent.dependencies = ["Segmentations", "Tables", "Plots"]
        self.parent.contributors = ["MedAI maintainers"]
        self.parent.helpText = help_with_page(
            _(
                "Estimates how likely COVID-19 is on a chest CT, shows where the network looked, "
                "measures severity and the change since an earlier study. Research use only."
            ),
            "covid-classification.md",
        )
        self.parent.acknowledgementText = with_publications(
            _("The networks follow Ter-Sarkisov (COVID-CT-Mask-Net) and Shah et al. (CTnet-10)."),
            (
                "10.1101/2020.10.30.20223586",
                "10.1101/2020.07.11.20151332",
            ),
        )
        register_sample(
            SAMPLE_NAME, make_sample, self.resourcePath("Icons/CovidClassification.png")
        )


def make_sample(*args: Any) -> list[Any]:
    """Make two synthetic chest CTs of one patient and show them: the later one, the earlier one."""
    from medai.phantoms import chest_ct

    earlier, later = chest_ct(), chest_ct(growth=_SAMPLE_GROWTH)
    nodes = [scene.show_volume(study.volume) for study in (later, earlier)]
    for node, name in zip(nodes, (_("Later CT"), _("Earlier CT")), strict=True):
        node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    return nodes


@parameterNodeWrapper
class CovidClassificationParameterNode:
    """What the panel remembers, and what is saved with a scene.

    modelId: "" until a model was taken.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    priorVolume: vtkMRMLScalarVolumeNode
    lobes: vtkMRMLLabelMapVolumeNode
    modelId: str = ""
    rule: Annotated[str, Choice(list(RULES))] = "top-quartile"
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    measureSeverity: bool = True
    threePlanes: bool = False
    showExplanation: bool = True
    showLesions: bool = True


class CovidClassificationWidget(NetworkPanel):
    """The panel: collects choices, starts the logic, shows what it answers."""

    def make_logic(self) -> CovidClassificationLogic:
        return CovidClassificationLogic()

    def build(self) -> None:
        self._order: list[int] = []
        self.fill_sections(
            TASK,
            ModelStore(),
            run_tooltip=_("Classify the study. Slicer stays usable meanwhile."),
            export_name="covid",
            export_contents=_("probabilities, table per slice, severity, change and report"),
            sentence_label=self.ui.answerLabel,
            no_result=_("No result yet: choose a study and press Run."),
        )
        self._slices = FindingsTable(
            self.ui.slicesTable,
            panel_columns(SLICES),
            self._on_slice,
        )
        self._severity = FindingsTable(
            self.ui.severityTable,
            panel_columns(SEVERITY),
            lambda row: None,
        )
        self._change = FindingsTable(
            self.ui.changeTable,
            panel_columns(CHANGE),
            lambda row: None,
        )
        self._parts += [self._slices, self._severity, self._change]
        self.connections.add(self.ui.sampleButton.clicked, self.onSample)
        self.connections.add(self.ui.slicePlotButton.clicked, self.onSlicePlot)
        self.connections.add(self.ui.changePlotButton.clicked, self.onChangePlot)
        self.connections.add(self.ui.sideBySideButton.clicked, self.onSideBySide)
        self.show_result()

    def inputs(self) -> tuple[Any, ...]:
        chosen = self.parameters
        return (chosen.inputVolume, chosen.priorVolume, chosen.lobes)

    def result_controls(self) -> tuple[Any, ...]:
        ui = self.ui
        labels = (ui.answerLabel, ui.scoreLabel, ui.changeLabel)
        return (*labels, ui.slicesTable, ui.severityTable, ui.changeTable)

    def cards_used(self) -> tuple[ModelCard, ...]:
        severity = (ModelStore().recommended("lesions"),) if self.parameters.measureSeverity else ()
        return (*super().cards_used(), *severity)

    def suggest_input(self) -> None:
        if self.parameters.inputVolume is None:
            self.parameters.inputVolume = shown_volume()

    def no_input(self) -> str:
        chosen = self.parameters is not None and self.parameters.inputVolume is not None
        return "" if chosen else _("Choose a chest CT first.")

    def input_controls(self) -> tuple[Any, ...]:
        ui = self.ui
        return (
            ui.inputVolumeSelector,
            ui.priorVolumeSelector,
            ui.lobesSelector,
            ui.sampleButton,
            ui.ruleSelector,
            ui.deviceSelector,
            ui.severityCheckBox,
            ui.planesCheckBox,
        )

    def drawn_nodes(self) -> tuple[Any, ...]:
        lesions = self._nodes.lesions
        return () if lesions is None else (lesions.segmentation,)

    # What the user does.

    def onSample(self, *args: Any) -> None:
        with shown_errors(_("The synthetic CTs can't be made."), wait_cursor=True):
            later, earlier = make_sample()
            self.parameters.inputVolume = later
            self.parameters.priorVolume = earlier

    def onSlicePlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            show_chart(self._nodes.slice_plot)

    def onChangePlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            show_chart(self._nodes.change_plot)

    def onSideBySide(self, *args: Any) -> None:
        with shown_errors(_("The studies can't be shown side by side.")):
            later, earlier = self._source.nodes[:2]
            self.logic.align_prior(self._result, earlier)
            _show_side_by_side(earlier, later)

    def _on_slice(self, row: int) -> None:
        with shown_errors(_("Can't go to the slice.")):
            jump_to(self.logic.slice_center(self._result, self._order[row]))

    # A run.

    def start_job(self) -> Any:
        return self.logic.start(self.parameters)

    # What the panel shows.

    def apply(self) -> None:
        if not self.reason_not_to_show():
            with shown_errors(_("Can't show it.")):
                self.logic.set_shown(self._nodes, self.parameters)

    def show_result(self) -> None:
        result = self._result
        self._order, slice_table = _slice_rows(result)
        self._slices.fill(slice_table)
        severe = None if result is None else result.severity
        self._severity.fill(() if severe is None else SEVERITY.rows("panel", severe))
        self.ui.scoreLabel.setText(_score_sentence(severe))
        if result is not None and severe is None:
            self.ui.resultTabs.setCurrentWidget(self.ui.slicesTab)
        change = None if result is None else result.change
        self.ui.changeLabel.setText(
            _("No earlier study was compared: choose one under Input and run again.")
            if change is None
            else change.sentence
        )
        changes = [] if change is None else CHANGE.rows("panel", change)[:_SHOWN_CHANGES]
        self._change.fill((translate("tables", name), *values) for name, *values in changes)
        self.show_remark()

    def set_shown_usable(self, reason: str) -> None:
        for widget in (self.ui.explanationCheckBox, self.ui.slicePlotButton):
            set_usable(widget, reason)
        no_lesions = reason or (
            "" if self._result.lesions is not None else _("Severity was not measured.")
        )
        set_usable(self.ui.lesionsCheckBox, no_lesions)
        no_change = reason or (
            "" if self._result.change is not None else _("No earlier study was compared.")
        )
        for widget in (self.ui.changePlotButton, self.ui.sideBySideButton):
            set_usable(widget, no_change)


class CovidClassificationLogic(WorkerLogic):
    """CT nodes in; assessments, nodes and files out. No widgets."""

    def getParameterNode(self) -> CovidClassificationParameterNode:
        return CovidClassificationParameterNode(super().getParameterNode())

    def start(self, parameters: CovidClassificationParameterNode) -> Any:
        """Start assessing in the worker process; returns the job.

        Raises InputError when no study is chosen, or the earlier study is the study itself.
        """
        if parameters.inputVolume is None:
            raise InputError(_("No study is chosen: choose a chest CT first."))
        if parameters.priorVolume is parameters.inputVolume:
            raise InputError(_("The earlier study is the study itself: choose another, or none."))
        if parameters.lobes is not None and is_result(parameters.lobes):
            raise InputError(
                _("{name} is a map that MedAI made, expected a label map of lobes.").format(
                    name=parameters.lobes.GetName()
                )
            )
        study = as_covid_study(scene.volume_from_node(parameters.inputVolume))
        return self.submit(TASK, study, parameters.modelId, self.choices(parameters))

    def choices(self, parameters: CovidClassificationParameterNode) -> CovidChoices:
        """The parameters as choices of an assessment."""
        lesion_model = (
            ModelStore().recommended("lesions").id if parameters.measureSeverity else None
        )
        prior = parameters.priorVolume if parameters.measureSeverity else None
        return CovidChoices(
            classification=CovidOptions(
                rule=parameters.rule,
                planes=PLANES if parameters.threePlanes else PLANES[:1],
                device=parameters.device,
            ),
            lesion_model=lesion_model,
            lesions=LesionOptions(device=parameters.device),
            lobes=_lobes(parameters.lobes),
            prior=None if prior is None else scene.volume_from_node(prior),
        )

    def show(self, result: CovidAssessment, volumeNode: Any) -> Any:
        """Show an assessment beside the volume it was made from; returns the nodes."""
        return finish(self.show_in_steps(result, (volumeNode,)))

    def shows(self, own: CovidAssessment, segmentationNodes: Sequence[Any]) -> bool:
        return own.lesions is not None and shows_result(segmentationNodes[0], own.lesions)

    def measure_in_steps(
        self, own: CovidAssessment, segmentationNodes: Sequence[Any], nodes: Sequence[Any]
    ) -> Steps[CovidAssessment]:
        assert own.lesions is not None
        found = yield from lesions_by_hand_in_steps(
            self, own.lesions, segmentationNodes[0], nodes[0]
        )
        if found is own.lesions:
            return own
        lobes = next((node for node in nodes if node.IsA("vtkMRMLLabelMapVolumeNode")), None)
        return with_corrected_lesions(own, found, _lobes(lobes))

    def forget_corrections(self, own: CovidAssessment, segmentationNodes: Sequence[Any]) -> None:
        assert own.lesions is not None
        forget_corrections(segmentationNodes[0], own.lesions)

    def set_shown(self, nodes: Any, parameters: CovidClassificationParameterNode) -> None:
        """Show and hide what the parameters say; ``nodes`` are what ``show`` returned.

        Nodes that the user has deleted are left out.
        """
        shown = parameters.showExplanation and is_present(nodes.explanation)
        show_map(nodes.explanation if shown else None, opacity=0.45)
        if nodes.lesions is not None and is_present(nodes.lesions.segmentation):
            display_of(nodes.lesions.segmentation).SetVisibility(parameters.showLesions)

    def slice_center(self, result: CovidAssessment, index: int) -> tuple[float, float, float]:
        """RAS in mm of the middle of an axial slice, for jumping there."""
        from medai.scene.covid import slice_center_ras

        return slice_center_ras(result, index)

    def align_prior(self, result: CovidAssessment, priorNode: Any) -> Any:
        """Lay the earlier study's lungs onto the later one's by a transform node; returns it."""
        from medai.scene.covid import align_prior

        if priorNode is None or priorNode.GetScene() is None:
            raise InputError(_("The earlier study is no longer in the scene."))
        return align_prior(result, priorNode)


class CovidClassificationTest(ScriptedLoadableModuleTest):
    """A short run through the module inside Slicer; the project's Testing folder has the rest."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.test_a_synthetic_ct_is_classified_and_shown()

    def test_a_synthetic_ct_is_classified_and_shown(self) -> None:
        from medai.inference.covid.assess import assess_covid

        self.delayDisplay("Making two synthetic CTs")
        later, earlier = make_sample()
        logic = CovidClassificationLogic()
        parameters = logic.getParameterNode()
        parameters.inputVolume, parameters.priorVolume = later, earlier
        self.delayDisplay("Classifying")
        result = assess_covid(
            scene.volume_from_node(later),
            ModelStore().recommended(TASK).id,
            logic.choices(parameters),
        )
        nodes = logic.show(result, later)
        self.assertGreater(nodes.slice_table.GetNumberOfRows(), 5)
        self.assertIsNotNone(nodes.change_table)
        self.delayDisplay("Done")


def _slice_rows(result: Any) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Canonical indices and table rows of the axial slices, most suspicious first."""
    if result is None:
        return [], []
    answer = result.classification
    part = answer.slices[0]
    covid = part.probability[:, answer.classes.index(COVID_CLASS)]
    order = np.argsort(-covid, kind="stable")
    rows = SLICES.rows("panel", answer)
    return [int(part.index[k]) for k in order], [rows[k] for k in order]


def _lobes(node: Any) -> Any:
    return None if node is None else scene.volume_from_node(node).array


def _score_sentence(severe: Any) -> str:
    if severe is None:
        return _("Severity was not measured.")
    if severe.lung_severity_score is not None:
        return _("Lung severity score {score} of 20, CT-SS {ct_score} of 25, five lobes.").format(
            score=severe.lung_severity_score, ct_score=severe.ct_severity_score
        )
    if severe.zone_score is None:
        return _("No total score: a lung zone is not in view.")
    return _("Zone score {score} of 24: six zones by volume, not the lobe-based score.").format(
        score=severe.zone_score
    )


def _show_side_by_side(left_node: Any, right_node: Any) -> None:
    layout_manager = slicer.app.layoutManager()
    layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
    for view, node in (("Red", left_node), ("Yellow", right_node)):
        logic = layout_manager.sliceWidget(view).sliceLogic()
        logic.GetSliceNode().SetOrientation("Axial")
        logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
