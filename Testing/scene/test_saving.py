"""Scene and segmentations as files: names, colors, terminology and geometry survive."""

import sys

import numpy as np
import pytest

from medai import scene
from medai.errors import InputError, OutputError
from medai.images import read_segmentation
from medai.palette import CLASS_COLORS
from medai.terminology import terminology_entry
from Testing.rendering.slice_picture import slice_picture
from Testing.scene.items import children

NAMES = ("lesion", "right lung", "left lung", "right upper zone")


@pytest.fixture
def chest(slicer, result):
    """The chest phantom's node."""
    return scene.show_volume(result.volume)


@pytest.fixture
def nodes(chest, result):
    """The nodes of the result."""
    return scene.show(result, chest)


def masks_of(result):
    return dict(
        zip(
            NAMES,
            (result.lesions == 1, result.lungs == 1, result.lungs == 2, result.zones == 1),
            strict=True,
        )
    )


def assert_segments_are_whole(slicer, node, reference, result):
    for name, mask in masks_of(result).items():
        segmentation = node.GetSegmentation()
        segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
        assert segment.GetTerminology() == terminology_entry(name)
        if name in CLASS_COLORS:
            assert segment.GetColor() == pytest.approx(CLASS_COLORS[name], abs=1e-5)
        array = slicer.util.arrayFromSegmentBinaryLabelmap(
            node, segmentation.GetSegmentIdBySegmentName(name), reference
        )
        np.testing.assert_array_equal(array, mask)


def test_segments_survive_a_seg_nrrd_through_slicer(slicer, chest, nodes, result, tmp_path):
    path = tmp_path / "lesions.seg.nrrd"
    scene.save_segmentation(nodes.segmentation, path)
    slicer.mrmlScene.Clear(False)
    reference = scene.show_volume(result.volume)
    loaded = slicer.util.loadSegmentation(str(path))
    assert_segments_are_whole(slicer, loaded, reference, result)


def test_segments_survive_a_seg_nrrd_read_without_slicer(nodes, result, tmp_path):
    path = tmp_path / "lesions.seg.nrrd"
    scene.save_segmentation(nodes.segmentation, path)
    read = read_segmentation(path)
    assert read.grid_shape == result.volume.grid_shape
    np.testing.assert_allclose(read.ijk_to_ras, result.volume.ijk_to_ras, atol=1e-6)
    for name, mask in masks_of(result).items():
        segment = read.segment(name)
        np.testing.assert_array_equal(read.mask(segment), mask)
        assert segment.terminology == terminology_entry(name)


def test_a_bundle_brings_everything_back(slicer, chest, nodes, result, tmp_path):
    path = tmp_path / "scene.mrb"
    at = result.findings[0].center_ras
    before = slice_picture(chest, at_ras=at, overlay=nodes.probability, size_px=(160, 160))
    scene.save_scene(path)
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(path))
    loaded = slicer.util.getNode(chest_name := result.volume.name)
    volume = scene.volume_from_node(loaded)
    np.testing.assert_array_equal(volume.array, result.volume.array)
    assert volume.modality == "CT"
    segmentation = slicer.util.getNode(f"{chest_name} lesions")
    assert_segments_are_whole(slicer, segmentation, loaded, result)
    assert segmentation.GetDisplayNode().GetSegmentOpacity2DFill("right lung") == 0
    probability = slicer.util.getNode(f"{chest_name} lesion probability (%)")
    after = slice_picture(loaded, at_ras=at, overlay=probability, size_px=(160, 160))
    np.testing.assert_allclose(after.astype(int), before.astype(int), atol=3)


def test_a_result_is_updated_in_a_scene_that_was_read(slicer, chest, nodes, result, tmp_path):
    scene.save_scene(tmp_path / "scene.mrb")
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    before = slicer.mrmlScene.GetNumberOfNodes()
    loaded = slicer.util.getNode(result.volume.name)
    again = scene.show(result, loaded)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert sum("lesion results" in name for name in children(slicer)) == 1
    assert f"{result.volume.name} burden table" in children(slicer, again.folder)


@pytest.mark.parametrize("name", ["scene.mrb", "lesions.seg.nrrd"])
def test_an_existing_file_stays_unless_overwriting_is_allowed(nodes, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")

    def save(**options):
        if name.endswith(".mrb"):
            scene.save_scene(path, **options)
        else:
            scene.save_segmentation(nodes.segmentation, path, **options)

    with pytest.raises(OutputError, match="exists already"):
        save()
    assert path.read_bytes() == b"old"
    save(overwrite=True)
    assert path.stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_suffix_is_refused_before_anything_is_written(nodes, tmp_path):
    with pytest.raises(InputError, match=r"must end in \.mrb"):
        scene.save_scene(tmp_path / "scene.zip")
    with pytest.raises(InputError, match=r"must end in \.seg\.nrrd"):
        scene.save_segmentation(nodes.segmentation, tmp_path / "lesions.nrrd")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_a_file_is_one_plain_line(nodes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        scene.save_scene(tmp_path / "file" / "scene.mrb")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are set differently there")
@pytest.mark.parametrize("name", ["scene.mrb", "lesions.seg.nrrd"])
def test_a_write_that_breaks_off_is_told_and_leaves_nothing(nodes, tmp_path, name):
    """As on a disk that fills up: no file may grow beyond 4 kB."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="writer failed") as caught:
            if name.endswith(".mrb"):
                scene.save_scene(tmp_path / name)
            else:
                scene.save_segmentation(nodes.segmentation, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
