"""Lesion Segmentation: chest CT in; lesions, lungs and how much of each lung is filled out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import slicer
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
)

# In a checkout used in place, the packages lie one folder up; installed, they lie beside this file.
if find_spec("medai") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from medai import scene
from medai.cancellation import CancelCallback, never_cancelled
from medai.errors import InputError
from medai.inference import (
    LOWEST_SCORE,
    LesionOptions,
    LesionResult,
    rethreshold,
    segment_lesions,
)
from medai.inference.lesions.result import AXIAL_ONLY
from medai.inference.lesions.tables import LESIONS
from medai.inference.running.planes import PLANES
from medai.models import ModelCard, ModelStore
from medai.progress import ProgressCallback, ignore_progress
from medai.reports.training_pairs import write_training_pairs
from medai.scene.color_maps import show_map
from medai.scene.drawn_lesions import forget_corrections, shows_result
from medai.scene.presence import display_of, is_present
from medai.scene.steps import Steps, finish
from medai_panels.charts import show_chart
from medai_panels.findings_table import FindingsTable, panel_columns
from medai_panels.jump import jump_to
from medai_panels.later import Later
from medai_panels.lesions_by_hand import lesions_by_hand_in_steps
from medai_panels.module_description import help_with_page, with_publications
from medai_panels.network_panel import NetworkPanel
from medai_panels.sample_data import register_sample
from medai_panels.shown_errors import shown_errors
from medai_panels.shown_volume import shown_volume
from medai_panels.surfaces import has_surfaces, remove_surfaces, show_surfaces
from medai_panels.usable import set_usable
from medai_panels.worker_logic import WorkerLogic

TASK = "lesions"
LUNGS = ("right lung", "left lung", "lung")
SAMPLE_NAME = "Synthetic chest CT"


class LesionSegmentation(ScriptedLoadableModule):
    """What Slicer's module menu says."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Lesion Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "MedAI")]
        self.parent.dependencies = ["Segmentations", "Tables", "Plots", "Markups"]
        self.parent.contributors = ["MedAI maintainers"]
        self.parent.helpText = help_with_page(
            _(
                "Finds ground-glass opacity and consolidation in a chest CT, and measures how much "
                "of each lung they fill. Choose a CT, press Run. Research use only."
            ),
            "lesion-segmentation.md",
        )
        self.parent.acknowledgementText = with_publications(
            _("The networks follow Ter-Sarkisov, lightweight Mask R-CNN for COVID-19 lesions."),
            ("10.1101/2020.10.30.20223586",),
        )
        register_sample(SAMPLE_NAME, make_sample, self.resourcePath("Icons/LesionSegmentation.png"))


def make_sample(*args: Any) -> list[Any]:
    """Make a synthetic chest CT with lesions on this computer and show it."""
    from medai.phantoms import chest_ct

    return [scene.show_volume(chest_ct().volume)]


@parameterNodeWrapper
class LesionSegmentationParameterNode:
    """What the panel remembers, and what is saved with a scene.

    modelId: "" until a model was taken.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    modelId: str = ""
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    threeDirections: bool = False
    scoreThreshold: Annotated[float, WithinRange(LOWEST_SCORE, 1.0)] = 0.5
    maskThreshold: Annotated[float, WithinRange(0.05, 0.95)] = 0.5
    showLesions: bool = True
    showLungs: bool = True
    showProbability: bool = False
    showScoreMap: bool = False
    showBoxes: bool = False
    show3D: bool = False


class LesionSegmentationWidget(NetworkPanel):
    """The panel: collects choices, starts the logic, shows what it answers."""

    def make_logic(self) -> LesionSegmentationLogic:
        return LesionSegmentationLogic()

    def build(self) -> None:
        self.fill_sections(
            TASK,
            ModelStore(),
            run_tooltip=_("Look for lesions in the CT. Slicer stays usable meanwhile."),
            export_name="lesions",
            export_contents=_("segmentation, probability map, tables, summary and report"),
            sentence_label=self.ui.burdenLabel,
            no_result=_("No result yet: choose a CT and press Run."),
        )
        self._table = FindingsTable(
            self.ui.findingsTable,
            panel_columns(LESIONS),
            self._on_row,
        )
        self._export.add_button(
            _("Export for training"),
            _("Write slices and masks as they are now, without names: pairs to train a model on."),
            "training",
            lambda folder: self.logic.export_for_training(self._result, folder),
        )
        # While a slider is dragged, only its latest place counts.
        self._rethreshold = Later(self._on_rethreshold)
        self._parts += [self._table, self._rethreshold]
        self.connections.add(self.ui.sampleButton.clicked, self.onSample)
        self.connections.add(self.ui.probabilityCheckBox.clicked, self.onProbability)
        self.connections.add(self.ui.scoreMapCheckBox.clicked, self.onScoreMap)
        self.connections.add(self.ui.zonesButton.clicked, self.onZonesPlot)
        self.connections.add(self.ui.histogramButton.clicked, self.onScorePlot)
        self.connections.add(self.ui.scatterButton.clicked, self.onAreaPlot)
        self.show_result()

    def let_go(self) -> None:
        self._rethreshold.cancel()

    def inputs(self) -> tuple[Any, ...]:
        return (self.parameters.inputVolume,)

    def result_controls(self) -> tuple[Any, ...]:
        return (self.ui.burdenLabel, self.ui.findingsTable)

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
            ui.sampleButton,
            ui.deviceSelector,
            ui.directionsCheckBox,
        )

    def drawn_nodes(self) -> tuple[Any, ...]:
        return (self._nodes.segmentation,)

    # What the user does.

    def onSample(self, *args: Any) -> None:
        with shown_errors(_("The synthetic CT can't be made."), wait_cursor=True):
            self.parameters.inputVolume = make_sample()[0]

    def onProbability(self, *args: Any) -> None:
        # Only one map can lie over the CT.
        if self.ui.probabilityCheckBox.isChecked():
            self.parameters.showScoreMap = False

    def onScoreMap(self, *args: Any) -> None:
        if self.ui.scoreMapCheckBox.isChecked():
            self.parameters.showProbability = False

    def onZonesPlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            self.logic.plot(self._nodes.zone_plot)

    def onScorePlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            self.logic.plot(self._nodes.score_histogram)

    def onAreaPlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            self.logic.plot(self._nodes.area_score_plot)

    def _on_row(self, row: int) -> None:
        with shown_errors(_("Can't go to the lesion.")):
            jump_to(self._result.findings[row].center_ras)

    # A run, and thresholds after it.

    def start_job(self) -> Any:
        chosen = self.parameters
        return self.logic.start(chosen.inputVolume, chosen.modelId, _options(chosen))

    def _on_rethreshold(self) -> None:
        with shown_errors(_("The thresholds can't be applied.")):
            if self.parameters is None or self.reason_not_to_show() or self._result.correction:
                return
            result = self.logic.rethreshold(
                self._result, self.parameters.scoreThreshold, self.parameters.maskThreshold
            )
            self._result, self._nodes = result, self.logic.show(result, *self._source.nodes)
            self._follow_hand()
            self.show_result()

    # What the panel shows.

    def model_taken(self, card: ModelCard | None) -> None:
        if card is None:
            return
        if card.decision.score_threshold is not None:
            self.parameters.scoreThreshold = max(card.decision.score_threshold, LOWEST_SCORE)
        if card.decision.mask_threshold is not None:
            self.parameters.maskThreshold = min(max(card.decision.mask_threshold, 0.05), 0.95)

    def apply(self) -> None:
        if self.reason_not_to_show():
            return
        if not self._result.correction and _thresholds_differ(self._result, self.parameters):
            self._rethreshold.soon()
        wait = self.parameters.show3D and not has_surfaces(self._nodes.segmentation)
        with shown_errors(_("Can't show it."), wait_cursor=wait):
            self.logic.set_shown(self._nodes, self.parameters)

    def show_result(self) -> None:
        self._table.fill(() if self._result is None else LESIONS.rows("panel", self._result))
        self.show_remark()

    def set_shown_usable(self, reason: str) -> None:
        is_corrected = self._result is not None and self._result.correction is not None
        by_hand = _("Corrected by hand: go back to the network's own to change thresholds.")
        set_usable(self.ui.maskSlider, reason or (by_hand if is_corrected else ""))
        for widget in (
            self.ui.lesionsCheckBox,
            self.ui.lungsCheckBox,
            self.ui.surfacesCheckBox,
            self.ui.probabilityCheckBox,
            self.ui.zonesButton,
        ):
            set_usable(widget, reason)
        if not reason and self._result.rois is None:
            reason = (
                _("This model gives no regions with scores.")
                if self._result.options.planes == AXIAL_ONLY
                else _("Averaged over directions there are no regions with scores.")
            )
        set_usable(self.ui.scoreSlider, reason or (by_hand if is_corrected else ""))
        for widget in (
            self.ui.boxesCheckBox,
            self.ui.scoreMapCheckBox,
            self.ui.histogramButton,
            self.ui.scatterButton,
        ):
            set_usable(widget, reason)


class LesionSegmentationLogic(WorkerLogic):
    """CT nodes in; lesion results, nodes and files out. No widgets."""

    def __init__(self, worker: Any = None) -> None:
        """``worker``: see ``WorkerLogic``."""
        super().__init__(worker)
        self._map: Any = None  # the map that lies over the CT

    def getParameterNode(self) -> LesionSegmentationParameterNode:
        return LesionSegmentationParameterNode(super().getParameterNode())

    def start(self, volumeNode: Any, modelId: str, options: LesionOptions) -> Any:
        """Start segmenting in the worker process; returns the job.

        Raises InputError when the node holds nothing that can be segmented.
        """
        return self.submit(TASK, _volume(volumeNode), modelId, options)

    def segment(
        self,
        volumeNode: Any,
        modelId: str = "",
        options: LesionOptions | None = None,
        progress: ProgressCallback = ignore_progress,
        cancelled: CancelCallback = never_cancelled,
    ) -> LesionResult:
        """Segment in this process, for scripts: returns when done.

        ``modelId`` "" is the recommended model. Raises InputError, ModelError, CancelledError.
        """
        volume = _volume(volumeNode)
        model = ModelStore().load(modelId or None, task=TASK)
        return segment_lesions(volume, model, options or LesionOptions(), progress, cancelled)

    def rethreshold(
        self, result: LesionResult, scoreThreshold: float, maskThreshold: float
    ) -> LesionResult:
        """The same result under other thresholds, without running the model again."""
        return rethreshold(result, score_threshold=scoreThreshold, mask_threshold=maskThreshold)

    def shows(self, own: LesionResult, segmentationNodes: Sequence[Any]) -> bool:
        return shows_result(segmentationNodes[0], own)

    def measure_in_steps(
        self, own: LesionResult, segmentationNodes: Sequence[Any], nodes: Sequence[Any]
    ) -> Steps[LesionResult]:
        return (yield from lesions_by_hand_in_steps(self, own, segmentationNodes[0], nodes[0]))

    def forget_corrections(self, own: LesionResult, segmentationNodes: Sequence[Any]) -> None:
        forget_corrections(segmentationNodes[0], own)

    def export_for_training(self, result: LesionResult, folder: Path) -> None:
        """Write slices and masks in the layout that the trainers read. Raises OutputError."""
        write_training_pairs(result, folder)

    def show(self, result: LesionResult, volumeNode: Any) -> Any:
        """Show a result beside the CT it was computed from; returns the nodes."""
        return finish(self.show_in_steps(result, (volumeNode,)))

    def set_shown(self, nodes: Any, parameters: LesionSegmentationParameterNode) -> None:
        """Show and hide what the parameters say; ``nodes`` are what ``show`` returned.

        Nodes that the user has deleted are left out.
        """
        if is_present(nodes.segmentation):
            self._set_segments_shown(nodes.segmentation, parameters)
        for boxes in (nodes.boxes, nodes.box_scores):
            if is_present(boxes):
                display_of(boxes).SetVisibility(parameters.showBoxes)
        shown = nodes.probability if parameters.showProbability else None
        if parameters.showScoreMap and nodes.score_map is not None:
            shown = nodes.score_map
        # Otherwise every other change would take away a label map of the user's own.
        if shown is not self._map and (shown is None or is_present(shown)):
            show_map(shown)
            self._map = shown

    def _set_segments_shown(
        self, segmentation: Any, parameters: LesionSegmentationParameterNode
    ) -> None:
        display, segments = display_of(segmentation), segmentation.GetSegmentation()
        ids = [segments.GetNthSegmentID(index) for index in range(segments.GetNumberOfSegments())]
        for each in ids:
            if not each.endswith("zone"):
                visible = parameters.showLungs if each in LUNGS else parameters.showLesions
                display.SetSegmentVisibility(each, visible)
        if parameters.show3D:
            show_surfaces(segmentation)
        elif has_surfaces(segmentation):
            remove_surfaces(segmentation)

    def plot(self, chartNode: Any) -> None:
        """Show one of a result's plots. Raises InputError when the user has deleted it."""
        show_chart(chartNode)


class LesionSegmentationTest(ScriptedLoadableModuleTest):
    """A short run through the module inside Slicer; the project's Testing folder has the rest."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.test_a_synthetic_ct_is_segmented_and_shown()

    def test_a_synthetic_ct_is_segmented_and_shown(self) -> None:
        self.delayDisplay("Making a synthetic CT")
        node = make_sample()[0]
        logic = LesionSegmentationLogic()
        self.delayDisplay("Segmenting")
        result = logic.segment(node)
        nodes = logic.show(result, node)
        self.assertEqual(result.lesions.shape, slicer.util.arrayFromVolume(node).shape)
        self.assertGreater(nodes.segmentation.GetSegmentation().GetNumberOfSegments(), 2)
        self.delayDisplay("Done")


def _options(parameters: LesionSegmentationParameterNode) -> LesionOptions:
    return LesionOptions(
        score_threshold=parameters.scoreThreshold,
        mask_threshold=parameters.maskThreshold,
        device=parameters.device,
        planes=PLANES if parameters.threeDirections else AXIAL_ONLY,
    )


def _thresholds_differ(result: LesionResult, parameters: LesionSegmentationParameterNode) -> bool:
    used = result.options
    # Only regions have scores; without them the score threshold is nobody's.
    score = result.rois is not None and parameters.scoreThreshold != used.score_threshold
    return score or parameters.maskThreshold != used.mask_threshold


def _volume(node: Any) -> Any:
    if node is None:
        raise InputError(_("No CT is chosen: choose a chest CT first."))
    return scene.volume_from_node(node)
