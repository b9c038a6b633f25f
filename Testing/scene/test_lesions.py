"""A lesion result in the scene."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medai import scene
from medai.errors import GeometryError, InputError
from medai.images import to_axial
from medai.inference import rethreshold
from medai.measures import ZONE_NAMES
from medai.palette import CLASS_COLORS
from medai.terminology import terminology_entry, terminology_file
from Testing.modules.lesion_results import small_phantom, without_regions
from Testing.rendering.slice_picture import slice_picture
from Testing.scene.items import children, hierarchy_of


@pytest.fixture
def chest(slicer, result):
    """The chest phantom's node."""
    return scene.show_volume(result.volume)


def column(slicer, table, name):
    return slicer.util.arrayFromTableColumn(table, name)


def sagittal_and_mirrored(result):
    """The same chest with array axes (x, z, y), x running the other way."""

    def restored(array):
        return np.ascontiguousarray(array.transpose(2, 0, 1)[::-1])

    # New (i, j, k) = old (j, k, last - i).
    to_old = np.zeros((4, 4))
    to_old[0, 2], to_old[0, 3] = -1, result.volume.grid_shape[2] - 1
    to_old[1, 0] = to_old[2, 1] = to_old[3, 3] = 1
    volume = replace(
        result.volume,
        array=restored(result.volume.array),
        ijk_to_ras=result.volume.ijk_to_ras @ to_old,
    )
    arrays = ("lesions", "zones", "probability", "score_map")
    return replace(result, volume=volume, **{n: restored(getattr(result, n)) for n in arrays})


def count_nodes(slicer):
    return slicer.mrmlScene.GetNumberOfNodes()


def test_lesions_lungs_and_zones_are_segments_on_the_ct_grid(slicer, chest, result):
    nodes = scene.show(result, chest)
    segmentation = nodes.segmentation.GetSegmentation()
    names = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    assert names == ["right lung", "left lung", "lesion", *(f"{z} zone" for z in ZONE_NAMES[1:])]
    masks = {"lesion": result.lesions == 1, "right lung": result.lungs == 1}
    masks |= {f"{ZONE_NAMES[zone]} zone": result.zones == zone for zone in range(1, 7)}
    for name, mask in masks.items():
        array = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, chest)
        np.testing.assert_array_equal(array, mask)
        assert segmentation.GetSegment(name).GetTerminology() == terminology_entry(name)
    assert result.lesions.any()
    display = nodes.segmentation.GetDisplayNode()
    assert display.GetSegmentVisibility("lesion")
    assert display.GetSegmentOpacity2DFill("right lung") == 0
    assert not display.GetSegmentVisibility("left upper zone")


def test_two_classes_are_two_segments(slicer, chest, result):
    phantom = small_phantom()
    classes = ("ground-glass opacity", "consolidation")
    nodes = scene.show(replace(result, lesions=phantom.lesions, classes=classes), chest)
    for value, name in enumerate(classes, start=1):
        segment = nodes.segmentation.GetSegmentation().GetSegment(name)
        assert segment.GetColor() == pytest.approx(CLASS_COLORS[name])
        array = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, chest)
        np.testing.assert_array_equal(array, phantom.lesions == value)


def test_a_lesion_at_the_pleura_is_outlined_over_the_lung(slicer, ct, result):
    """Where the two outlines meet, the lesion's is the one that is seen."""
    zones = np.zeros(ct.array.shape, np.uint8)
    zones[5:35, 10:50, 20:45] = 2
    lesions = np.zeros(ct.array.shape, np.uint8)
    lesions[5:35, 20:40, 20:30] = 1
    nothing = np.zeros(ct.array.shape, np.float16)
    other = without_regions(
        replace(result, volume=ct, zones=zones, lesions=lesions, probability=nothing)
    )
    chest = scene.show_volume(ct)
    scene.show(other, chest)
    picture = slice_picture(chest, size_px=(240, 320)).astype(int)
    # 4 picture pixels a voxel: the shared edge is at 80; above the lesion it is the lung's alone.
    for row, name in ((120, "lesion"), (60, "right lung")):
        edge = picture[row, 77:84]
        expected = 255 * np.array(CLASS_COLORS[name])
        assert np.abs(edge - expected).max(axis=1).min() < 60


def test_the_reference_geometry_is_the_ct(slicer, chest, result):
    node = scene.show(result, chest).segmentation
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is chest


def test_tables_carry_the_numbers_with_units_in_the_column_names(slicer, chest, result):
    nodes = scene.show(result, chest)
    volume = column(slicer, nodes.lesion_table, "volume (mL)")
    np.testing.assert_allclose(volume, [lesion.volume_ml for lesion in result.findings])
    assert len(volume) > 3
    center = column(slicer, nodes.lesion_table, "center A (mm)")
    np.testing.assert_allclose(center, [lesion.center_ras[1] for lesion in result.findings])
    opacity = column(slicer, nodes.burden_table, "opacity (%)")
    expected = [result.burden.opacity_percent, result.burden.right_opacity_percent]
    np.testing.assert_allclose(opacity[:2], expected)
    assert nodes.burden_table.GetCellText(3, 0) == "right upper"
    assert nodes.burden_table.GetNumberOfRows() == 9


def test_the_probability_map_is_in_percent_and_has_a_legend(slicer, chest, result):
    nodes = scene.show(result, chest)
    percent = slicer.util.arrayFromVolume(nodes.probability)
    expected = np.rint(100 * result.probability.astype(np.float32))
    np.testing.assert_array_equal(percent, expected)
    assert percent.max() > 60
    legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(nodes.probability)
    assert legend.GetTitleText() == "Lesion probability (%)"
    assert not legend.GetVisibility()


@pytest.mark.parametrize("stored", ["axially", "sagittally and mirrored"])
def test_boxes_lie_on_the_lesions_they_were_drawn_for(slicer, result, stored):
    """In RAS, whatever grid the study is stored in: the boxes are the RoIs' own."""
    if stored != "axially":
        result = sagittal_and_mirrored(result)
    nodes = scene.show(result, scene.show_volume(result.volume))
    points = slicer.util.arrayFromModelPoints(nodes.boxes).reshape(-1, 8, 3)
    assert len(points) == np.count_nonzero(result.rois.score >= 0.5) > 10
    shown = result.rois.score >= 0.5
    box, index = result.rois.box[shown], result.rois.slice_index[shown].astype(float)
    # A pixel's centre has its index, so its edges lie half a pixel off.
    first = np.stack([index - 0.5, box[:, 1] - 0.5, box[:, 0] - 0.5], axis=-1)
    last = np.stack([index + 0.5, box[:, 3] - 0.5, box[:, 2] - 0.5], axis=-1)
    corners = to_axial(result.volume).ras_of(np.stack([first, last], axis=1))
    np.testing.assert_allclose(points.min(axis=1), corners.min(axis=1), atol=1e-3)
    np.testing.assert_allclose(points.max(axis=1), corners.max(axis=1), atol=1e-3)
    # A pasted mask may reach one pixel beyond its box, as torchvision's do.
    z, y, x = np.nonzero(result.lesions)
    lesions = result.volume.ras_of(np.stack([z, y, x], axis=-1))
    voxel = np.abs(result.volume.ijk_to_ras[:3, :3]).sum(axis=1)
    assert (lesions.min(axis=0) - voxel / 2 >= points.min(axis=(0, 1)) - voxel - 1e-3).all()
    assert (lesions.max(axis=0) + voxel / 2 <= points.max(axis=(0, 1)) + voxel + 1e-3).all()
    assert nodes.box_scores.GetNthControlPointLabel(0) == f"{result.rois.score[0]:.2f}"


def test_plots_show_every_region_before_thresholds(slicer, chest, result):
    nodes = scene.show(result, chest)
    series = nodes.score_histogram.GetNthPlotSeriesNode(0)
    counts = column(slicer, series.GetTableNode(), series.GetYColumnName())
    assert counts.sum() == len(result.rois)
    assert counts[15:].sum() == np.count_nonzero(result.rois.score > 0.75) > 10
    series = nodes.area_score_plot.GetNthPlotSeriesNode(0)
    area = column(slicer, series.GetTableNode(), series.GetXColumnName())
    np.testing.assert_allclose(area, result.rois.area_px)
    assert nodes.zone_plot.GetNthPlotSeriesNode(0).GetTableNode() is nodes.burden_table


def test_showing_again_updates_and_adds_nothing(slicer, chest, result):
    nodes = scene.show(result, chest)
    before = count_nodes(slicer)
    fewer = rethreshold(result, score_threshold=0.82)
    assert 0 < fewer.burden.lesion_count < result.burden.lesion_count
    again = scene.show(fewer, chest)
    assert again == nodes
    assert count_nodes(slicer) == before
    array = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, "lesion", chest)
    np.testing.assert_array_equal(array, fewer.lesions)
    assert nodes.lesion_table.GetNumberOfRows() == fewer.burden.lesion_count
    boxes = slicer.util.arrayFromModelPoints(nodes.boxes).reshape(-1, 8, 3)
    assert len(boxes) == np.count_nonzero(result.rois.score >= 0.82)


def test_a_network_without_regions_takes_the_regions_of_the_last_away(slicer, chest, result):
    scene.show(result, chest)
    nodes = scene.show(without_regions(result), chest)
    assert (nodes.boxes, nodes.box_scores, nodes.score_histogram) == (None, None, None)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 1
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
    assert not [name for name in children(slicer, nodes.folder) if "RoI" in name]


def test_a_chest_without_lesions_is_shown_too(slicer, chest, result):
    nodes = scene.show(rethreshold(result, score_threshold=1.0), chest)
    assert nodes.lesion_table.GetNumberOfRows() == 0
    assert nodes.boxes.GetPolyData().GetNumberOfPoints() == 0


def test_results_lie_beside_their_ct_in_its_study(slicer, chest, result):
    hierarchy = hierarchy_of(slicer)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(chest), study)
    nodes = scene.show(result, chest)
    name = chest.GetName()
    assert list(children(slicer)) == ["study"]
    assert set(children(slicer, study)) == {name, f"{name} lesions", f"{name} lesion results"}
    assert children(slicer, study)[f"{name} lesion results"] == nodes.folder
    assert f"{name} lesion table" in children(slicer, nodes.folder)


def test_two_cts_have_results_of_their_own(slicer, chest, result):
    prior = scene.show_volume(replace(result.volume, name="prior"))
    assert scene.show(result, chest).segmentation is not scene.show(result, prior).segmentation
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_a_ct_that_changed_meanwhile_is_refused(slicer, chest, result):
    chest.SetOrigin(1.0, 2.0, 3.0)
    with pytest.raises(GeometryError, match="was moved since the result was made"):
        scene.show(result, chest)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_what_is_no_result_is_refused(slicer, chest):
    with pytest.raises(InputError, match="A dict can't be shown"):
        scene.show({}, chest)


def test_slicer_reads_the_terminology_and_finds_every_entry(slicer):
    """Codes as DICOM's own dictionary has them; colors as the palette."""
    from pydicom.sr.codedict import codes

    logic = slicer.modules.terminologies.logic()
    context = logic.LoadTerminologyFromFile(str(terminology_file()))
    assert context == "Segmentation category and type - MedAI"
    for name in CLASS_COLORS:
        if name in {"region of interest", "consensus"}:
            assert terminology_entry(name) == ""
            continue
        entry = slicer.vtkSlicerTerminologyEntry()
        assert logic.DeserializeTerminologyEntry(terminology_entry(name), entry)
        assert entry.GetTerminologyContextName() == context
        kind = entry.GetTypeModifierObject()
        kind = kind if kind.GetCodeValue() else entry.GetTypeObject()
        shown = [color["recommendedDisplayRGBValue"] for color in _coded() if _named(color, name)]
        assert shown == [[round(255 * channel) for channel in CLASS_COLORS[name]]]
    found = {entry["CodeValue"] for entry in _coded()}
    for code in (
        codes.SCT.Lung,
        codes.SCT.Lesion,
        codes.SCT.Cataract,
        codes.SCT.Lens,
        codes.SCT.Right,
        codes.SCT.Left,
        codes.SCT.UpperZoneOfLung,
        codes.SCT.MiddleZoneOfLung,
        codes.SCT.LowerZoneOfLung,
        codes.DCM.GroundGlassOpacity,
    ):
        assert code.value in found


def _named(entry, name):
    return entry.get("3dSlicerLabel") == name


def _coded():
    """Every coded type and modifier of the file."""
    content = json.loads(terminology_file().read_text(encoding="utf-8"))
    for category in content["SegmentationCodes"]["Category"]:
        for kind in category["Type"]:
            yield kind
            yield from kind.get("Modifier", ())
