"""Rater Agreement: annotate blind, then measure how well raters and models agree."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import ctk
import qt
import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

# In a checkout used in place, the packages lie one folder up; installed, they lie beside this file.
if find_spec("medai") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))
if find_spec("RaterAgreementLib") is None:
    sys.path.append(str(Path(__file__).resolve().parent))

from RaterAgreementLib.agreement_view import (
    AgreementView,
    Work,
    export,
    quick_measures,
    scene_work,
    study_work,
)
from RaterAgreementLib.analyse_side import AnalyseSide
from RaterAgreementLib.annotate_side import AnnotateSide
from RaterAgreementLib.live_readout import LiveReadout
from RaterAgreementLib.new_study import NewStudyForm
from RaterAgreementLib.score_side import ScoreSide
from RaterAgreementLib.segmentation_choice import SegmentationChoice
from RaterAgreementLib.shown_image import NO_CONSENSUS, ShownImage

from medai.agreement import ImageRatings
from medai.errors import StudyError
from medai.scene.agreement import (
    CONSENSUS_METHODS,
    CohortNodes,
    show_cohort,
)
from medai.studies import (
    CaseView,
    Study,
    StudyPlan,
    add_predictions,
    create_study,
    images_with_text,
    key_path,
    open_case,
    open_study,
    phantom_study,
    predicting_models,
    require_writable,
    training_feedback,
)
from medai_panels.module_description import help_with_page, with_publications
from medai_panels.panel_widget import PanelWidget
from medai_panels.result_source import ResultSource
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable

STUDY, SCENE, SCORES = "Study folder", "Segmentations in the scene", "Table of scores"

_IMAGE_TYPES = ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")


class RaterAgreement(ScriptedLoadableModule):
    """What Slicer's module menu says."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Rater Agreement")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "MedAI")]
        self.parent.dependencies = ["SegmentEditor", "Segmentations", "Tables", "Plots"]
        self.parent.contributors = ["MedAI maintainers"]
        self.parent.helpText = help_with_page(
            _(
                "Several raters outline the same images, blind to each other; then the module says "
                "how well they agree, with each other, with themselves and with a model. Research "
                "use only."
            ),
            "rater-agreement.md",
        )
        self.parent.acknowledgementText = with_publications(
            _("The measures follow Hurault et al., inter-rater reliability of delineation."),
            ("10.1016/j.xjidi.2022.100133",),
        )


@parameterNodeWrapper
class RaterAgreementParameterNode:
    """What the panel remembers, and what is saved with a scene."""

    source: Annotated[str, Choice([STUDY, SCENE, SCORES])] = STUDY
    referenceVolume: vtkMRMLScalarVolumeNode
    region: vtkMRMLSegmentationNode
    leaveOneOut: bool = True
    showOutlines: bool = True
    showDisagreement: bool = True
    consensus: Annotated[str, Choice([NO_CONSENSUS, *CONSENSUS_METHODS])] = NO_CONSENSUS
    targetReliability: Annotated[float, WithinRange(0.5, 0.99)] = 0.9
    followEdits: bool = False


class RaterAgreementWidget(PanelWidget):
    """The panel: a study or the scene's segmentations, an annotator's side and an owner's side."""

    def make_logic(self) -> RaterAgreementLogic:
        return RaterAgreementLogic()

    def build(self) -> None:
        self._study: Study | None = None
        self._models: tuple[str, ...] = ()
        self._role = 0  # row of the role box: 0 nobody, then the raters, then the owner
        self._followed: Any = None
        self._form = NewStudyForm(self.ui)
        self._annotate = AnnotateSide(self.ui, self.logic, self.parent, self._shown_rater)
        self._analyse = AnalyseSide(
            self.ui, self.logic, self._work, self._chosen_source, self._update_usable
        )
        self._scores = ScoreSide(self.ui, self._update_usable)
        self._live = LiveReadout(self.ui.liveLabel)
        self._was_in_scene = False
        self._choice = SegmentationChoice(self.ui.segmentationList, self._choice_changed)
        self.connections.add(self.ui.openButton.clicked, self.onOpen)
        self.connections.add(self.ui.newStudyButton.toggled, self.onNewStudy)
        self.connections.add(self.ui.createButton.clicked, self.onCreate)
        self.connections.add(self.ui.sampleButton.clicked, self.onSample)
        self.connections.add(self.ui.addModelButton.clicked, self.onAddModel)
        self.connections.add(self.ui.roleComboBox.currentIndexChanged, self.onRole)
        self.ui.newStudyBox.setVisible(False)
        for line in (
            self.ui.studyPathLineEdit,
            self.ui.imagesPathLineEdit,
            self.ui.regionsPathLineEdit,
            self.ui.referencesPathLineEdit,
            self.ui.modelPathLineEdit,
        ):
            line.setProperty("filters", int(ctk.ctkPathLineEdit.Dirs))
        self._show_study()

    def cleanup(self) -> None:
        super().cleanup()
        for part in (self._annotate, self._analyse, self._scores, self._live, self._choice):
            part.close()

    def enter(self) -> None:
        super().enter()
        self._annotate.activate()

    def exit(self) -> None:
        self._annotate.deactivate()
        super().exit()

    def abandon(self) -> None:
        self._annotate.abandon()
        self._analyse.abandon()
        self._scores.abandon()
        self._live.stop()
        self._followed = None

    def suggest_input(self) -> None:
        self._suggest_volume()

    def _offer_photographs(self) -> None:
        # Connecting the parameters leaves their own type alone; a photograph is a vector volume.
        selector = self.ui.referenceVolumeSelector
        if tuple(selector.property("nodeTypes") or ()) != _IMAGE_TYPES:
            selector.setProperty("nodeTypes", list(_IMAGE_TYPES))

    def parameters_changed(self) -> None:
        self._offer_photographs()
        in_scene = self.parameters is not None and self._in_scene()
        if in_scene and not self._was_in_scene:
            self._was_in_scene = True
            self._suggest_volume()
        self._was_in_scene = in_scene
        if self.parameters is not None:
            # A case that isn't on the screen is left alone.
            if self.parameters.source != STUDY:
                self._annotate.deactivate()
            else:
                self._annotate.activate()
        self._analyse.follow(self.parameters)
        self._follow_edits()
        self._update_usable()

    # What the user does.

    def onOpen(self, *args: Any) -> None:
        with shown_errors(_("The study can't be opened."), wait_cursor=True):
            self._open(open_study(self._study_folder()))

    def onNewStudy(self, *args: Any) -> None:
        self.ui.newStudyBox.setVisible(self.ui.newStudyButton.isChecked())

    def onCreate(self, *args: Any) -> None:
        with shown_errors(_("The study can't be made."), wait_cursor=True):
            folder = self._study_folder()
            plan = self._form.plan(folder)
            study = self.logic.create(folder, plan)
            self.ui.newStudyButton.setChecked(False)
            self._open(study)
            self._tell_of_new_study(study, key_path(plan, study.protocol.id))

    def _tell_of_new_study(self, study: Study, key: Path) -> None:
        text = _(
            "The images have neutral names. Which is which only this file tells; keep it from the "
            "raters:\n{key}"
        ).format(key=key)
        with_text = images_with_text(study)
        if with_text:
            text += "\n\n" + _(
                "These seem to have text burnt into their borders; look whose name it is: {images}"
            ).format(images=", ".join(with_text))
        slicer.util.infoDisplay(text)

    def onSample(self, *args: Any) -> None:
        with shown_errors(_("The synthetic study can't be made."), wait_cursor=True):
            self._open(phantom_study(self._study_folder()))

    def onRole(self, *args: Any) -> None:
        with shown_errors(_("You can't begin."), wait_cursor=True):
            role = self.ui.roleComboBox.property("currentIndex")
            if self._study is None or role == self._role:
                return
            try:
                self._take_role(self._study, role)
            finally:
                # Whatever went wrong: the box says whose work the panel holds.
                self.ui.roleComboBox.setCurrentIndex(self._role)
                self._update_usable()

    def _take_role(self, study: Study, role: int) -> None:
        if not self._may_leave_case() or (self._is_owner(role) and not self._may_analyse()):
            return
        self._annotate.leave()
        self._analyse.abandon()
        self._role = 0
        rater = self._rater_of(role)
        if not rater:
            self._role = role
            return
        try:
            self._annotate.begin(study, rater)
        finally:
            if self._annotate.serves(rater):
                self._role = role

    def _shown_rater(self) -> str:
        return self._rater_of(self.ui.roleComboBox.property("currentIndex"))

    def _rater_of(self, role: int) -> str:
        """The rater of a row of the role box; "" for nobody and the study's owner."""
        raters = () if self._study is None else self._study.protocol.raters
        return raters[role - 1] if 0 < role <= len(raters) else ""

    def onAddModel(self, *args: Any) -> None:
        with shown_errors(_("The model's masks can't be added."), wait_cursor=True):
            text = self.ui.modelPathLineEdit.property("currentPath")
            if not text:
                raise StudyError(_("No folder of masks is chosen: pick one first."))
            self.logic.add_model(self._study, Path(text))
            self._show_models()

    # The study.

    def _study_folder(self) -> Path:
        text = self.ui.studyPathLineEdit.property("currentPath")
        if not text:
            raise StudyError(_("No study folder is chosen: pick one first."))
        return Path(text)

    def _open(self, study: Study) -> None:
        if not self._may_leave_case():
            return
        self._annotate.leave()
        self._analyse.abandon()
        self._study = study
        self._show_study()

    def _may_leave_case(self) -> bool:
        return not self._annotate.is_unsaved or slicer.util.confirmOkCancelDisplay(
            _("The outline on the screen isn't submitted. It will be kept as a draft. Leave it?")
        )

    def _may_analyse(self) -> bool:
        if self._role < 1:
            return True
        return slicer.util.confirmOkCancelDisplay(
            _("The analysis shows everybody's outlines, which raters must not see. Go on?")
        )

    def _is_owner(self, role: int) -> bool:
        return self._study is not None and role == len(self._study.protocol.raters) + 1

    def _show_study(self) -> None:
        combo = self.ui.roleComboBox
        self._role = 0
        combo.blockSignals(True)
        combo.clear()
        combo.addItem(_("Who are you?"))
        text = _("No study is open.")
        labels: list[str] = []
        if self._study is not None:
            protocol = self._study.protocol
            for rater in protocol.raters:
                combo.addItem(_("{rater}: I outline").format(rater=rater))
            combo.addItem(_("I own the study: analyze"))
            text = _("{title}: {images} images. {instructions}").format(
                title=protocol.title,
                images=len(protocol.images),
                instructions=protocol.instructions,
            )
            labels = [label.name for label in protocol.labels]
        combo.blockSignals(False)
        self.ui.studyLabel.setText(text)
        self.ui.labelComboBox.clear()
        self.ui.labelComboBox.addItems(labels)
        self._show_models()
        self._update_usable()

    def _show_models(self) -> None:
        self._models = () if self._study is None else predicting_models(self._study)
        self.ui.modelList.clear()
        self.ui.modelList.setVisible(bool(self._models))
        self.ui.modelListLabel.setVisible(bool(self._models))
        for model in self._models:
            item = qt.QListWidgetItem(model)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
            item.setCheckState(qt.Qt.Unchecked)
            self.ui.modelList.addItem(item)

    # The analysis.

    def _work(self) -> Any:
        if self.parameters.source == SCENE:
            return self.logic.scene_work(
                self._choice.nodes,
                self.parameters.referenceVolume,
                self.parameters.region,
                self.parameters.leaveOneOut,
            )
        return self.logic.study_work(
            self._study,
            self.ui.labelComboBox.property("currentText"),
            self._ticked_models(),
            self.parameters.leaveOneOut,
        )

    def _chosen_source(self) -> ResultSource:
        if self._in_scene():
            chosen = self.parameters
            return ResultSource((chosen.referenceVolume, chosen.region, *self._choice.nodes))
        return ResultSource((), "" if self._study is None else self._study.protocol.title)

    def _ticked_models(self) -> list[str]:
        items = [self.ui.modelList.item(row) for row in range(len(self._models))]
        return [
            model
            for model, item in zip(self._models, items, strict=True)
            if item.checkState() == qt.Qt.Checked
        ]

    def _choice_changed(self) -> None:
        self._suggest_volume()
        self._follow_edits()
        self._analyse.show_remark()
        self._update_usable()

    def _suggest_volume(self) -> None:
        if self._in_scene() and self.parameters.referenceVolume is None:
            volume = self.logic.outlined_volume(self._choice.nodes)
            if volume is not None:
                self.parameters.referenceVolume = volume

    def _follow_edits(self) -> None:
        parameters = self.parameters
        follows = parameters is not None and parameters.source == SCENE and parameters.followEdits
        wanted = None
        if follows:
            nodes = self._choice.nodes
            volume, region = parameters.referenceVolume, parameters.region
            wanted = ([node.GetID() for node in nodes], volume, region)
        if wanted == self._followed:
            return
        self._followed = wanted
        if wanted is None:
            self._live.stop()
        else:
            self._live.follow(nodes, volume, region)

    # What the panel shows.

    def _update_usable(self, *args: Any) -> None:
        ui, in_scene = self.ui, self._in_scene()
        scored = self.parameters is not None and self.parameters.source == SCORES
        in_study = not in_scene and not scored
        running = self._analyse.run.running or self._scores.run.running
        busy = _("Wait for the run to end, or cancel it.") if running else ""
        owner = in_study and self._is_owner(self._role)
        for widget in (ui.scoresBox, ui.scoresRunBox, ui.scoresResultBox):
            widget.setVisible(scored)
        for widget in (ui.studySection, ui.exportSection):
            widget.setVisible(not scored)
        ui.studyBox.setVisible(in_study)
        ui.sceneBox.setVisible(in_scene)
        ui.studyLabel.setVisible(in_study)
        ui.roleComboBox.setVisible(in_study)
        ui.optionsBox.setVisible(owner)
        ui.leaveOneOutCheckBox.setVisible(owner or in_scene)
        ui.annotateBox.setVisible(in_study and not owner)
        ui.analyseBox.setVisible(owner or in_scene)
        # An annotator's panel holds nothing of the others.
        annotates = in_study and self._role > 0 and not owner
        ui.blindLabel.setVisible(annotates)
        ui.resultBox.setVisible(not annotates and not scored)
        blind = _("The study's owner exports; whoever outlines stays blind.")
        self._analyse.set_blind(blind if annotates else "")
        ui.followCheckBox.setVisible(in_scene)
        ui.liveLabel.setVisible(in_scene)
        for widget in (
            ui.sourceComboBox,
            ui.openButton,
            ui.newStudyButton,
            ui.sampleButton,
            ui.createButton,
            ui.studyPathLineEdit,
            ui.labelComboBox,
            ui.modelList,
            ui.leaveOneOutCheckBox,
            ui.modelPathLineEdit,
            ui.addModelButton,
        ):
            set_usable(widget, busy)
        no_study = _("Open a study first.") if self._study is None else ""
        set_usable(ui.roleComboBox, busy or no_study)
        self._analyse.run.set_usable(self._reason_not_to_run(in_scene))

    def _in_scene(self) -> bool:
        return self.parameters is not None and self.parameters.source == SCENE

    def _reason_not_to_run(self, in_scene: bool) -> str:
        if not in_scene:
            return "" if self._study is not None else _("Open a study first.")
        if len(self._choice.nodes) < 2:
            return _("Tick at least two segmentations.")
        if self.parameters.referenceVolume is None:
            return _("Choose the image that was outlined.")
        return ""


class RaterAgreementLogic(ScriptedLoadableModuleLogic):
    """Studies and segmentation nodes in; agreement, nodes and files out. No widgets."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.cohort_nodes: CohortNodes | None = None
        self.image = ShownImage()

    def getParameterNode(self) -> RaterAgreementParameterNode:
        return RaterAgreementParameterNode(super().getParameterNode())

    # Annotating.

    def create(self, folder: Path, plan: StudyPlan) -> Study:
        """Make a study. Raises StudyError, ImageReadError, OutputError."""
        return create_study(folder, plan)

    def require_writable(self, study: Study, rater: str) -> None:
        """Raise OutputError when ``rater`` can't save in the study."""
        require_writable(study, rater)

    def open_case(
        self, study: Study, rater: str, case: Any, continues: Any = None, corrects: Any = None
    ) -> CaseView:
        """Begin a session on a case. Raises StudyError, ImageReadError."""
        return open_case(study, rater, case, continues, corrects)

    def feedback(self, study: Study, image: str, masks: Any) -> list[str]:
        """What a rater in training is told about a training image."""
        return [found.sentence for found in training_feedback(study, image, masks)]

    # Analysing.

    def add_model(self, study: Study, folder: Path) -> str:
        """Copy a model's masks into the study; returns the model's name. Raises StudyError."""
        return add_predictions(study, folder)[0]

    def study_work(
        self, study: Study, label: str, predictions: list[str], leaveOneOut: bool
    ) -> Work:
        """The work of analysing a study: a function of (on_image, progress, cancelled)."""
        return study_work(study, label, predictions, leaveOneOut)

    def outlined_volume(self, nodes: list[Any]) -> Any:
        """The volume that the first of these segmentation nodes was drawn on, or None."""
        for node in nodes:
            volume = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
            if volume is not None:
                return volume
        return None

    def scene_work(
        self, nodes: list[Any], volumeNode: Any, regionNode: Any, leaveOneOut: bool
    ) -> Work:
        """The work of comparing segmentation nodes, as study_work.

        Raises InputError, RatingError or GeometryError when they can't be compared.
        """
        return scene_work(nodes, volumeNode, regionNode, leaveOneOut)

    def quick_measures(self, ratings: ImageRatings) -> tuple[float, float, float]:
        """Alpha, mean Dice and mean extent of one image: what needs no model fit."""
        return quick_measures(ratings)

    def show_cohort(self, view: AgreementView) -> CohortNodes:
        """The tables and plots of an analysis as nodes."""
        self.cohort_nodes = show_cohort(view.cohort)
        return self.cohort_nodes

    def export(self, view: AgreementView, folder: Path) -> None:
        """Write tables, report and masks into a new folder. Raises OutputError."""
        export(view, folder)


class RaterAgreementTest(ScriptedLoadableModuleTest):
    """A short run through the module inside Slicer; the project's Testing folder has the rest."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.test_a_synthetic_study_is_analysed_and_shown()

    def test_a_synthetic_study_is_analysed_and_shown(self) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            self.delayDisplay("Making a synthetic study")
            study = phantom_study(Path(folder) / "study", images=4)
            logic = RaterAgreementLogic()
            self.delayDisplay("Analysing")
            work = logic.study_work(study, "", [], True)
            view = work(lambda ratings: None, lambda progress: None, lambda: False)
            self.assertEqual(len(view.cohort.images), 4)
            nodes = logic.image.show(view, view.cohort.images[0])
            self.assertEqual(nodes.outlines.GetSegmentation().GetNumberOfSegments(), 4)
        self.delayDisplay("Done")
