"""Maps over the CT."""

import numpy as np
import pytest
from scipy.special import expit

from medai.palette import probability_colors
from medai.resources import resources_folder
from medai.scene.color_maps import legend_of, put_map, put_map_in_steps, show_map
from medai.scene.result_nodes import ResultNodes
from medai.scene.steps import finish
from Testing.rendering.slice_picture import SliceView


@pytest.fixture
def heat(slicer, shown, ct):
    """0 at the patient's right, 1 at the left."""
    fraction = np.broadcast_to(np.linspace(0, 1, 80, dtype=np.float16), ct.array.shape)
    nodes = ResultNodes(shown, "test", "test")
    return put_map(nodes, "map", "heat (%)", fraction, ct.ijk_to_ras)


def composites(slicer):
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def test_the_table_is_the_palette_and_brightens_evenly():
    """Lightness (CIE 1976) rises at each step: the order is seen without telling colors apart."""
    path = resources_folder() / "ColorTables" / "MedAI-Probability.ctbl"
    rows = [r.split() for r in path.read_text().splitlines() if not r.startswith("#")]
    rgb = np.array([[int(channel) for channel in row[2:5]] for row in rows])
    np.testing.assert_array_equal(rgb, np.rint(255 * probability_colors(101)))
    assert [row[0] for row in rows] == [str(index) for index in range(101)]
    assert [int(row[5]) for row in rows] == [0] * 5 + [255] * 96
    linear = np.where(rgb <= 10, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    # 8-bit channels jitter by a step; over five percent points it always rises.
    assert (lightness[5:] - lightness[:-5] > 1.5).all()


def test_a_map_is_shown_with_its_legend_and_taken_away(slicer, shown, heat):
    show_map(heat, 0.4)
    assert {node.GetLabelVolumeID() for node in composites(slicer)} == {heat.GetID()}
    assert composites(slicer)[0].GetLabelOpacity() == pytest.approx(0.4)
    assert {node.GetBackgroundVolumeID() for node in composites(slicer)} == {shown.GetID()}
    assert legend_of(heat).GetVisibility()
    show_map(None)
    assert {node.GetLabelVolumeID() for node in composites(slicer)} == {None}
    assert not legend_of(heat).GetVisibility()


def test_only_the_shown_map_has_a_legend(slicer, shown, heat, ct):
    nodes = ResultNodes(shown, "test", "test")
    other = put_map(nodes, "other", "other (%)", np.zeros(ct.array.shape), ct.ijk_to_ras)
    show_map(heat)
    show_map(other)
    assert (legend_of(heat).GetVisibility(), legend_of(other).GetVisibility()) == (False, True)


def test_a_drag_in_the_window_level_tool_changes_the_ct_not_the_map(slicer, shown, heat):
    """Trap: Slicer's tool changes the foreground volume; the map lies in the label layer."""
    show_map(heat, 1.0)
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    for r in (-70.0, 0.0, 70.0):
        layer = logic.GetEditableLayerAtWorldPosition([r, 0.0, 60.0])
        assert layer == slicer.vtkMRMLSliceLogic.LayerBackground
    with SliceView((200, 200)) as view:
        before = view.picture(shown, overlay=heat, overlay_opacity=1.0)
        # What the tool does with the layer it was told.
        logic.SetBackgroundWindowLevel(50.0, -800.0)
        after = view.picture(shown, overlay=heat, overlay_opacity=1.0)
    # The map ends at 5 %: left of it the CT shows through, right of it the map does.
    ct_before, ct_after = before[100, 4].astype(int), after[100, 4].astype(int)
    assert abs(ct_after - ct_before).max() > 40
    np.testing.assert_array_equal(after[100, 100], before[100, 100])


def test_the_map_is_drawn_in_the_colors_of_the_table(slicer, shown, heat):
    with SliceView((200, 200)) as view:
        picture = view.picture(shown, overlay=heat, overlay_opacity=1.0)
    for column in (40, 100, 160):
        # 80 voxels of 2 mm fill the picture's 200 columns.
        percent = round(100 * int(column * 80 / 200) / 79)
        expected = 255 * probability_colors(101)[percent]
        np.testing.assert_allclose(picture[60, column], expected, atol=6)


def test_the_legend_is_in_the_picture(slicer, shown, heat):
    with SliceView((256, 256)) as view:
        with_map = view.picture(shown, overlay=heat)
        without = view.picture(shown)
    bar = with_map[240:254, 60:200].reshape(-1, 3).astype(int)
    assert (bar.max(axis=1) - bar.min(axis=1) > 100).sum() > 500
    assert without[240:254, 60:200].max() == 0


@pytest.mark.parametrize("to_fraction", [None, expit])
def test_half_precision_is_looked_up_and_gives_the_percent_of_single(
    slicer, shown, ct, to_fraction
):
    values = np.random.default_rng(0).normal(0.4, 0.5, ct.array.shape).astype(np.float16)
    values[0, 0, :6] = 0, -0.0, 1, np.inf, -np.inf, np.nan
    nodes = ResultNodes(shown, "test", "test")
    half, single = (
        slicer.util.arrayFromVolume(
            put_map(nodes, name, name, values.astype(kind), ct.ijk_to_ras, to_fraction=to_fraction)
        )
        for name, kind in (("half", np.float16), ("single", np.float32))
    )
    np.testing.assert_array_equal(half, single)
    fraction = np.nan_to_num(values.astype(np.float32) if to_fraction is None else expit(values))
    np.testing.assert_allclose(half, 100 * np.clip(fraction, 0, 1), atol=0.55)
    assert half.dtype == np.uint8 and 0 < half.mean() < 100


def test_a_large_map_is_made_in_steps(slicer, shown, monkeypatch):
    monkeypatch.setattr("medai.scene.color_maps._VOXELS_AT_ONCE", 5 * 60 * 80)
    nodes = ResultNodes(shown, "test", "test")
    values = np.linspace(0, 1, 40, dtype=np.float16)[:, None, None] * np.ones((40, 60, 80))
    steps = put_map_in_steps(nodes, "map", "heat (%)", values.astype(np.float16), np.eye(4))
    for _ in range(8):
        next(steps)
        assert nodes.find("map").GetImageData() is None
    node = finish(steps)
    array = slicer.util.arrayFromVolume(node)
    np.testing.assert_array_equal(
        array, np.rint(100 * values.astype(np.float16).astype(np.float32))
    )
