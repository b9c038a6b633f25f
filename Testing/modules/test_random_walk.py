"""Every panel, in random order: other inputs, runs, corrections, deleted nodes, scenes read.

After each step: what is shown is the result of what it says it is of, what is exported says the
same, and nothing of ours was chosen as an input. Seeded, so that a step that fails comes back.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from medai.inference.covid.assessment import CovidAssessment
from medai.measures.severity import severity
from medai.scene.result_nodes import is_result
from medai.scene.steps import finish
from Testing.cataract.cards import write_card
from Testing.model_folders import write_model
from Testing.modules import cataract_results
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
# With the fourth panel's 75: 300 steps in all, and more.
STEPS = 80


class Walk:
    """One panel, what it may be given, and what must be true of it after every step."""

    module = ""
    sentence = ""  # the label that says what was found
    export = ""  # the file of an export that holds the sentence
    controls: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("inputVolume",)

    def __init__(self, slicer, open_panel, folder, messages) -> None:
        self.slicer, self.folder, self.messages = slicer, folder, messages
        self.number = 0
        self.add_inputs()
        self.panel = open_panel(self.module)
        self.panel.wait()

    def add_inputs(self) -> None:
        from medai import scene

        for _ in range(2):
            self.number += 1
            scene.show_volume(small_phantom().volume).SetName(f"CT {self.number}")

    def sources(self):
        nodes = self.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        return [
            node
            for node in nodes
            if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not is_result(node)
        ]

    # Steps.

    def choose(self, rng) -> None:
        name = rng.choice(self.inputs)
        setattr(self.panel.widget.parameters, name, rng.choice([None, *self.sources()]))

    def run(self, rng) -> None:
        button = self.panel.widget._run.button
        if button.isEnabled():
            button.click()
            assert self.panel.wait(until=lambda: not self.panel.widget._run.running)

    def start_and_go_on(self, rng) -> None:
        if self.panel.widget._run.button.isEnabled():
            self.panel.widget._run.button.click()

    def delete(self, rng) -> None:
        scene = self.slicer.mrmlScene
        every = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        ours = [
            node
            for node in every
            if is_result(node)
            or node.IsA("vtkMRMLSegmentationDisplayNode")
            or node.IsA("vtkMRMLColorLegendDisplayNode")
            or node.IsA("vtkMRMLMarkupsROINode")
        ]
        for node in rng.sample(ours, min(1, len(ours))) or self.sources()[:1]:
            scene.RemoveNode(node)

    def delete_input(self, rng) -> None:
        if self.sources():
            self.slicer.mrmlScene.RemoveNode(rng.choice(self.sources()))
        self.panel.wait()
        if len(self.sources()) < 2:
            self.add_inputs()

    def touch(self, rng) -> None:
        for node in self.sources()[:1]:
            node.GetImageData().GetPointData().GetScalars().Modified()
            node.Modified()

    def close(self, rng) -> None:
        self.slicer.mrmlScene.Clear(0)
        self.add_inputs()

    def reload(self, rng) -> None:
        path = self.folder / f"{self.number}-{rng.random()}.mrb"
        before = [self.chosen_name(name) for name in self.inputs]
        self.slicer.util.saveScene(str(path))
        self.slicer.util.loadScene(str(path))
        after = [self.chosen_name(name) for name in self.inputs]
        assert all(name in (None, other) for name, other in zip(before, after, strict=True))

    def leave_and_come_back(self, rng) -> None:
        self.panel.widget.exit()
        self.panel.wait()
        self.panel.widget.enter()

    def correct(self, rng) -> None:
        """Erase the upper or the lower half of a segment; mostly measure it at once."""
        widget = self.panel.widget
        if widget._result is None or widget._run.running or widget._source.is_gone:
            return
        node, source = rng.choice(self.drawn())
        if node.GetScene() is None:
            return
        segment = rng.choice(self.segments)
        if node.GetSegmentation().GetSegment(segment) is None:
            return
        mask = self.slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, source)
        half = mask.shape[1] // 2
        mask[:, :half] = 0 if rng.random() < 0.5 else mask[:, :half]
        mask[0, :2] = 1
        self.slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, source)
        if rng.random() < 0.8 and widget._correction.measure.isEnabled():
            widget._correction.measure.click()
            assert self.panel.wait(until=lambda: not widget._correction.is_busy, seconds=20)

    def go_back(self, rng) -> None:
        correction = self.panel.widget._correction
        if correction.own.isEnabled():
            correction.own.click()
            assert self.panel.wait(until=lambda: not correction.is_busy, seconds=20)
            assert self.panel.widget._result.of_network is None

    def drawn(self):
        """Each segmentation node with the source it lies on."""
        widget = self.panel.widget
        return list(zip(widget.drawn_nodes(), widget._source.nodes, strict=False))

    def use(self, rng) -> None:
        """Press, tick or move one control."""
        widget = getattr(self.panel.ui, rng.choice(self.controls))
        if not widget.isEnabled():
            return
        if widget.inherits("QAbstractButton"):
            widget.click()
        else:
            low, high = widget.property("minimum"), widget.property("maximum")
            widget.setValue(low + rng.random() * (high - low))

    def click_row(self, rng) -> None:
        table = getattr(self.panel.ui, rng.choice(self.tables))
        if table.isEnabled() and table.rowCount():
            table.selectRow(rng.randrange(table.rowCount()))

    def write(self, rng) -> None:
        button = self.panel.widget._export.button
        if not button.isEnabled():
            return
        folder = self.folder / f"export {rng.random()}"
        folder.mkdir()
        self.panel.widget._export.path.setCurrentPath(str(folder))
        button.click()
        (file,) = folder.rglob(self.export)
        written, widget = json.loads(file.read_text()), self.panel.widget
        assert written["sentence"] in self.shown()
        assert ("correction" in written) == (widget._result.of_network is not None)
        is_theirs = not widget.reason_not_to_show() and not widget._source.is_changed
        named = [note for note in written["notes"] if "result" in note and "computed" in note]
        named += [note for note in written["notes"] if note.startswith("This result is of")]
        assert bool(named) != is_theirs

    # What must be true.

    def chosen_name(self, name):
        node = getattr(self.panel.widget.parameters, name)
        return None if node is None else node.GetName()

    def shown(self) -> str:
        return getattr(self.panel.ui, self.sentence).text()

    def check(self) -> None:
        widget, parameters = self.panel.widget, self.panel.widget.parameters
        problems = [m.text for m in self.messages.shown if "Unexpected" in m.text]
        assert problems == []
        for name in self.inputs:
            node = getattr(parameters, name)
            assert node is None or (node.GetScene() is not None and not is_result(node))
        if widget._result is None:
            assert "No result yet" in self.shown()
            return
        assert ("orrected by hand" in self.shown()) == (widget._result.of_network is not None)
        if not widget._correction.is_busy and not widget._source.is_gone:
            self.check_segments()
        source = widget._source
        is_theirs = source.is_of(widget.inputs()) and not source.is_gone
        assert self.shown() == (
            widget._result_sentence if is_theirs else f"{source.name}: {widget._result_sentence}"
        )
        assert all(control.isEnabled() == is_theirs for control in widget.result_controls())
        notes = self.panel.ui.notesLabel.text()
        if not is_theirs:
            assert notes.startswith("This result is of ")
        elif source.is_changed:
            assert "was changed after this result was computed" in notes

    def check_segments(self) -> None:
        """Whatever segment of the result is still there shows what the numbers are of."""
        widget = self.panel.widget
        if widget.logic.reason_not_to_measure(widget.own_result, widget.drawn_nodes()):
            return
        for (node, source), masks in zip(self.drawn(), self.masks(), strict=True):
            for name, mask in masks.items():
                if node.GetSegmentation().GetSegment(name) is not None:
                    shown = self.slicer.util.arrayFromSegmentBinaryLabelmap(node, name, source)
                    assert np.array_equal(shown != 0, mask), name


class LesionWalk(Walk):
    segments = ("lesion", "right lung")
    module, sentence, export = "LesionSegmentation", "burdenLabel", "summary.json"
    controls = (
        "scoreSlider",
        "maskSlider",
        "lesionsCheckBox",
        "lungsCheckBox",
        "probabilityCheckBox",
        "scoreMapCheckBox",
        "boxesCheckBox",
        "zonesButton",
        "histogramButton",
        "scatterButton",
    )
    tables = ("findingsTable",)

    def masks(self):
        return [{"lesion": self.panel.widget._result.lesions == 1}]


class CovidWalk(Walk):
    module, sentence, export = "CovidClassification", "answerLabel", "classification.json"
    inputs = ("inputVolume", "priorVolume")
    controls = (
        "explanationCheckBox",
        "lesionsCheckBox",
        "slicePlotButton",
        "changePlotButton",
        "sideBySideButton",
    )
    tables = ("slicesTable", "severityTable")
    segments = ("lesion", "left lung")

    def masks(self):
        return [{"lesion": self.panel.widget._result.lesions.lesions == 1}]


class CataractWalk(Walk):
    module, sentence, export = "CataractMap", "sentenceLabel", "cataract.json"
    inputs = ("rightScans", "leftScans")
    controls = (
        "thresholdSlider",
        "opacitySlider",
        "overlayCheckBox",
        "lensCheckBox",
        "cataractCheckBox",
        "depthButton",
        "cropCheckBox",
        "proposeButton",
    )
    tables = ("eyesTable", "scansTable")
    segments = ("lens", "cataract")

    def masks(self):
        return [{"cataract": eye.cataract} for eye in self.panel.widget._result.eyes]

    def add_inputs(self) -> None:
        from medai.scene.oct_scans import show_scans

        for scans in cataract_results.small_scans():
            self.number += 1
            show_scans(scans).SetName(f"eye {self.number}")


@cache
def classified():
    from medai.inference.covid.classification import classify_covid

    return classify_covid


@pytest.fixture
def benches(slicer, monkeypatch, tmp_path, messages):
    """Cards and workers of all three modules with a network; the worker answers with the truth."""
    from medai.models import ModelStore
    from Testing.standins import load_module

    lesions = store_with(tmp_path / "lesions", {"id": "light", "recommended": "true"})
    write_card(tmp_path / "cataract" / "models", "small", recommended=True, threshold=0.2)
    cataract = ModelStore([tmp_path / "cataract" / "models"])
    folder = tmp_path / "covid"
    write_model(folder / "tiny", "ctnet10", ("COVID-19",), size=128, task="covid")
    covid = store_with(folder, {"id": "light", "recommended": "true"})
    first: list = []

    def lesions_of(volume, model_id, options):
        return truth_result(small_phantom(), lesions.card(model_id), options, volume)

    def covid_of(study, model_id, choices):
        if not first:
            first.append(classified()(study, covid.load(model_id), choices.classification))
        options = replace(choices.lesions, score_threshold=0.6, mask_threshold=0.5)
        found = lesions_of(study, "light", options)
        return CovidAssessment(
            replace(first[0], inputs=(study,)), found, severity(found.burden, found.lesions)
        )

    def maps_of(scans, model_id, options):
        return cataract_results.truth_result(scans, cataract.card(model_id), options)

    for name, store in (
        ("LesionSegmentation", lesions),
        ("CovidClassification", covid),
        ("CataractMap", cataract),
    ):
        monkeypatch.setattr(load_module(name), "ModelStore", lambda store=store: store)
    answers = {
        "LesionSegmentation": lesions_of,
        "CovidClassification": covid_of,
        "CataractMap": maps_of,
    }

    def use(module):
        worker = ScriptedWorker(answers[module], [])
        monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)

    monkeypatch.setattr("medai.reports.charts.charts_available", lambda: False)
    for report in ("lesions", "covid", "cataract"):
        monkeypatch.setattr(
            f"medai.reports.{report}.charts_available", lambda: False, raising=False
        )
    return SimpleNamespace(use=use)


@pytest.mark.parametrize("kind", [LesionWalk, CovidWalk, CataractWalk])
def test_what_is_shown_stays_true_in_any_order(
    kind, benches, slicer, open_panel, messages, tmp_path
):
    benches.use(kind.module)
    walk = kind(slicer, open_panel, tmp_path, messages)
    often = [walk.choose, walk.run, walk.delete, walk.use, walk.click_row]
    seldom = [walk.touch, walk.delete_input, walk.start_and_go_on, walk.leave_and_come_back]
    seldom += [walk.correct, walk.correct, walk.go_back]
    rare = [walk.close, walk.reload, walk.write]
    rng = random.Random(kind.module)
    walk.run(rng)
    for number in range(STEPS):
        step = rng.choice(4 * often + 2 * seldom + rare)
        step(rng)
        walk.panel.wait()
        walk.panel.wait(until=lambda: not walk.panel.widget._nodes_added._timer.isActive())
        if not walk.panel.widget._run.running:
            try:
                walk.check()
            except AssertionError as error:
                raise AssertionError(f"Step {number}, {step.__name__}: {error}") from error


@pytest.mark.parametrize("kind", [LesionWalk, CovidWalk, CataractWalk])
def test_every_node_of_ours_may_be_deleted_and_every_control_still_works_or_says_why(
    kind, benches, slicer, open_panel, messages, tmp_path
):
    """Each node, and each node's display, with each control."""
    benches.use(kind.module)
    walk = kind(slicer, open_panel, tmp_path, messages)
    for name, node in zip(walk.inputs, walk.sources(), strict=False):
        setattr(walk.panel.widget.parameters, name, node)
    walk.run(None)
    widget = walk.panel.widget
    scene = slicer.mrmlScene

    def ours():
        every = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        found = {}
        for node in every:
            if is_result(node):
                found[node.GetAttribute("MedAI.role"), "node"] = node
                if node.IsA("vtkMRMLDisplayableNode") and node.GetDisplayNode() is not None:
                    found[node.GetAttribute("MedAI.role"), "display"] = node.GetDisplayNode()
        return found

    keys = list(ours())
    assert len(keys) >= 6
    sources = widget._source.nodes
    for key in keys:
        scene.RemoveNode(ours()[key])
        for name in (*walk.controls, "zonesButton"):
            control = getattr(walk.panel.ui, name, None)
            if control is None or not control.isEnabled():
                continue
            if control.inherits("QAbstractButton"):
                control.click()
                control.click()
            else:
                middle = (control.property("minimum") + control.property("maximum")) / 2
                control.setValue(middle)
        for name in walk.tables:
            if getattr(walk.panel.ui, name).rowCount():
                getattr(walk.panel.ui, name).selectRow(0)
        walk.panel.wait()
        unforeseen = [m.text for m in messages.shown if "Unexpected" in m.text]
        assert unforeseen == [], key
        widget._nodes = finish(widget.logic.show_in_steps(widget._result, sources))


def test_segmentations_in_the_scene_stay_true_in_any_order(slicer, open_panel, messages):
    """The fourth panel: volumes, segmentations and ticks come and go."""
    from medai import scene
    from medai.images import Volume

    panel = open_panel("RaterAgreement")
    rng = random.Random("RaterAgreement")
    count = 0

    def add() -> None:
        nonlocal count
        count += 1
        volume = Volume(np.zeros((1, 24, 24), np.int16), np.eye(4), "", f"image {count}")
        node = scene.show_volume(volume)
        for rater in ("a", "b"):
            drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", rater)
            drawn.SetReferenceImageGeometryParameterFromVolumeNode(node)
            drawn.GetSegmentation().AddEmptySegment("lesion")
            mask = np.zeros(volume.array.shape, np.uint8)
            mask[0, rng.randrange(8) : 18, 4:16] = 1
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, drawn, "lesion", node)

    def of(kind):
        return [n for n in slicer.util.getNodesByClass(kind) if not is_result(n)]

    def choose() -> None:
        panel.widget.parameters.referenceVolume = rng.choice([None, *of("vtkMRMLScalarVolumeNode")])

    def run() -> None:
        if panel.widget._analyse.run.button.isEnabled():
            panel.widget._analyse.run.button.click()
            panel.wait(until=lambda: not panel.widget._analyse.run.running)

    def delete() -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        nodes += slicer.util.getNodesByClass("vtkMRMLVolumeNode")
        nodes += slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
        if nodes:
            slicer.mrmlScene.RemoveNode(rng.choice(nodes))

    def use() -> None:
        name = rng.choice(
            ("outlinesCheckBox", "disagreementCheckBox", "measuresButton", "performanceButton")
        )
        if getattr(panel.ui, name).isEnabled():
            getattr(panel.ui, name).click()

    def click_row() -> None:
        if panel.ui.imageTable.isEnabled() and panel.ui.imageTable.rowCount():
            panel.ui.imageTable.selectRow(0)

    def switch() -> None:
        other = {"Study folder": "Segmentations in the scene"}
        panel.widget.parameters.source = other.get(panel.widget.parameters.source, "Study folder")

    def close() -> None:
        slicer.mrmlScene.Clear(0)
        add()

    add()
    panel.widget.parameters.source = "Segmentations in the scene"
    panel.wait(until=lambda: len(panel.widget._choice.nodes) >= 2, seconds=5)
    steps = 4 * [choose, run, delete, use, click_row] + 2 * [add, switch] + [close]
    for number in range(STEPS):
        step = rng.choice(steps)
        step()
        panel.wait()
        panel.wait(until=lambda: not panel.widget._choice._later._timer.isActive())
        where = f"step {number}, {step.__name__}"
        assert [m.text for m in messages.shown if "Unexpected" in m.text] == [], where
        analyse = panel.widget._analyse
        if analyse._result is not None:
            chosen = panel.widget._chosen_source().inputs
            is_theirs = analyse._whose.is_of(chosen) and not analyse._whose.is_gone
            says = panel.ui.summaryLabel.text().startswith("This result is of ")
            assert says != is_theirs, where
            assert panel.ui.imageTable.isEnabled() or not is_theirs, where
