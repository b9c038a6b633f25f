"""The panels once more, with Qt as Slicer's PythonQt shows it."""

from __future__ import annotations

import sys

import pytest

from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")


MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)


@pytest.fixture
def pythonqt(slicer, monkeypatch):
    from Testing.standins.pythonqt import show_as_pythonqt

    show_as_pythonqt(slicer, monkeypatch, *MODULES, *(f"{name}Lib" for name in MODULES))


def test_what_pythonqt_does_otherwise_is_so_here(slicer, pythonqt):
    import qt

    button = qt.QPushButton("Run")
    assert button.text == "Run" and button.objectName == ""
    with pytest.raises(TypeError):
        button.text()
    with pytest.raises(AttributeError):
        button.madeUp = 1
    button.enabled = False
    assert not button.isEnabled()
    assert isinstance(button, qt.QPushButton) and not isinstance(button, qt.QWidget)
    assert type(qt.Qt.AlignRight | qt.Qt.AlignVCenter) is int
    given = []
    button.setEnabled(True)
    button.clicked.connect(lambda *arguments: given.append(arguments))
    button.click()
    assert given == [(False,)]


@pytest.mark.parametrize("name", MODULES)
def test_every_panel_opens_leaves_comes_back_and_closes(name, pythonqt, messages, open_panel):
    panel = open_panel(name)
    panel.widget.exit()
    panel.widget.enter()
    panel.wait()
    panel.close()
    assert [message for message in messages.shown if message.kind == "error"] == []


def test_lesion_segmentation_runs_shows_changes_exports_and_closes(
    slicer, messages, pythonqt, open_panel, monkeypatch, tmp_path
):
    from medai import scene
    from Testing.standins import load_module

    module = load_module("LesionSegmentation")
    assert type(sys.modules["medai_panels.run_section"].qt.QLabel).__name__ == "Class"
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"}, {"id": "other"})

    def answer(volume, model_id, options):
        return truth_result(small_phantom(), store.card(model_id), options, volume)

    worker = ScriptedWorker(answer)
    # The modules are loaded anew for PythonQt, without the fixture that accepts the terms.
    monkeypatch.setattr("medai_panels.network_panel.ensure_accepted", lambda card: None)
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    scene.show_volume(small_phantom().volume)
    panel = open_panel("LesionSegmentation")
    run = panel.widget._run
    assert run.button.enabled and run.button.text == "Run"
    run.button.click()
    assert run.button.text == "Cancel"
    assert panel.wait(until=lambda: not run.running)
    assert messages.shown == []
    assert panel.ui.burdenLabel.text.startswith("Lesions ")
    before = panel.ui.findingsTable.rowCount
    assert before > 3
    panel.ui.scoreSlider.setValue(0.88)
    assert panel.wait(until=lambda: panel.ui.findingsTable.rowCount < before)
    for name in ("lungs", "lesions", "boxes", "probability", "scoreMap"):
        getattr(panel.ui, f"{name}CheckBox").click()
    assert not panel.ui.probabilityCheckBox.checked  # the mask score map took its place
    for name in ("zones", "histogram", "scatter"):
        getattr(panel.ui, f"{name}Button").click()
    panel.ui.findingsTable.selectRow(0)
    panel.widget._model.more.click()
    assert "40 slices" in panel.widget._model.card_view.toPlainText()
    panel.widget._model.combo.setCurrentIndex(1)
    assert panel.widget.parameters.modelId == "other"
    panel.widget._export.path.setCurrentPath(str(tmp_path))
    panel.widget._export.button.click()
    assert (tmp_path / "lesions" / "report.html").is_file()
    run.button.click()
    slicer.mrmlScene.Clear(0)
    assert not run.running and not run.button.enabled
    assert messages.shown == []
    panel.close()
