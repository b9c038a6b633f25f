"""`.seg.nrrd` without Slicer, and with it."""

from __future__ import annotations

import numpy as np
import pytest

from medai.errors import GeometryError, ImageReadError, InputError, OutputError
from medai.images import (
    Segment,
    Segmentation,
    Volume,
    read_segmentation,
    segmentation_from_masks,
    write_segmentation,
    write_volume,
)

MATRIX = np.array(
    [[-0.56, 0.64, 0.0, 10.0], [-0.42, -0.48, 0.0, 20.0], [0.0, 0.0, 2.5, -30.0], [0, 0, 0, 1.0]]
)
COLORS = {
    "consolidation": (0.8, 0.475, 0.655),
    "right lung": (0.337, 0.706, 0.914),
    "Tumör 2": (0.0, 1.0, 0.0),
}
ENTRY = (
    "Segmentation category and type - MedAI~SCT^49755003^Morphologically Altered Structure"
    "~SCT^95436008^Lung consolidation~^^~Anatomic codes - DICOM master list~SCT^39607008^Lung~^^"
)


@pytest.fixture
def masks() -> dict[str, np.ndarray]:
    lesion, lung, other = np.zeros((3, 6, 8, 10), bool)
    lesion[1:4, 2:5, 3:7] = True
    lung[2:5, 3:6, 5:9] = True
    other[5, 0, 0] = True
    return {"consolidation": lesion, "right lung": lung, "Tumör 2": other}


@pytest.fixture
def segmentation(masks) -> Segmentation:
    return segmentation_from_masks(
        masks, MATRIX, colors=COLORS, terminologies={"consolidation": ENTRY}
    )


def test_overlapping_masks_go_to_layers_of_their_own(segmentation, masks) -> None:
    assert segmentation.layers.shape == (2, 6, 8, 10)
    assert [(s.layer, s.label_value) for s in segmentation.segments] == [(0, 1), (1, 1), (0, 2)]
    for name, mask in masks.items():
        np.testing.assert_array_equal(segmentation.mask(name), mask)


def test_everything_survives_the_file(segmentation, masks, tmp_path) -> None:
    write_segmentation(segmentation, tmp_path / "x.seg.nrrd")
    back = read_segmentation(tmp_path / "x.seg.nrrd")

    assert back.segments == segmentation.segments
    np.testing.assert_array_equal(back.layers, segmentation.layers)
    np.testing.assert_array_equal(back.ijk_to_ras, MATRIX)
    assert back.segment("consolidation").terminology == ENTRY
    assert back.segment("Segment_3").name == "Tumör 2"


def test_tags_and_one_layer_survive(tmp_path) -> None:
    segment = Segment("id-7", "A: b", (0.25, 0.5, 1.0), 0, 9, "", {"Segmentation.Status": "done"})
    layers = np.zeros((1, 2, 3, 4), np.uint16)
    layers[0, 1] = 9
    write_segmentation(Segmentation(layers, (segment,), MATRIX), tmp_path / "x.seg.nrrd")

    back = read_segmentation(tmp_path / "x.seg.nrrd")

    assert back.segments == (segment,)
    np.testing.assert_array_equal(back.mask("A: b"), layers[0] == 9)


def test_slicer_reads_what_we_write_and_we_read_what_slicer_writes(
    segmentation, masks, tmp_path
) -> None:
    slicer = pytest.importorskip("slicer", reason="slicer-core isn't installed")
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    write_segmentation(segmentation, tmp_path / "ours.seg.nrrd")
    scene = slicer.vtkMRMLScene()
    storage = slicer.vtkMRMLSegmentationStorageNode()
    node = slicer.vtkMRMLSegmentationNode()
    scene.AddNode(storage)
    scene.AddNode(node)
    storage.SetFileName(str(tmp_path / "ours.seg.nrrd"))
    assert storage.ReadData(node)

    inside = node.GetSegmentation()
    assert inside.GetNumberOfSegments() == 3
    for index, expected in enumerate(segmentation.segments):
        segment = inside.GetNthSegment(index)
        assert inside.GetNthSegmentID(index) == expected.id
        assert segment.GetName() == expected.name
        assert segment.GetColor() == pytest.approx(expected.color)
        assert segment.GetLabelValue() == expected.label_value
        if expected.terminology:
            assert segment.GetTerminology() == expected.terminology
    image_to_world = vtkMatrix4x4()
    inside.GetNthSegment(0).GetRepresentation("Binary labelmap").GetImageToWorldMatrix(
        image_to_world
    )
    read = [[image_to_world.GetElement(r, c) for c in range(4)] for r in range(4)]
    np.testing.assert_allclose(read, MATRIX, atol=1e-9)
    assert inside.GetConversionParameter("Reference image geometry")

    storage.SetFileName(str(tmp_path / "theirs.seg.nrrd"))
    assert storage.WriteData(node)
    theirs = read_segmentation(tmp_path / "theirs.seg.nrrd")

    assert [s.name for s in theirs.segments] == list(masks)
    ours = Volume(segmentation.layers[0], MATRIX, "", "ours")
    crop = Volume(theirs.layers[0], theirs.ijk_to_ras, "", "theirs")
    for name, mask in masks.items():
        # Slicer crops to what is painted: the same places in space, on a smaller grid.
        places = ours.ras_of(np.argwhere(mask))
        np.testing.assert_allclose(
            np.sort(crop.ras_of(np.argwhere(theirs.mask(name))), axis=0),
            np.sort(places, axis=0),
            atol=1e-9,
        )


def test_a_plain_label_map_becomes_segments_by_number(tmp_path) -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, :2] = 3, 7
    write_volume(Volume(labels, MATRIX, "", "x"), tmp_path / "labels.nrrd")

    back = read_segmentation(tmp_path / "labels.nrrd")

    assert [s.name for s in back.segments] == ["Label 3", "Label 7"]
    assert back.mask("Label 7").sum() == 1


def test_a_file_of_before_layers_has_one_volume_per_segment(tmp_path, segmentation) -> None:
    write_segmentation(segmentation, tmp_path / "x.seg.nrrd")
    head, _, data = (tmp_path / "x.seg.nrrd").read_bytes().partition(b"\n\n")
    lines = [
        line
        for line in head.split(b"\n")
        if not line.startswith((b"Segment2_",)) and b"_Layer:" not in line and b"Label" not in line
    ]
    (tmp_path / "old.seg.nrrd").write_bytes(b"\n".join(lines) + b"\n\n" + data)

    old = read_segmentation(tmp_path / "old.seg.nrrd")

    assert [(s.layer, s.label_value) for s in old.segments] == [(0, 1), (1, 1)]


@pytest.mark.parametrize("line", [b"Segment0_Color:=red", b"Segment0_Layer:=9"])
def test_a_damaged_description_is_an_error(tmp_path, segmentation, line) -> None:
    write_segmentation(segmentation, tmp_path / "x.seg.nrrd")
    head, _, data = (tmp_path / "x.seg.nrrd").read_bytes().partition(b"\n\n")
    (tmp_path / "bad.seg.nrrd").write_bytes(head + b"\n" + line + b"\n\n" + data)

    with pytest.raises(ImageReadError, match=r"bad\.seg\.nrrd: .*segment 0"):
        read_segmentation(tmp_path / "bad.seg.nrrd")


def test_wrong_names_shapes_and_segments_are_errors(segmentation, tmp_path) -> None:
    with pytest.raises(OutputError, match=r"written as \.seg\.nrrd"):
        write_segmentation(segmentation, tmp_path / "x.nrrd")
    write_segmentation(segmentation, tmp_path / "x.seg.nrrd")
    with pytest.raises(OutputError, match="exists already"):
        write_segmentation(segmentation, tmp_path / "x.seg.nrrd")
    with pytest.raises(InputError, match="no segment 'liver', there are: 'consolidation'"):
        segmentation.mask("liver")
    with pytest.raises(GeometryError, match="different shapes"):
        segmentation_from_masks(
            {"consolidation": np.ones((2, 2, 2)), "right lung": np.ones((2, 2, 3))},
            MATRIX,
            colors=COLORS,
        )
    with pytest.raises(InputError, match="on layer 4, but there are 1"):
        Segmentation(np.zeros((1, 2, 2, 2)), (Segment("a", "a", (0, 0, 0), 4),), MATRIX)
