"""Cataract Map: anterior-segment OCT in; where and how much of each lens is opaque out."""

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
from medai.images.oct_scans import EyeScans, read_eyes
from medai.inference.cataract.given_masks import corrected_in_steps
from medai.inference.cataract.result import (
    CataractOptions,
    CataractResult,
    rejudge,
    threshold_of,
)
from medai.inference.cataract.tables import EYES, SCANS
from medai.measures.cataract import PAPER_THRESHOLD
from medai.models import ModelCard, ModelStore
from medai.progress import ProgressCallback, ignore_progress
from medai.scene.crop_editor import CropEditor
from medai.scene.drawn_eyes import drawn_eyes_in_steps, shows_eyes
from medai.scene.eye_views import draw_eyes, go_to_scan, show_eyes
from medai.scene.oct_scans import scans_from_node, show_scans
from medai.scene.presence import is_present
from medai.scene.segments import forget_labels
from medai.scene.steps import Steps, finish
from medai_panels.charts import show_chart
from medai_panels.file_drop import FileDrop
from medai_panels.findings_table import FindingsTable, panel_columns
from medai_panels.later import Later
from medai_panels.module_description import help_with_page, with_publications
from medai_panels.network_panel import NetworkPanel
from medai_panels.sample_data import register_sample
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from medai_panels.worker_logic import WorkerLogic

TASK = "cataract"
SAMPLE_NAME = "Synthetic lens OCT"


class CataractMap(ScriptedLoadableModule):
    """What Slicer's module menu says."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cataract Map")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "MedAI")]
        self.parent.dependencies = ["Segmentations", "Tables", "Plots", "Markups"]
        self.parent.contributors = ["MedAI maintainers"]
        self.parent.helpText = help_with_page(
            _(
                "Shows where the lens is opaque on anterior-segment OCT scans, and which fraction "
                "of it, for both eyes. Load scans, press Run. Research use only."
            ),
            "cataract.md",
        )
        self.parent.acknowledgementText = with_publications(
            _(
                "The measure follows Zéboulon et al., pixel-wise detection of cataract on "
                "swept-source OCT."
            ),
            ("10.1016/j.optom.2022.08.003",),
        )
        register_sample(SAMPLE_NAME, make_sample, self.resourcePath("Icons/CataractMap.png"))


def make_sample(*args: Any) -> list[Any]:
    """Make synthetic scans of a right eye with cataract and a clear left one; show them."""
    from medai.images.oct_scans import eye_from_volume
    from medai.phantoms.lens_oct import lens_oct
    from medai.phantoms.lens_opacities import Opacity

    shape = (912, 1075)
    opacities = (
        Opacity("nuclear", density=0.6, radius_mm=2.4),
        Opacity("cortical", density=0.8, radius_mm=0.9, distance_mm=1.5, azimuth_deg=20),
    )
    right = lens_oct(shape, opacities=opacities, seed=12)
    left = lens_oct(shape, seed=13)
    return [
        show_scans(eye_from_volume(right.volume, "right", "Right eye")),
        show_scans(eye_from_volume(left.volume, "left", "Left eye")),
    ]


@parameterNodeWrapper
class CataractMapParameterNode:
    """What the panel remembers, and what is saved with a scene.

    modelId: "" until a model was taken. axialUm, transverseUm: 0 where the pixel size is not known.
    """

    rightScans: vtkMRMLScalarVolumeNode
    leftScans: vtkMRMLScalarVolumeNode
    axialUm: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    transverseUm: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    modelId: str = ""
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    flipAverage: bool = False
    threshold: Annotated[float, WithinRange(0.0, 1.0)] = PAPER_THRESHOLD
    overlayOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6
    showCrop: bool = True
    showOverlay: bool = True
    showLens: bool = True
    showCataract: bool = False


class CataractMapWidget(NetworkPanel):
    """The panel: collects choices, starts the logic, shows what it answers."""

    def make_logic(self) -> CataractMapLogic:
        return CataractMapLogic()

    def build(self) -> None:
        self._eyes: tuple[Any, ...] = ()  # the volume nodes in the views
        self._crops: tuple[CropEditor, ...] = ()
        self._chosen_eye = 0
        ui = self.ui
        ui.scansPathLineEdit.setProperty("filters", _folders())
        ui.scansPathLineEdit.setProperty("settingKey", "MedAI/Scans")
        self.fill_sections(
            TASK,
            ModelStore(),
            run_tooltip=_("Look for cataract in the scans. Slicer stays usable meanwhile."),
            export_name="cataract",
            export_contents=_("overlays at full size, tables, JSON and report"),
            sentence_label=ui.sentenceLabel,
            no_result=_("No result yet: drop scans here or load a folder, then press Run."),
        )
        self._eyes_table = FindingsTable(
            ui.eyesTable,
            panel_columns(EYES),
            self._on_eye,
        )
        self._scans_table = FindingsTable(
            ui.scansTable,
            panel_columns(SCANS),
            self._on_scan,
        )
        # While a slider is dragged, only its latest place counts.
        self._rejudge = Later(self._on_rejudge)
        self._drop = FileDrop()
        self._drop.watch(self.parent, self._on_drop)
        self._parts += [self._eyes_table, self._scans_table, self._rejudge, self._drop]
        self.connections.add(ui.loadButton.clicked, self.onLoad)
        self.connections.add(ui.sampleButton.clicked, self.onSample)
        self.connections.add(ui.proposeButton.clicked, self.onPropose)
        self.connections.add(ui.depthButton.clicked, self.onDepthPlot)
        self.show_result()

    def exit(self) -> None:
        super().exit()
        # In another module's views the boxes would be nobody's.
        for crop in self._crops:
            crop.set_visible(False)

    def let_go(self) -> None:
        self._rejudge.cancel()
        self._close_crops()
        self._eyes = ()

    def inputs(self) -> tuple[Any, ...]:
        return (self.parameters.rightScans, self.parameters.leftScans)

    def result_controls(self) -> tuple[Any, ...]:
        return (self.ui.sentenceLabel, self.ui.eyesTable, self.ui.scansTable)

    def no_input(self) -> str:
        return "" if self._eyes else _("Load scans of an eye first.")

    def input_controls(self) -> tuple[Any, ...]:
        ui = self.ui
        return (
            ui.scansPathLineEdit,
            ui.axialSlider,
            ui.transverseSlider,
            ui.loadButton,
            ui.sampleButton,
            ui.rightSelector,
            ui.leftSelector,
            ui.flipCheckBox,
            ui.deviceSelector,
        )

    def drawn_nodes(self) -> tuple[Any, ...]:
        return tuple(eye.segmentation for eye in self._nodes)

    def apply(self) -> None:
        self._take_eyes()
        self._draw()

    # What the user does.

    def onLoad(self, *args: Any) -> None:
        with shown_errors(_("The scans can't be loaded."), wait_cursor=True):
            path = self.ui.scansPathLineEdit.property("currentPath")
            if not path:
                raise InputError(_("No folder is chosen: pick the folder with the scans first."))
            self._load([Path(path)])
            self.ui.scansPathLineEdit.addCurrentPathToHistory()

    def _on_drop(self, paths: Sequence[Path]) -> None:
        with shown_errors(_("The scans can't be loaded."), wait_cursor=True):
            self._load(paths)

    def onSample(self, *args: Any) -> None:
        with shown_errors(_("Synthetic scans can't be made."), wait_cursor=True):
            right, left = make_sample()
            self._take_nodes({"right": right, "left": left})

    def onPropose(self, *args: Any) -> None:
        with shown_errors(_("The lens can't be found.")):
            for crop in self._crops:
                crop.propose()

    def onDepthPlot(self, *args: Any) -> None:
        with shown_errors(_("The plot can't be shown.")):
            show_chart(self._nodes[self._chosen_eye].depth_plot)

    def _on_eye(self, row: int) -> None:
        with shown_errors(_("Can't go to the scan.")):
            self._chosen_eye = row
            go_to_scan(self._source.nodes, row, 0)

    def _on_scan(self, row: int) -> None:
        with shown_errors(_("Can't go to the scan.")):
            places = [
                (eye, scan)
                for eye, found in enumerate(self._result.eyes)
                for scan in range(len(found.measures))
            ]
            self._chosen_eye, scan = places[row]
            go_to_scan(self._source.nodes, self._chosen_eye, scan)

    # A run, and the threshold after it.

    def start_job(self) -> Any:
        chosen = self.parameters
        return self.logic.start(
            chosen.rightScans, chosen.leftScans, chosen.modelId, _options(chosen)
        )

    def _on_rejudge(self) -> None:
        with shown_errors(_("The threshold can't be applied.")):
            if self.parameters is not None and self._result is not None:
                self._result = rejudge(self._result, self.parameters.threshold)
                self.show_result()

    # What the panel and the views show.

    def _load(self, paths: Sequence[Path]) -> None:
        chosen = self.parameters
        self._take_nodes(self.logic.load(paths, chosen.axialUm, chosen.transverseUm))

    def _take_nodes(self, nodes: dict[str, Any]) -> None:
        self.parameters.rightScans = nodes.get("right")
        self.parameters.leftScans = nodes.get("left")

    def model_taken(self, card: ModelCard | None) -> None:
        if card is not None and card.decision.threshold is not None:
            self.parameters.threshold = card.decision.threshold

    def _take_eyes(self) -> None:
        """Put the chosen eyes into the views, each with its crop box, when they changed."""
        chosen = (self.parameters.rightScans, self.parameters.leftScans)
        eyes = tuple(node for node in chosen if node is not None)
        if eyes == self._eyes:
            return
        self._close_crops()
        self._eyes = eyes
        with shown_errors(_("The scans can't be shown."), wait_cursor=True):
            if eyes:
                views = show_eyes(eyes)
                self._crops = tuple(
                    CropEditor(node, view) for node, view in zip(eyes, views, strict=True)
                )

    def _close_crops(self) -> None:
        for crop in self._crops:
            crop.close()
        self._crops = ()

    def _draw(self) -> None:
        chosen = self.parameters
        for crop in self._crops:
            crop.set_visible(chosen.showCrop)
        if self.reason_not_to_show():
            return
        if chosen.threshold != threshold_of(self._result.card, self._result.options):
            self._rejudge.soon()
        with shown_errors(_("Can't show it.")):
            draw_eyes(
                self._nodes,
                overlay=chosen.showOverlay,
                opacity=chosen.overlayOpacity,
                lens=chosen.showLens,
                cataract=chosen.showCataract,
            )

    def show_result(self) -> None:
        result = self._result
        self._chosen_eye = min(self._chosen_eye, 0 if result is None else len(result.eyes) - 1)
        self._eyes_table.fill(() if result is None else EYES.rows("panel", result))
        self._scans_table.fill(() if result is None else SCANS.rows("panel", result))
        self.show_remark()

    def set_shown_usable(self, reason: str) -> None:
        ui, busy = self.ui, self.busy()
        self._drop.set_usable(busy)
        for widget in (ui.cropCheckBox, ui.proposeButton):
            set_usable(widget, busy or self.no_input())
        for widget in (
            ui.thresholdSlider,
            ui.opacitySlider,
            ui.overlayCheckBox,
            ui.lensCheckBox,
            ui.cataractCheckBox,
            ui.depthButton,
        ):
            set_usable(widget, reason)


class CataractMapLogic(WorkerLogic):
    """Scans in; maps, nodes and files out. No widgets."""

    def getParameterNode(self) -> CataractMapParameterNode:
        return CataractMapParameterNode(super().getParameterNode())

    def load(
        self, paths: Sequence[Path], axialUm: float = 0.0, transverseUm: float = 0.0
    ) -> dict[str, Any]:
        """Read the scans of one person: volume nodes by eye, "right" and "left".

        paths: files and folders, see ``medai.images.oct_scans.read_eyes``.
        axialUm, transverseUm: pixel size in micrometers, 0 where it is not known. Raises
        InputError for several people, for unknown eyes, and for pictures that are no scans.
        """
        if bool(axialUm) != bool(transverseUm):
            raise InputError(_("One side of the pixels has no size: give both, or neither."))
        spacing = (axialUm, transverseUm) if axialUm else None
        eyes = read_eyes(paths, spacing_um=spacing)
        sides = [eye.eye for eye in eyes]
        if len(set(sides)) < len(sides):
            raise InputError(
                _("The scans are of several people ({labels}): choose the folder of one.").format(
                    labels=", ".join(eye.label for eye in eyes)
                )
            )
        return {eye.eye or "right": show_scans(eye) for eye in eyes}

    def start(self, rightNode: Any, leftNode: Any, modelId: str, options: CataractOptions) -> Any:
        """Start mapping in the worker process; returns the job.

        Raises InputError when a node holds no scans.
        """
        return self.submit(TASK, _scans(rightNode, leftNode), modelId, options)

    def map(
        self,
        rightNode: Any,
        leftNode: Any,
        modelId: str = "",
        options: CataractOptions | None = None,
        progress: ProgressCallback = ignore_progress,
        cancelled: CancelCallback = never_cancelled,
    ) -> CataractResult:
        """Map in this process, for scripts: returns when done.

        ``modelId`` "" is the recommended model. Raises InputError, ModelError, CancelledError.
        """
        from medai.inference.cataract.mapping import map_cataract

        model = ModelStore().load(modelId or None, task=TASK)
        scans = _scans(rightNode, leftNode)
        return map_cataract(scans, model, options, progress, cancelled)

    def show(self, result: CataractResult, volumeNodes: Sequence[Any]) -> Any:
        """Show a result beside the scans it was computed from; returns the nodes of each eye."""
        return finish(self.show_in_steps(result, volumeNodes))

    def shows(self, own: CataractResult, segmentationNodes: Sequence[Any]) -> bool:
        return shows_eyes(segmentationNodes, own)

    def measure_in_steps(
        self, own: CataractResult, segmentationNodes: Sequence[Any], nodes: Sequence[Any]
    ) -> Steps[CataractResult]:
        masks = yield from drawn_eyes_in_steps(segmentationNodes, nodes)
        return (yield from corrected_in_steps(own, masks))

    def forget_corrections(self, own: CataractResult, segmentationNodes: Sequence[Any]) -> None:
        for node in segmentationNodes:
            if is_present(node):
                forget_labels(node)

    def show_in_steps(self, result: Any, nodes: Sequence[Any]) -> Steps[Any]:
        self.require_present(nodes)
        return (yield from scene.show_in_steps(result, tuple(nodes)))


class CataractMapTest(ScriptedLoadableModuleTest):
    """A short run through the module inside Slicer; the project's Testing folder has the rest."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.test_synthetic_scans_are_mapped_and_shown()

    def test_synthetic_scans_are_mapped_and_shown(self) -> None:
        self.delayDisplay("Making synthetic scans")
        nodes = make_sample()
        logic = CataractMapLogic()
        self.delayDisplay("Mapping")
        result = logic.map(*nodes)
        shown = logic.show(result, nodes)
        self.assertEqual(len(shown), 2)
        fractions = [eye.summary.cataract_fraction for eye in result.eyes]
        self.assertGreater(fractions[0], fractions[1])
        self.delayDisplay("Done")


def _options(parameters: CataractMapParameterNode) -> CataractOptions:
    return CataractOptions(
        flip_average=parameters.flipAverage,
        threshold=parameters.threshold,
        device=parameters.device,
    )


def _scans(rightNode: Any, leftNode: Any) -> tuple[EyeScans, ...]:
    eyes = [
        scans_from_node(node, side)
        for side, node in (("right", rightNode), ("left", leftNode))
        if node is not None
    ]
    if not eyes:
        raise InputError(_("No scans are chosen: load scans of an eye first."))
    return tuple(eyes)


def _folders() -> int:
    import ctk

    return int(ctk.ctkPathLineEdit.Dirs)
