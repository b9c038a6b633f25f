"""The stand-ins keep to what Slicer does, as far as panels count on it."""

from __future__ import annotations

from typing import Annotated

import pytest

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def parameters(slicer):
    """A parameter node of several kinds, and the class it is made with."""
    from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    class Settings:
        # As types, not as texts: a class inside a function has no module to look names up in.
        __annotations__ = {
            "volume": slicer.vtkMRMLScalarVolumeNode,
            "share": Annotated[float, WithinRange(0.0, 1.0)],
            "device": Annotated[str, Choice(["auto", "cpu"])],
            "shown": bool,
        }
        share = 0.5
        device = "auto"

    wrapper = parameterNodeWrapper(Settings)
    return wrapper(ScriptedLoadableModuleLogic().getParameterNode())


def test_parameters_have_defaults_and_are_kept_in_the_node(parameters):
    assert (parameters.volume, parameters.share, parameters.shown) == (None, 0.5, False)
    parameters.share = 0.25
    assert parameters.parameterNode.GetParameter("share") == "0.25"
    assert type(parameters)(parameters.parameterNode).share == 0.25


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("share", 1.5, ValueError),
        ("share", "much", TypeError),
        ("device", "tpu", ValueError),
        ("shown", 1, TypeError),
        ("volume", "CT", TypeError),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(parameters, name, value, error):
    before = getattr(parameters, name)
    with pytest.raises(error):
        setattr(parameters, name, value)
    assert getattr(parameters, name) == before


def test_a_closed_scene_brings_the_defaults_back(parameters, slicer):
    parameters.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    parameters.share = 0.75
    slicer.mrmlScene.Clear(0)
    assert parameters.volume is None and parameters.share == 0.5


def test_widgets_and_parameters_follow_each_other_until_they_are_disconnected(parameters, slicer):
    import ctk
    import qt

    slider, box, combo = ctk.ctkSliderWidget(), qt.QCheckBox(), qt.QComboBox()
    slider.setProperty("singleStep", 0.01)
    widgets = {"share": slider, "shown": box, "device": combo}
    tag = parameters.connectParametersToGui(widgets)
    assert (slider.value, slider.maximum, combo.count()) == (0.5, 1.0, 2)
    slider.setValue(0.9)
    box.setChecked(True)
    combo.setCurrentIndex(1)
    assert (parameters.share, parameters.shown, parameters.device) == (0.9, True, "cpu")
    parameters.share = 0.1
    assert slider.value == 0.1
    parameters.disconnectGui(tag)
    slider.setValue(0.6)
    parameters.shown = False
    assert parameters.share == 0.1 and box.isChecked()


def test_a_slider_without_a_range_and_a_combo_box_without_choices_are_refused(parameters):
    import ctk
    import qt

    with pytest.raises(RuntimeError, match="WithinRange"):
        parameters.connectParametersToGui({"shown": ctk.ctkSliderWidget()})
    with pytest.raises(RuntimeError, match="Choice"):
        parameters.connectParametersToGui({"share": qt.QComboBox()})
    with pytest.raises(ValueError, match="typo"):
        parameters.connectParametersToGui({"typo": qt.QCheckBox()})


def test_the_node_selector_follows_the_scene(slicer):
    selector = slicer.qMRMLNodeComboBox()
    selector.setProperty("nodeTypes", ["vtkMRMLScalarVolumeNode"])
    selector.setProperty("showChildNodeTypes", False)
    seen = []
    selector.currentNodeChanged.connect(seen.append)
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.currentNode() is None
    first = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "first")
    second = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "second")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "label map")
    assert selector.currentNode() is first and selector.nodeCount() == 2
    selector.setCurrentNode(second)
    slicer.mrmlScene.RemoveNode(second)
    assert selector.currentNode() is first
    slicer.mrmlScene.Clear(0)
    assert selector.currentNode() is None and seen == [first, second, first, None]
    selector.setMRMLScene(None)


def test_ctk_widgets_have_no_setters_that_ctk_lacks(slicer):
    import ctk

    button, slider = ctk.ctkCollapsibleButton(), ctk.ctkSliderWidget()
    assert not hasattr(button, "setCollapsed")
    assert not any(hasattr(slider, name) for name in ("setMinimum", "setMaximum", "setRange"))
    button.setProperty("collapsed", True)
    assert button.property("collapsed")
