"""A result that is taken out of the scene leaves nothing behind, whatever shows it."""

from __future__ import annotations

import vtk

from medai import scene
from medai.scene.color_maps import show_map
from medai.scene.result_nodes import ResultNodes


def displays(slicer):
    nodes = slicer.util.getNodesByClass("vtkMRMLDisplayNode")
    return sorted(node.GetID() for node in nodes if node.GetScene() is not None)


def test_a_map_that_is_shown_goes_with_its_displays_and_gets_no_new_ones(slicer, result):
    chest = scene.show_volume(result.volume)
    before = displays(slicer)
    nodes = scene.show(result, chest)
    show_map(nodes.probability)

    def give_a_display(caller, event):
        # A slice view does this at once to a volume that it shows and that has lost its display.
        node = nodes.probability
        if node.GetScene() is not None and node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()

    tag = slicer.mrmlScene.AddObserver(vtk.vtkCommand.AnyEvent, give_a_display)
    held = ResultNodes(chest, "lesions", f"{chest.GetName()} lesion results")
    held.remove("probability")
    slicer.mrmlScene.RemoveObserver(tag)
    assert nodes.probability.GetScene() is None and held.find("probability") is None
    for role in ("segmentation", "score map", "RoI boxes", "RoI score labels"):
        held.remove(role)
    assert displays(slicer) == before
