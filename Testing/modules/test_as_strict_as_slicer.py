"""What the panels do where Slicer is stricter than one would think: scenes, selectors, keys."""

from __future__ import annotations

import signal
import sys
from itertools import pairwise

import numpy as np
import pytest

from medai.errors import MissingDependencyError, StudyError
from medai.studies import phantom_study
from Testing.modules.lesion_results import small_phantom
from Testing.modules.rater_steps import be, open_folder, outline
from Testing.standins.launcher import status_of, write_launcher
from Testing.standins.mrml_widgets import MAIN_WINDOW_KEYS, SEGMENT_EDITOR_KEYS, VIEW_KEYS

pytestmark = pytest.mark.xdist_group("panels")
MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)
CHOSEN = {
    "LesionSegmentation": "inputVolume",
    "CovidClassification": "inputVolume",
    "CataractMap": "leftScans",
    "ChestXray": "film",
    "RaterAgreement": "referenceVolume",
}


def add_ct(slicer, name):
    from medai import scene

    node = scene.show_volume(small_phantom().volume)
    node.SetName(name)
    return node


@pytest.fixture
def study(tmp_path):
    return phantom_study(tmp_path / "study", images=2, submitted=False)


@pytest.fixture
def at_work(slicer, open_panel, messages, study):
    """The panel with the first rater's first case open."""
    panel = open_panel("RaterAgreement")
    open_folder(panel, study.folder)
    be(panel, study.protocol.raters[0])
    assert panel.widget._annotate._session is not None
    return panel


# Scenes and selectors.


def test_a_scene_is_read_in_slicers_order(slicer, tmp_path):
    add_ct(slicer, "A")
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene, seen = slicer.mrmlScene, []
    names = (
        "StartBatchProcessEvent",
        "StartCloseEvent",
        "EndCloseEvent",
        "StartImportEvent",
        "EndImportEvent",
        "EndBatchProcessEvent",
    )
    tags = [
        scene.AddObserver(getattr(scene, name), lambda *_, name=name: seen.append(name))
        for name in names
    ]
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    for tag in tags:
        scene.RemoveObserver(tag)
    places = [seen.index(name) for name in names]
    assert places == sorted(places), seen


@pytest.mark.parametrize("module", MODULES)
def test_a_scene_that_is_read_brings_its_own_choice(slicer, open_panel, tmp_path, module):
    panel = open_panel(module)
    first, second = add_ct(slicer, "first"), add_ct(slicer, "second")
    panel.wait()
    setattr(panel.widget.parameters, CHOSEN[module], second)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    setattr(panel.widget.parameters, CHOSEN[module], first)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    panel.wait()
    assert getattr(panel.widget.parameters, CHOSEN[module]).GetName() == "second"


@pytest.mark.parametrize("module", MODULES)
def test_a_chosen_node_that_is_deleted_is_not_replaced_by_another(slicer, open_panel, module):
    panel = open_panel(module)
    nodes = [add_ct(slicer, name) for name in ("first", "second", "third")]
    panel.wait(seconds=0.1)
    setattr(panel.widget.parameters, CHOSEN[module], nodes[1])
    slicer.mrmlScene.RemoveNode(nodes[1])
    panel.wait()
    assert getattr(panel.widget.parameters, CHOSEN[module]) is None


@pytest.mark.parametrize("module", MODULES)
def test_maps_of_our_own_are_never_offered(slicer, open_panel, module):
    from medai.scene.color_maps import put_map
    from medai.scene.result_nodes import ResultNodes

    panel = open_panel(module)
    ct = add_ct(slicer, "CT")
    result = np.zeros(small_phantom().volume.array.shape, np.float16)
    matrix = small_phantom().volume.ijk_to_ras
    put_map(ResultNodes(ct, "test", "test"), "map", "probability", result, matrix)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "lobes of another tool")
    panel.wait(seconds=0.2)
    panel.wait(until=lambda: not panel.widget._nodes_added._timer.isActive())
    selectors = [
        widget
        for widget in vars(panel.ui).values()
        if widget.metaObject().className() == "qMRMLNodeComboBox"
    ]
    assert selectors
    for selector in selectors:
        offered = [slicer.mrmlScene.GetNodeByID(each).GetName() for each in selector._ids if each]
        wanted = {
            "vtkMRMLScalarVolumeNode": ["CT"],
            "vtkMRMLLabelMapVolumeNode": ["lobes of another tool"],
        }
        assert offered == wanted.get(selector.nodeTypes[0], [])


def test_samples_are_registered_with_sample_datas_own_signature(slicer):
    import SampleData

    from Testing.standins import load_module

    for module in MODULES[:3]:
        load_module(module)
    assert {"Synthetic chest CT", "Synthetic lens OCT"} <= set(SampleData.sources)
    with pytest.raises(TypeError, match="NoneType"):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            sampleName="x", customDownloader=print
        )


# Raters.


def test_the_box_falls_back_to_the_rater_whose_draft_cannot_be_saved(
    slicer, at_work, study, messages
):
    first, second = study.protocol.raters[:2]
    session = at_work.widget._annotate._session
    outline(at_work, slicer, np.ones(session.volume.grid_shape, np.uint8), "lesion")
    at_work.widget._annotate._editor._case.outlines.GetSegmentation().RemoveSegment("lesion")
    be(at_work, second)
    assert "was removed" in messages.shown[-1].text
    assert at_work.ui.roleComboBox.currentText().startswith(first)
    assert at_work.widget._annotate._session is session and session.rater == first


def test_a_rater_who_cannot_begin_is_nobody(slicer, at_work, study, messages, monkeypatch):
    def refuse(study, rater):
        raise StudyError(f"{rater} can't save here.")

    monkeypatch.setattr(at_work.logic, "require_writable", refuse)
    be(at_work, study.protocol.raters[1])
    assert "can't save here" in messages.shown[-1].text
    assert at_work.ui.roleComboBox.currentIndex() == 0
    assert at_work.widget._annotate._session is None


def test_submit_refuses_when_the_box_shows_another_rater(slicer, at_work, study, messages):
    session = at_work.widget._annotate._session
    outline(at_work, slicer, np.ones(session.volume.grid_shape, np.uint8), "lesion")
    at_work.ui.roleComboBox.blockSignals(True)
    at_work.ui.roleComboBox.setCurrentIndex(2)
    at_work.ui.submitButton.click()
    assert "the panel shows" in messages.shown[-1].text
    assert not list(study.submissions_folder.rglob("*.json"))


def test_a_case_that_is_hidden_is_left_alone(slicer, at_work, study):
    session = at_work.widget._annotate._session
    outline(at_work, slicer, np.ones(session.volume.grid_shape, np.uint8), "lesion")
    at_work.widget.parameters.source = "Segmentations in the scene"
    at_work.wait()
    keys = at_work.widget._annotate._keys._shortcuts
    assert not any(key.isEnabled() for key in keys)
    for press in (at_work.ui.submitButton.click, at_work.ui.skipButton.click):
        press()
    assert not list(study.submissions_folder.rglob("*.json"))
    assert session.active.is_paused and list(study.drafts_folder.rglob("*.json"))
    at_work.widget.parameters.source = "Study folder"
    assert all(key.isEnabled() for key in keys) and session.active.is_paused
    at_work.ui.pauseButton.click()
    at_work.ui.submitButton.click()
    assert list(study.submissions_folder.rglob("*.json"))


def test_no_key_of_ours_is_a_key_of_slicer_or_its_segment_editor(at_work):
    from PySide6.QtGui import QKeySequence, QShortcut

    taken = {
        QKeySequence(key).toString()
        for key in (*SEGMENT_EDITOR_KEYS, *VIEW_KEYS, *MAIN_WINDOW_KEYS)
    }
    ours = [each.key().toString() for each in at_work.widget._annotate._keys._shortcuts]
    assert ours and not set(ours) & taken
    keys = sorted(
        each.key().toString() for each in at_work.window.findChildren(QShortcut) if each.isEnabled()
    )
    assert "Q" in keys  # the Segment Editor's, as in Slicer
    assert not [key for key, other in pairwise(keys) if key == other]


def test_a_study_folder_that_was_moved_is_not_made_again(slicer, at_work, study, messages):
    session = at_work.widget._annotate._session
    outline(at_work, slicer, np.ones(session.volume.grid_shape, np.uint8), "lesion")
    study.folder.rename(study.folder.with_name("moved"))
    at_work.ui.submitButton.click()
    assert "is gone" in messages.shown[-1].text and not study.folder.exists()
    study.folder.with_name("moved").rename(study.folder)


def test_a_scene_saved_with_an_open_case_holds_no_outlines(slicer, at_work, tmp_path):
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    at_work.ui.roleComboBox.setCurrentIndex(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    for kind in ("vtkMRMLSegmentationNode", "vtkMRMLVolumeNode", "vtkMRMLSegmentationDisplayNode"):
        assert slicer.util.getNodesByClass(kind) == []


def test_the_live_readout_leaves_out_what_run_leaves_out(slicer, open_panel):
    from medai import scene
    from medai.images import Volume

    panel = open_panel("RaterAgreement")
    volume = Volume(np.zeros((1, 40, 40), np.int16), np.eye(4), "", "image")
    node = scene.show_volume(volume)
    for name in ("one", "two"):
        drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        drawn.SetReferenceImageGeometryParameterFromVolumeNode(node)
        drawn.GetSegmentation().AddEmptySegment("lesion")
        mask = np.zeros(volume.array.shape, np.uint8)
        mask[0, 0, :5] = 1  # less than a twentieth
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, drawn, "lesion", node)
    panel.widget.parameters.source = "Segmentations in the scene"
    panel.widget.parameters.referenceVolume = node
    panel.widget.parameters.followEdits = True
    panel.wait(seconds=0.2)
    assert panel.wait(until=lambda: "Now:" in panel.ui.liveLabel.text(), seconds=5)
    assert "ICC – (2 of 2 raters marked less than 5 %" in panel.ui.liveLabel.text()


def test_one_rater_is_one_rater():
    from RaterAgreementLib.analyse_side import needed_sentence

    from medai.agreement import ImageRatings, cohort

    masks = (np.random.default_rng(0).random((1, 3, 16, 16)) < 0.4).repeat(3, axis=0)
    masks[1, 0, 0, 0] ^= True
    found = cohort([ImageRatings("case", masks, ("a", "b", "c"))], grids=(), bootstrap=0)
    assert "one rater reaches 0.50" in needed_sentence(found, 0.5)


# Tables.


@pytest.mark.parametrize("module", MODULES)
def test_every_column_lies_inside_a_panel_of_400_pixels(slicer, open_panel, module):
    import qt

    panel = open_panel(module, width=400)
    for section in vars(panel.ui).values():
        if section.metaObject().className() == "ctkCollapsibleButton":
            section.setProperty("collapsed", False)
    panel.ui.__dict__.get("resultBox", panel.window).setVisible(True)
    panel.wait()
    tables = [child for child in panel.window.findChildren(qt.QTableWidget) if child.columnCount()]
    assert tables
    for table in tables:
        texts = ["Right eye, upper zone", "consistent with cataract, not a diagnosis"]
        table.setRowCount(1)
        for column in range(table.columnCount()):
            resize = table.horizontalHeader().sectionResizeMode(column)
            text = "0.55" if resize == qt.QHeaderView.ResizeToContents else texts[column % 2]
            table.setItem(0, column, qt.QTableWidgetItem(text))
        table.setParent(None)  # some stand in boxes that wait for a result
        table.setFixedWidth(400 - 30)
        table.show()
        panel.wait()
        assert table.horizontalHeader().length() <= table.viewport().width(), table.objectName()


# PyTorch and the launcher.


def test_an_installation_that_fails_is_one_line(slicer, monkeypatch):
    from types import ModuleType, SimpleNamespace

    from medai_panels import pytorch

    def install(**_):
        raise RuntimeError("Command pip failed\nERROR: No matching distribution\n")

    module = ModuleType("PyTorchUtils")
    module.PyTorchUtilsLogic = lambda: SimpleNamespace(installTorch=install)
    module.__spec__ = SimpleNamespace(name="PyTorchUtils")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", module)
    monkeypatch.setattr(pytorch, "torch_is_installed", lambda: False)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: True)
    with pytest.raises(MissingDependencyError, match=r"\(ERROR: No matching distribution\)"):
        pytorch.ensure_torch()


def test_behind_the_launcher_a_killed_process_still_means_out_of_memory(tmp_path):
    from medai.inference.worker.inference_worker import _why_it_ended

    launcher = write_launcher(tmp_path)
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert status_of(launcher, kill) == 1 and status_of(launcher, "pass") == 0
    assert "out of memory" in _why_it_ended(status_of(launcher, kill), "")
    assert "ValueError" in _why_it_ended(1, "ValueError: x")
    assert "crashed (Segmentation fault)" in _why_it_ended(
        1, "Fatal Python error: Segmentation fault"
    )


def test_a_launcher_that_is_not_found_is_said(slicer, monkeypatch):
    from medai_panels import worker_logic

    monkeypatch.setattr(worker_logic.shutil, "which", lambda name: None)
    monkeypatch.setattr(worker_logic.sys, "executable", "/opt/Slicer/SlicerApp-real")
    with pytest.raises(MissingDependencyError, match="PythonSlicer"):
        worker_logic.new_worker()
