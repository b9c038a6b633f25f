"""Chest X-ray: a frontal radiograph in; lungs, opacities, six zones and their scores out."""

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
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
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
from medai.images.radiograph import checked_radiograph, read_radiographs
from medai.inference.xray.given_masks import corrected
from medai.inference.xray.result import XrayOptions, XrayResult, with_reader
from medai.inference.xray.tables import ZONE_ROWS
from medai.measures.zone_scores import parse_reader
from medai.models import ModelStore
from medai.progress import ProgressCallback, ignore_progress
from medai.scene.color_maps import show_map
from medai.scene.eye_views import show_eyes
from medai.scene.presence import display_of, is_present
from medai.scene.segments import forget_labels
from medai.scene.steps import Steps
from medai.scene.xray import (
    LUNG_NAMES,
    OPACITY_NAMES,
    ZONE_NAMES,
    drawn_film,
    shows_film,
)
from medai_panels.file_drop import FileDrop
from medai_panels.findings_table import FindingsTable, panel_columns
from medai_panels.module_description import help_with_page
from medai_panels.network_panel import NetworkPanel
from medai_panels.sample_data import register_sample
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from medai_panels.worker_logic import WorkerLogic

TASK = "xray"
SAMPLE_NAME = "Synthetic chest X-ray"


class ChestXray(ScriptedLoadableModule):
    """What Slicer's module menu says."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Chest X-ray")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "MedAI")]
        self.parent.dependencies = ["Segmentations", "Tables"]
        self.parent.contributors = ["MedAI maintainers"]
        self.parent.helpText = help_with_page(
            _(
                "Finds both lungs and opacities in a frontal chest X-ray, and scores six zones "
                "from 0 to 18. Load an X-ray, press Run. Research use only."
            ),
            "chest-xray.md",
        )
        self.parent.acknowledgementText = _(
            "The six zones follow Borghesi and Maroldi, the Brixia score of COVID-19."
        )
        register_sample(SAMPLE_NAME, make_sample, self.resourcePath("Icons/ChestXray.png"))


def make_sample(*args: Any) -> list[Any]:
    """Make a synthetic chest X-ray with opacities on this computer and show it."""
    from medai.phantoms.chest_radiograph import ill_chest, project_chest

    return [scene.show_volume(project_chest(ill_chest()).volume)]


@parameterNodeWrapper
class ChestXrayParameterNode:
    """What the panel remembers, and what is saved with a scene.

    modelId: "" until a model was taken.
    """

    film: vtkMRMLScalarVolumeNode
    modelId: str = ""
    device: Annotated[str, Choice(["auto", "cuda", "cpu"])] = "auto"
    showLungs: bool = True
    showOpacities: bool = True
    showZones: bool = True
    showProbability: bool = False


class ChestXrayWidget(NetworkPanel):
    """The panel: collects choices, starts the logic, shows what it answers."""

    def make_logic(self) -> ChestXrayLogic:
        return ChestXrayLogic()

    def build(self) -> None:
        self._shown_film: Any = None
        ui = self.ui
        ui.filePathLineEdit.setProperty("settingKey", "MedAI/ChestXray")
        self.fill_sections(
            TASK,
            ModelStore(),
            run_tooltip=_("Look for lungs and opacities. Slicer stays usable meanwhile."),
            export_name="xray",
            export_contents=_("segmentation, tables, JSON and report"),
            sentence_label=ui.sentenceLabel,
            no_result=_("No result yet: load a chest X-ray, then press Run."),
        )
        self._table = FindingsTable(ui.zonesTable, panel_columns(ZONE_ROWS), self._on_zone)
        self._drop = FileDrop()
        self._drop.watch(self.parent, self._on_drop)
        self._parts += [self._table, self._drop]
        self.connections.add(ui.loadButton.clicked, self.onLoad)
        self.connections.add(ui.sampleButton.clicked, self.onSample)
        self.connections.add(ui.readerLineEdit.editingFinished, self.onReader)
        self.show_result()

    def let_go(self) -> None:
        self._shown_film = None

    def inputs(self) -> tuple[Any, ...]:
        return (self.parameters.film,)

    def result_controls(self) -> tuple[Any, ...]:
        return (self.ui.sentenceLabel, self.ui.zonesTable)

    def no_input(self) -> str:
        has_film = self.parameters is not None and self.parameters.film is not None
        return "" if has_film else _("Load a chest X-ray first.")

    def input_controls(self) -> tuple[Any, ...]:
        ui = self.ui
        return (
            ui.filePathLineEdit,
            ui.loadButton,
            ui.sampleButton,
            ui.filmSelector,
            ui.deviceSelector,
        )

    def drawn_nodes(self) -> tuple[Any, ...]:
        return tuple(film.segmentation for film in self._nodes)

    def apply(self) -> None:
        self._take_film()
        if self.reason_not_to_show():
            return
        with shown_errors(_("Can't show it.")):
            self.logic.set_shown(self._nodes[0], self.parameters)

    # What the user does.

    def onLoad(self, *args: Any) -> None:
        with shown_errors(_("The X-ray can't be loaded."), wait_cursor=True):
            path = self.ui.filePathLineEdit.property("currentPath")
            if not path:
                raise InputError(_("No file is chosen: pick a chest X-ray first."))
            self.parameters.film = self.logic.load([Path(path)])
            self.ui.filePathLineEdit.addCurrentPathToHistory()

    def _on_drop(self, paths: Sequence[Path]) -> None:
        with shown_errors(_("The X-ray can't be loaded."), wait_cursor=True):
            self.parameters.film = self.logic.load(paths)

    def onSample(self, *args: Any) -> None:
        with shown_errors(_("The synthetic X-ray can't be made."), wait_cursor=True):
            self.parameters.film = make_sample()[0]

    def onReader(self, *args: Any) -> None:
        with shown_errors(_("Your score can't be used.")):
            if self._result is None:
                return
            text = self.ui.readerLineEdit.property("text").strip()
            self._result = with_reader(self._result, parse_reader(text) if text else None)
            self.show_result()

    def _on_zone(self, row: int) -> None:
        """A click on a row shows nothing more: all zones are in view."""

    # A run.

    def start_job(self) -> Any:
        chosen = self.parameters
        return self.logic.start(chosen.film, chosen.modelId, XrayOptions(chosen.device))

    # What the panel and the views show.

    def _take_film(self) -> None:
        """Put the chosen film into the view, when it changed."""
        film = self.parameters.film
        if film is self._shown_film:
            return
        self._shown_film = film
        with shown_errors(_("The X-ray can't be shown.")):
            if film is not None:
                show_eyes((film,))

    def show_result(self) -> None:
        self._table.fill(() if self._result is None else ZONE_ROWS.rows("panel", self._result))
        self.show_remark()

    def set_shown_usable(self, reason: str) -> None:
        ui = self.ui
        self._drop.set_usable(self.busy())
        for widget in (
            ui.readerLineEdit,
            ui.lungsCheckBox,
            ui.opacitiesCheckBox,
            ui.zonesCheckBox,
            ui.probabilityCheckBox,
        ):
            set_usable(widget, reason)


class ChestXrayLogic(WorkerLogic):
    """A film in; lungs, opacities, zones and files out. No widgets."""

    def __init__(self, worker: Any = None) -> None:
        """``worker``: see ``WorkerLogic``."""
        super().__init__(worker)
        self._map: Any = None  # the map that lies over the film

    def getParameterNode(self) -> ChestXrayParameterNode:
        return ChestXrayParameterNode(super().getParameterNode())

    def load(self, paths: Sequence[Path]) -> Any:
        """Read one radiograph and show it; returns its volume node.

        Raises InputError and its kinds for several files, and for what is no frontal chest X-ray.
        """
        if len(paths) != 1:
            raise InputError(
                _("{count} files were given: choose one chest X-ray.").format(count=len(paths))
            )
        (film,) = read_radiographs(paths)
        return scene.show_volume(film)

    def start(self, filmNode: Any, modelId: str, options: XrayOptions) -> Any:
        """Start looking at the film in the worker process; returns the job.

        Raises InputError when the node holds no film.
        """
        return self.submit(TASK, (_film(filmNode),), modelId, options)

    def assess(
        self,
        filmNode: Any,
        modelId: str = "",
        options: XrayOptions | None = None,
        progress: ProgressCallback = ignore_progress,
        cancelled: CancelCallback = never_cancelled,
    ) -> XrayResult:
        """Look at the film in this process, for scripts: returns when done.

        ``modelId`` "" is the recommended model. Raises InputError, ModelError, CancelledError.
        """
        from medai.inference.xray.assessment import assess_radiographs

        model = ModelStore().load(modelId or None, task=TASK)
        return assess_radiographs((_film(filmNode),), model, options, progress, cancelled)

    def shows(self, own: XrayResult, segmentationNodes: Sequence[Any]) -> bool:
        return all(
            shows_film(node, film) for node, film in zip(segmentationNodes, own.films, strict=True)
        )

    def measure_in_steps(
        self, own: XrayResult, segmentationNodes: Sequence[Any], nodes: Sequence[Any]
    ) -> Steps[XrayResult]:
        lungs, opacities = drawn_film(segmentationNodes[0], nodes[0])
        yield
        return corrected(own, lungs, opacities)

    def forget_corrections(self, own: XrayResult, segmentationNodes: Sequence[Any]) -> None:
        for node in segmentationNodes:
            if is_present(node):
                forget_labels(node)

    def show_in_steps(self, result: Any, nodes: Sequence[Any]) -> Steps[Any]:
        self.require_present(nodes)
        return (yield from scene.show_in_steps(result, tuple(nodes)))

    def set_shown(self, nodes: Any, parameters: ChestXrayParameterNode) -> None:
        """Show and hide what the parameters say; ``nodes`` are what showing the film returned.

        Nodes that the user has deleted are left out.
        """
        if is_present(nodes.segmentation):
            display = display_of(nodes.segmentation)
            for names, visible in (
                (LUNG_NAMES, parameters.showLungs),
                (OPACITY_NAMES, parameters.showOpacities),
                (ZONE_NAMES, parameters.showZones),
            ):
                for name in names:
                    display.SetSegmentVisibility(name, visible)
        shown = nodes.probability if parameters.showProbability else None
        # Otherwise every other change would take away a label map of the user's own.
        if shown is not self._map and (shown is None or is_present(shown)):
            show_map(shown)
            self._map = shown


class ChestXrayTest(ScriptedLoadableModuleTest):
    """A short run through the module inside Slicer; the project's Testing folder has the rest."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.test_a_synthetic_film_is_assessed_and_shown()

    def test_a_synthetic_film_is_assessed_and_shown(self) -> None:
        self.delayDisplay("Making a synthetic X-ray")
        node = make_sample()[0]
        logic = ChestXrayLogic()
        self.delayDisplay("Looking at it")
        result = logic.assess(node)
        nodes = scene.show(result, node)
        self.assertEqual(nodes[0].segmentation.GetSegmentation().GetNumberOfSegments(), 10)
        self.assertGreater(result.films[0].measure.opacity_percent, 0)
        self.delayDisplay("Done")


def _film(node: Any) -> Any:
    if node is None:
        raise InputError(_("No X-ray is chosen: load a chest X-ray first."))
    return checked_radiograph(scene.volume_from_node(node))
