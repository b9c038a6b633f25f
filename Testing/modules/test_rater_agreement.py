"""The Rater Agreement panel: the real .ui and module files, a study on disk, a real scene."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest

from medai.agreement import majority
from medai.errors import OutputError
from medai.images import read_volume, segmentation_from_masks, write_segmentation
from medai.phantoms.raters import SIMULATED_RATERS, simulate_rating
from medai.phantoms.skin import skin_photograph
from medai.studies import (
    QUALITIES,
    Remarks,
    StudyPlan,
    create_study,
    open_drafts,
    open_study,
    phantom_study,
    rated_image,
    rater_status,
    read_mask,
    start_session,
    worklist,
)
from medai.studies.submissions import rater_records
from Testing.modules.rater_steps import (
    NAME,
    OWNER,
    be,
    open_folder,
    outline,
    run,
    run_button,
    table,
)

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def blank_study(tmp_path):
    """Four photographs for four raters, one of them repeated, nothing submitted."""
    return phantom_study(tmp_path / "study", images=4, submitted=False)


@pytest.fixture
def full_study(tmp_path):
    """Four photographs outlined by four raters."""
    return phantom_study(tmp_path / "study", images=4)


def box_mask(rows: int, columns: int = 60, shape=(1, 192, 256)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[:, 80 : 80 + rows, 100 : 100 + columns] = 1
    return mask


def case_node_names(slicer) -> list[str]:
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")]
    names += [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    return sorted(names)


@contextmanager
def once(condition, action):
    """Do ``action`` from the event loop the first time that ``condition`` is true."""
    import qt

    timer = qt.QTimer()
    done = []

    def look():
        if not done and condition():
            done.append(True)
            action()

    timer.timeout.connect(look)
    timer.start(2)
    yield
    timer.stop()
    assert done


# Annotating.


def test_a_rater_gets_a_case_with_the_brush_and_only_the_studys_labels(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    assert messages.shown == []
    assert panel.ui.caseLabel.text() == "Case 1 of 5 · 0 submitted."
    editor = panel.ui.segmentEditor
    assert editor.activeEffectName() == "Paint"
    assert editor.currentSegmentID() == "lesion"
    assert editor.property("addRemoveSegmentButtonsVisible") is False
    segmentation = editor.segmentationNode().GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 1
    segment = segmentation.GetSegment("lesion")
    assert segment.GetColor() == pytest.approx(blank_study.protocol.labels[0].color, abs=1e-6)
    assert editor.sourceVolumeNode().GetName() == "Case 1"
    assert case_node_names(slicer) == ["Case 1", "Case 1 outlines", "Case 1 region of interest"]


def test_what_is_outlined_is_what_is_submitted_and_the_next_case_comes(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(30))
    panel.ui.lowRadioButton.setChecked(True)
    panel.ui.focusCheckBox.setChecked(True)
    panel.ui.otherCheckBox.setChecked(True)
    panel.ui.otherLineEdit.setText("a hair")
    panel.ui.submitButton.click()
    panel.wait()
    (record,) = rater_records(blank_study, "AB")
    assert record.image == worklist(blank_study.protocol, "AB")[0].image
    assert np.array_equal(read_mask(blank_study, record).mask("lesion"), box_mask(30))
    assert record.remarks == Remarks("low", ("out of focus", "other"), "a hair")
    assert panel.ui.caseLabel.text() == "Case 2 of 5 · 1 submitted."
    assert case_node_names(slicer) == ["Case 2", "Case 2 outlines", "Case 2 region of interest"]
    # The remarks of one image are not those of the next.
    assert panel.ui.normalRadioButton.isChecked()
    assert not panel.ui.focusCheckBox.isChecked()
    assert panel.ui.otherLineEdit.text() == ""
    assert open_drafts(blank_study, "AB") == ()


def test_a_repeated_image_is_not_to_be_told_from_a_new_one(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "CD")
    cases = worklist(blank_study.protocol, "CD")
    assert [case.presentation for case in cases].count(2) == 1
    for case in cases:
        assert case_node_names(slicer)[0] == f"Case {case.number}"
        assert not any(
            image.name in " ".join(case_node_names(slicer)) for image in blank_study.protocol.images
        )
        outline(panel, slicer, box_mask(10 + case.number))
        panel.ui.submitButton.click()
        panel.wait()
    assert panel.ui.caseLabel.text() == "All 5 cases are done · 5 submitted."
    presentations = [record.presentation for record in rater_records(blank_study, "CD")]
    assert sorted(presentations) == [1, 1, 1, 1, 2]
    assert case_node_names(slicer) == []


def test_nothing_outlined_is_asked_about_before_it_is_submitted(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    messages.answer = False
    panel.ui.submitButton.click()
    assert "Nothing is outlined" in messages.shown[-1].text
    assert rater_records(blank_study, "AB") == ()
    messages.answer = True
    panel.ui.submitButton.click()
    assert len(rater_records(blank_study, "AB")) == 1


def test_a_case_is_skipped_with_a_reason_only(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    panel.ui.skipButton.click()
    assert "needs a reason" in messages.shown[-1].text
    panel.ui.skipLineEdit.setText("not skin")
    panel.ui.skipButton.click()
    panel.wait()
    assert panel.ui.caseLabel.text() == "Case 2 of 5 · 0 submitted, 1 skipped."


def test_an_unfinished_outline_is_kept_and_offered_again(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))
    panel.ui.highRadioButton.setChecked(True)
    panel.widget._annotate._autosave.timeout.emit()
    (draft,) = open_drafts(blank_study, "AB")
    saved_age = datetime.now(UTC) - datetime.fromisoformat(draft.saved_utc)
    assert saved_age.total_seconds() < 30
    # The laptop's battery dies: nothing of the panel runs any more.
    again = open_panel(NAME)
    messages.shown.clear()
    open_folder(again, blank_study.folder)
    be(again, "AB")
    question = messages.shown[-1].text
    assert question.startswith("You have an unfinished outline for case 1 from today ")
    assert question.endswith("Continue?")
    assert np.array_equal(again.widget._annotate._editor.masks()["lesion"], box_mask(20))
    assert again.ui.highRadioButton.isChecked()


def test_the_autosave_comes_by_itself_and_only_after_a_change(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    side = panel.widget._annotate
    assert side._autosave.isActive()
    assert side._autosave.interval() <= 25_000
    side._autosave.setInterval(10)
    panel.wait(until=lambda: False, seconds=0.1)
    assert open_drafts(blank_study, "AB") == ()
    outline(panel, slicer, box_mask(12))
    assert panel.wait(until=lambda: open_drafts(blank_study, "AB"), seconds=5)
    assert not side.is_unsaved


def test_leaving_with_unsaved_work_is_asked_about_and_keeps_a_draft(
    open_panel, slicer, messages, blank_study
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))
    messages.answer = False
    be(panel, "CD")
    assert "isn't submitted" in messages.shown[-1].text
    assert panel.ui.roleComboBox.currentText().startswith("AB")
    assert panel.widget._annotate.is_unsaved
    messages.answer = True
    be(panel, "CD")
    assert len(open_drafts(blank_study, "AB")) == 1
    assert panel.ui.caseLabel.text().startswith("Case 1 of 5")


@pytest.mark.parametrize("way", ["another module", "scene closes", "panel closes"])
def test_whatever_way_the_case_is_left_a_draft_is_kept(
    open_panel, slicer, messages, blank_study, way
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))
    if way == "another module":
        panel.widget.exit()
    elif way == "scene closes":
        slicer.mrmlScene.Clear(0)
    else:
        panel.widget.cleanup()
    (draft,) = open_drafts(blank_study, "AB")
    assert np.array_equal(read_mask(blank_study, draft).mask("lesion"), box_mask(20))
    assert not [message for message in messages.shown if message.kind == "error"]


def test_a_pause_stops_the_clock_and_keeps_a_draft(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))
    panel.ui.pauseButton.click()
    before = panel.widget._annotate._session.active.seconds
    time.sleep(0.05)
    assert panel.widget._annotate._session.active.seconds == before
    assert len(open_drafts(blank_study, "AB")) == 1
    assert not panel.ui.submitButton.isEnabled()
    assert "paused" in panel.ui.submitButton.toolTip()
    panel.ui.pauseButton.click()
    assert panel.ui.submitButton.isEnabled()
    assert panel.ui.segmentEditor.activeEffectName() == "Paint"


def test_keys_work_while_a_case_is_open_and_only_then(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    keys = {s.key().toString(): s for s in panel.widget._annotate._keys._shortcuts}
    assert not any(shortcut.isEnabled() for shortcut in keys.values())
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    assert all(shortcut.isEnabled() for shortcut in keys.values())
    for quality in ("high", "low", "normal"):
        keys["Ctrl+L"].activated.emit()
        assert panel.widget._annotate._remarks.remarks.quality == quality
    outline(panel, slicer, box_mask(20))
    keys["Ctrl+Return"].activated.emit()
    assert len(rater_records(blank_study, "AB")) == 1
    panel.widget.exit()
    assert not any(shortcut.isEnabled() for shortcut in keys.values())
    shown = panel.ui.keysLabel.text()
    assert all(key.replace("Return", "Enter") in shown for key in keys)


def test_a_submitted_case_can_be_corrected_and_both_stay(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))
    panel.ui.submitButton.click()
    panel.wait()
    assert panel.ui.doneComboBox.currentText() == "Case 1, submitted"
    panel.ui.correctButton.click()
    panel.wait()
    assert panel.ui.caseLabel.text() == "Case 1 of 5 · 1 submitted."
    assert np.array_equal(panel.widget._annotate._editor.masks()["lesion"], box_mask(20))
    outline(panel, slicer, box_mask(25))
    panel.ui.submitButton.click()
    first, second = rater_records(blank_study, "AB")
    assert second.corrects == first.session
    assert rater_status(blank_study, "AB").submitted == 1


def test_a_training_image_gives_feedback_before_the_next_case(
    open_panel, slicer, messages, tmp_path
):
    phantom = skin_photograph(seed=3)
    from medai.images import write_volume

    write_volume(phantom.volume, tmp_path / "arm.nrrd")
    write_volume(skin_photograph(seed=4).volume, tmp_path / "leg.nrrd")
    reference = segmentation_from_masks(
        {"lesion": phantom.lesions}, phantom.volume.ijk_to_ras, colors={"lesion": (1, 0, 0)}
    )
    write_segmentation(reference, tmp_path / "arm.seg.nrrd")
    study = create_study(
        tmp_path / "study",
        StudyPlan(
            title="T",
            images=[tmp_path / "arm.nrrd", tmp_path / "leg.nrrd"],
            raters=["AB"],
            references={"arm": tmp_path / "arm.seg.nrrd"},
            keep_names=True,
        ),
    )
    panel = open_panel(NAME)
    open_folder(panel, study.folder)
    be(panel, "AB")
    assert panel.ui.caseLabel.text().startswith("Training case 1 of 2")
    outline(panel, slicer, phantom.lesions)
    panel.ui.submitButton.click()
    panel.wait()
    assert "Dice 1.00" in panel.ui.feedbackLabel.text()
    assert panel.ui.startButton.text() == "Next case"
    panel.ui.startButton.click()
    panel.wait()
    assert panel.ui.caseLabel.text().startswith("Case 2 of 2")
    outline(panel, slicer, box_mask(20))
    panel.ui.submitButton.click()
    panel.wait()
    assert not panel.ui.feedbackLabel.isVisible()


def test_a_full_disk_leaves_the_outline_on_the_screen(
    open_panel, slicer, messages, blank_study, monkeypatch
):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    outline(panel, slicer, box_mask(20))

    def refuse(*arguments, **more):
        raise OutputError("Can't write it: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.write_segmentation", refuse)
        panel.widget._annotate._autosave.timeout.emit()
        assert messages.shown == []
        assert "Autosave failed" in panel.ui.timeLabel.text()
        panel.ui.submitButton.click()
    (message,) = messages.shown
    assert "the disk is full" in message.text
    assert "still on the screen" in message.text
    assert np.array_equal(panel.widget._annotate._editor.masks()["lesion"], box_mask(20))
    panel.ui.submitButton.click()
    assert len(rater_records(blank_study, "AB")) == 1


def test_an_extra_segment_is_refused_before_it_is_lost(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    case = panel.widget._annotate._editor._case
    case.outlines.GetSegmentation().AddEmptySegment("mine", "my own")
    outline(panel, slicer, box_mask(20), "mine")
    panel.ui.submitButton.click()
    assert "'my own' is not a label of this study" in messages.shown[-1].text
    assert rater_records(blank_study, "AB") == ()


def test_a_rater_sees_no_results_and_no_export(open_panel, slicer, messages, full_study):
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, "AB")
    assert not panel.ui.resultBox.isVisible()
    assert panel.ui.blindLabel.isVisible()
    assert not panel.ui.exportButton.isEnabled() if hasattr(panel.ui, "exportButton") else True
    assert not panel.ui.analyseBox.isVisible()
    messages.answer = False
    be(panel, OWNER)
    assert "which raters must not see" in messages.shown[-1].text
    assert panel.ui.roleComboBox.currentText().startswith("AB")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda study: (study.folder / "study.toml").unlink(), "holds no study.toml"),
        (
            lambda study: (study.folder / "study.toml").write_text(
                (study.folder / "study.toml").read_text().replace("format = 2", "format = 7")
            ),
            "newer MedAI",
        ),
    ],
)
def test_a_study_that_can_not_be_opened_is_one_line(
    open_panel, slicer, messages, blank_study, spoil, message
):
    spoil(blank_study)
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    (shown,) = messages.shown
    assert message in shown.text
    assert shown.kind == "error"


def test_an_altered_image_is_refused_when_its_case_comes(open_panel, slicer, messages, blank_study):
    image = worklist(blank_study.protocol, "AB")[0].image
    path = blank_study.image_path(image)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, "AB")
    assert messages.shown[-1].kind == "error"
    assert case_node_names(slicer) == []


# Analysing.


def test_an_analysis_says_how_well_raters_agree_worst_image_first(
    open_panel, slicer, messages, full_study
):
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    assert messages.shown == []
    assert panel.ui.summaryLabel.text().startswith("Pixel agreement is ")
    rows = table(panel.ui.imageTable)
    iccs = [float(row[1]) for row in rows]
    assert len(rows) == 4
    assert iccs == sorted(iccs)
    for row in rows:
        low, high = (float(end) for end in row[2].split("–"))
        assert low <= float(row[1]) <= high
    assert "ICC of the local extent" in panel.ui.summaryLabel.text()
    assert "positive agreement (F1) is" in panel.ui.summaryLabel.text()
    raters = table(panel.ui.raterTable)
    assert [row[0] for row in raters] == ["AB", "CD", "EF", "GH", "naive rater"]
    assert "takes" in panel.ui.neededLabel.text()
    # The worst image is shown with everybody's outline.
    names = case_node_names(slicer)
    assert rows[0][0] in names
    node = slicer.util.getNode(f"{rows[0][0]} raters")
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 4
    for index, rater in enumerate(("AB", "CD", "EF", "GH")):
        color = full_study.protocol.rater_color(rater)
        assert segmentation.GetSegment(rater).GetColor() == pytest.approx(color, abs=1e-6)
        assert segmentation.GetNthSegment(index).GetName() == rater


def test_a_click_shows_another_image_and_takes_the_last_away(
    open_panel, slicer, messages, full_study
):
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    panel.ui.imageTable.selectRow(2)
    panel.wait()
    name = table(panel.ui.imageTable)[2][0]
    volumes = slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode")
    assert [node.GetName() for node in volumes] == [name]
    submitted = read_mask(
        full_study, next(r for r in rater_records(full_study, "EF") if r.image == name)
    ).mask("lesion")
    outlines = slicer.util.getNode(f"{name} raters")
    shown = slicer.util.arrayFromSegmentBinaryLabelmap(outlines, "EF", volumes[0])
    assert np.array_equal(shown != 0, submitted)


def test_toggles_and_consensus_change_what_is_drawn(open_panel, slicer, messages, full_study):
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    name = table(panel.ui.imageTable)[0][0]
    outlines = slicer.util.getNode(f"{name} raters").GetDisplayNode()
    assert outlines.GetVisibility()
    panel.ui.outlinesCheckBox.setChecked(False)
    assert not outlines.GetVisibility()
    for method in ("majority", "STAPLE", "Dawid–Skene"):
        panel.ui.consensusComboBox.setCurrentText(method)
        panel.wait()
        consensus = slicer.util.getNode(f"{name} consensus")
        assert consensus.GetDisplayNode().GetVisibility()
    panel.ui.consensusComboBox.setCurrentText("none")
    assert not consensus.GetDisplayNode().GetVisibility()
    assert messages.shown == []


def test_the_target_says_how_many_raters_it_takes(open_panel, slicer, messages, full_study):
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    low = panel.ui.neededLabel.text()
    panel.ui.targetSpinBox.setValue(0.99)
    assert panel.ui.neededLabel.text() != low
    assert "0.99 takes" in panel.ui.neededLabel.text()


def test_a_model_is_compared_as_one_more_rater(open_panel, slicer, messages, full_study, tmp_path):
    for image in full_study.protocol.images:
        phantom = skin_photograph(seed=int(image.name[-2:]))
        mask = simulate_rating(
            phantom.lesions, phantom.volume.spacing_mm, SIMULATED_RATERS[0], roi=phantom.skin
        )
        segmentation = segmentation_from_masks(
            {"any": mask}, phantom.volume.ijk_to_ras, colors={"any": (1, 0, 0)}
        )
        write_segmentation(segmentation, tmp_path / "unet" / f"{image.name}.seg.nrrd")
    panel = open_panel(NAME)
    open_folder(panel, full_study.folder)
    be(panel, OWNER)
    panel.ui.modelPathLineEdit.setCurrentPath(str(tmp_path / "unet"))
    panel.ui.addModelButton.click()
    panel.wait()
    assert messages.shown == []
    import qt

    item = panel.ui.modelList.item(0)
    assert item.text() == "unet"
    item.setCheckState(qt.Qt.Checked)
    run(panel, messages)
    assert "unet " in panel.ui.summaryLabel.text()
    # Four images are too few for a verdict, and the panel says so.
    assert "Whether unet can stand in for a rater is not judged" in panel.ui.summaryLabel.text()
    assert "unet" in [row[0] for row in table(panel.ui.raterTable)]
    # The model is drawn, but has no say in what the raters say together.
    name = table(panel.ui.imageTable)[0][0]
    outlines = slicer.util.getNode(f"{name} raters").GetSegmentation()
    assert outlines.GetSegment("unet") is not None
    panel.ui.consensusComboBox.setCurrentText("majority")
    panel.wait()
    raters = rated_image(full_study, name).ratings("lesion")
    together = slicer.util.arrayFromSegmentBinaryLabelmap(
        slicer.util.getNode(f"{name} consensus"), "consensus", slicer.util.getNode(name)
    )
    assert np.array_equal(together != 0, majority(raters.masks, raters.roi).mask != 0)


def test_a_run_can_be_cancelled_while_the_window_lives(open_panel, slicer, messages, tmp_path):
    study = phantom_study(tmp_path / "study", images=12)
    panel = open_panel(NAME)
    open_folder(panel, study.folder)
    be(panel, OWNER)
    button = run_button(panel)
    button.click()
    assert button.text() == "Cancel"
    with once(lambda: panel.ui.imageTable.rowCount() >= 2, button.click):
        assert panel.wait(lambda: not panel.widget._analyse.run.running, 30)
    assert not panel.widget._analyse.has_result
    assert messages.shown == []


def test_closing_the_scene_in_the_middle_of_a_run_breaks_nothing(
    open_panel, slicer, messages, tmp_path
):
    study = phantom_study(tmp_path / "study", images=6)
    panel = open_panel(NAME)
    open_folder(panel, study.folder)
    be(panel, OWNER)
    run_button(panel).click()
    with once(lambda: panel.ui.imageTable.rowCount() >= 1, lambda: slicer.mrmlScene.Clear(0)):
        panel.wait(lambda: not panel.widget._analyse.run.running, 30)
    panel.wait(until=lambda: False, seconds=0.3)
    assert not panel.widget._analyse.run.running
    assert messages.shown == []
    run(panel, messages)
    assert panel.widget._analyse.has_result


def test_an_empty_study_says_there_is_nothing_to_analyse(open_panel, slicer, messages, blank_study):
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    assert "no submissions yet" in messages.shown[-1].text


def test_a_rater_who_submitted_nothing_is_named(open_panel, slicer, messages, blank_study):
    for rater in ("AB", "CD"):
        for case in worklist(blank_study.protocol, rater)[:2]:
            volume = read_volume(blank_study.image_path(case.image))
            session = start_session(blank_study, rater, case.image, case.presentation, volume)
            session.submit({"lesion": box_mask(20 + case.number)}, Remarks(QUALITIES[0]))
    panel = open_panel(NAME)
    open_folder(panel, blank_study.folder)
    be(panel, OWNER)
    run(panel, messages)
    notes = panel.ui.notesLabel.text()
    assert "Rater EF has submitted nothing" in notes
    assert "Rater GH has submitted nothing" in notes


# Segmentations that are in the scene already.


@pytest.fixture
def scene_segmentations(slicer):
    """A photograph and three segmentations of it in the scene."""
    from medai.scene import show_volume

    phantom = skin_photograph((512, 512), seed=5)
    volume = show_volume(phantom.volume)
    nodes = []
    for rater in SIMULATED_RATERS[:3]:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", rater.name)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segment = node.GetSegmentation().AddEmptySegment("", "lesion")
        mask = simulate_rating(phantom.lesions, phantom.volume.spacing_mm, rater, seed=1)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)
        nodes.append(node)
    return volume, nodes


def choose_scene(panel) -> None:
    panel.ui.sourceComboBox.setCurrentText("Segmentations in the scene")
    panel.wait()


def test_segmentations_in_the_scene_are_compared_with_one_click(
    open_panel, slicer, messages, scene_segmentations
):
    volume, _ = scene_segmentations
    panel = open_panel(NAME)
    choose_scene(panel)
    assert panel.ui.segmentationList.count() == 3
    assert panel.widget.parameters.referenceVolume is volume
    run(panel, messages)
    assert messages.shown == []
    assert [row[0] for row in table(panel.ui.raterTable)] == ["AB", "CD", "EF", "naive rater"]
    # What the panel shows of the result is no further rater.
    assert panel.ui.segmentationList.count() == 3


def test_a_segmentation_of_another_image_is_refused(
    open_panel, slicer, messages, scene_segmentations
):
    assert len(scene_segmentations[1]) == 3
    far = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "far")
    slicer.util.updateVolumeFromArray(far, np.zeros((1, 20, 20), np.uint8))
    far.SetOrigin(9000, 0, 0)
    panel = open_panel(NAME)
    choose_scene(panel)
    panel.ui.referenceVolumeSelector.setCurrentNode(far)
    panel.wait()
    run_button(panel).click()
    panel.wait()
    assert "lies outside far" in messages.shown[-1].text


def test_the_live_readout_follows_a_brush_stroke_within_100_ms(
    open_panel, slicer, messages, scene_segmentations
):
    volume, nodes = scene_segmentations
    panel = open_panel(NAME)
    choose_scene(panel)
    panel.ui.followCheckBox.setChecked(True)
    panel.wait()
    before = panel.ui.liveLabel.text()
    assert before.startswith("Now: pixel ICC ")
    segment = nodes[0].GetSegmentation().GetNthSegmentID(0)
    stroke = np.zeros((1, 512, 512), np.uint8)
    stroke[:, 100:160, 100:160] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(stroke, nodes[0], segment, volume)
    assert panel.wait(lambda: panel.ui.liveLabel.text() != before, 5)
    panel.ui.followCheckBox.setChecked(False)
    assert panel.ui.liveLabel.text() == ""


# Making a study.


def test_a_study_is_made_of_a_folder_of_images(open_panel, slicer, messages, tmp_path, monkeypatch):
    from PIL import Image

    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(
            tmp_path / "images" / f"eye {number}.png"
        )
    panel = open_panel(NAME)
    panel.ui.studyPathLineEdit.setCurrentPath(str(tmp_path / "study"))
    panel.ui.newStudyButton.setChecked(True)
    panel.ui.imagesPathLineEdit.setCurrentPath(str(tmp_path / "images"))
    panel.ui.createButton.click()
    assert "no raters" in messages.shown.pop().text
    panel.ui.ratersLineEdit.setText("AB, CD")
    panel.ui.titleLineEdit.setText("Eyes")
    panel.ui.repeatSpinBox.setValue(0.34)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    panel.ui.createButton.click()
    panel.wait()
    (told,) = messages.shown
    (key,) = (tmp_path / "home").rglob("*.csv")
    assert str(key) in told.text
    assert "eye 0" in key.read_text("utf-8")
    messages.shown.clear()
    study = open_study(tmp_path / "study")
    assert {image.name for image in study.protocol.images} == {
        f"image-{number:03d}" for number in (1, 2, 3)
    }
    assert study.protocol.title == "Eyes"
    assert len(worklist(study.protocol, "CD")) == 4
    assert panel.ui.studyLabel.text().startswith("Eyes: 3 images.")
    assert not panel.ui.newStudyBox.isVisible()


def test_a_ct_with_several_labels_and_a_time_limit(open_panel, slicer, messages, tmp_path):
    from medai.images import Volume, write_volume
    from medai.studies import label

    ct = Volume(np.full((6, 40, 50), -700, np.int16), np.diag([-1, -1, 3, 1]), "CT", "chest")
    write_volume(ct, tmp_path / "chest.nrrd")
    study = create_study(
        tmp_path / "study",
        StudyPlan(
            title="CT",
            images=[tmp_path / "chest.nrrd"],
            raters=["AB", "CD"],
            labels=[label("ground-glass opacity"), label("consolidation")],
            time_limit_seconds=60.0,
            keep_names=True,
        ),
    )
    panel = open_panel(NAME)
    open_folder(panel, study.folder)
    drawn = {}
    for number, rater in enumerate(study.protocol.raters):
        be(panel, rater)
        assert "of 1:00" in panel.ui.timeLabel.text()
        assert panel.ui.segmentEditor.isEnabled()
        assert panel.ui.segmentEditor.activeEffectName() == "Paint"
        drawn[rater] = np.zeros((2, *ct.grid_shape), np.uint8)
        drawn[rater][0, 1:4, 5:20, 5 : 20 + number] = 1
        drawn[rater][1, 2:3, 25:30, 10:20] = 1
        for entry, mask in zip(study.protocol.labels, drawn[rater], strict=True):
            outline(panel, slicer, mask, entry.name)
        session = panel.widget._annotate._session
        session.active._before += 60.0
        panel.widget._annotate._clock.timeout.emit()
        assert "time is up" in panel.ui.timeLabel.text()
        assert panel.ui.segmentEditor.activeEffectName() == ""
        panel.ui.submitButton.click()
        panel.wait()
        (record,) = rater_records(study, rater)
        assert record.active_seconds >= 60
        for entry, mask in zip(study.protocol.labels, drawn[rater], strict=True):
            assert np.array_equal(read_mask(study, record).mask(entry.name), mask)
    be(panel, OWNER)
    assert [panel.ui.labelComboBox.itemText(row) for row in range(2)] == [
        "ground-glass opacity",
        "consolidation",
    ]
    panel.ui.labelComboBox.setCurrentIndex(1)
    messages.shown.clear()
    run(panel, messages)
    assert messages.shown == []
    ((name, icc, *_),) = table(panel.ui.imageTable)
    assert (name, icc) == ("chest", "1.00")
