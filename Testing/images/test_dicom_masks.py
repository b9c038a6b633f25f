"""DICOM SEG and RTSTRUCT become masks that are equal to the pixel."""

from pathlib import Path

import numpy as np
import pytest

from medai.dicom_output.source import series_of_volume
from medai.errors import GeometryError, ImageReadError
from medai.images import Volume
from medai.images.dicom_masks import read_dicom_masks

MATRIX = np.array([[-0.8, 0, 0, 30.0], [0, -0.7, 0, 12.0], [0, 0, 2.5, -40.0], [0, 0, 0, 1.0]])
SHAPE = (6, 12, 10)


@pytest.fixture
def volume() -> Volume:
    values = np.random.default_rng(0).integers(-1000, 500, SHAPE).astype(np.int16)
    return Volume(values, MATRIX, "CT", "ct")


def masks() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    lesion, scar = (generator.random((2, *SHAPE)) < 0.3).astype(np.uint8)
    # Slices without anything are left out of the object.
    lesion[:2], scar[:2] = 0, 0
    lesion[4], scar[4] = 0, 0
    return {"lesion": lesion, "scar": scar}


def write_seg(path: Path, volume: Volume) -> Path:
    highdicom = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes

    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in enumerate(masks(), start=1)
    ]
    made = highdicom.seg.Segmentation(
        source_images=series_of_volume(volume),
        pixel_array=np.stack(list(masks().values()), axis=-1),
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    made.save_as(path)
    return path


def write_structures(path: Path, name: str, outlines: list[np.ndarray]) -> Path:
    """outlines: of (corners, 3) i, j, k in the image's grid."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    def item(**values: object) -> pydicom.Dataset:
        made = pydicom.Dataset()
        for key, value in values.items():
            setattr(made, key, value)
        return made

    contours = []
    for corners in outlines:
        ras = corners @ MATRIX[:3, :3].T + MATRIX[:3, 3]
        lps = ras * (-1, -1, 1)
        contours.append(
            item(
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(lps),
                ContourData=[f"{value:.6f}" for value in lps.ravel()],
            )
        )
    made = item(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3",
        SOPInstanceUID=generate_uid(),
        StructureSetROISequence=[item(ROINumber=7, ROIName=name)],
        ROIContourSequence=[item(ReferencedROINumber=7, ContourSequence=contours)],
    )
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def box(left: float, top: float, right: float, bottom: float, slice_index: float) -> np.ndarray:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return np.array([(x, y, slice_index) for x, y in corners])


def test_a_segmentation_object_comes_back_equal(volume: Volume, tmp_path: Path) -> None:
    found = read_dicom_masks(write_seg(tmp_path / "seg.dcm", volume), volume)
    assert list(found) == ["lesion", "scar"]
    for name, mask in masks().items():
        assert np.array_equal(found[name], mask)


def test_a_segmentation_on_another_grid_is_resampled(volume: Volume, tmp_path: Path) -> None:
    path = write_seg(tmp_path / "seg.dcm", volume)
    other = MATRIX.copy()
    other[:3, 3] += MATRIX[:3, :3] @ (2, 3, 1)
    part = Volume(np.zeros((3, 5, 4), np.int16), other, "CT", "part")
    found = read_dicom_masks(path, part)
    assert np.array_equal(found["scar"], masks()["scar"][1:4, 3:8, 2:6])


def test_structures_are_filled_by_pixel_centers_and_holes_cut(
    volume: Volume, tmp_path: Path
) -> None:
    outlines = [box(1.5, 2.5, 7.5, 9.5, 3), box(3.5, 4.5, 5.5, 6.5, 3), box(0.5, 0.5, 2.5, 1.5, 5)]
    found = read_dicom_masks(write_structures(tmp_path / "rt.dcm", "GTV", outlines), volume)
    expected = np.zeros(SHAPE, np.uint8)
    expected[3, 3:10, 2:8] = 1
    expected[3, 5:7, 4:6] = 0
    expected[5, 1:2, 1:3] = 1
    assert list(found) == ["GTV"]
    assert np.array_equal(found["GTV"], expected)


def test_outlines_between_or_beside_the_slices_are_refused(volume: Volume, tmp_path: Path) -> None:
    between = write_structures(tmp_path / "a.dcm", "GTV", [box(1, 1, 4, 4, 2.5)])
    with pytest.raises(GeometryError, match="lie between the slices"):
        read_dicom_masks(between, volume)
    beside = write_structures(tmp_path / "b.dcm", "GTV", [box(1, 1, 4, 4, 9)])
    with pytest.raises(GeometryError, match="lie outside the image"):
        read_dicom_masks(beside, volume)


def test_other_objects_and_damaged_ones_are_named(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "no.dcm").write_bytes(b"no DICOM at all")
    with pytest.raises(ImageReadError, match=r"no\.dcm: not a DICOM file"):
        read_dicom_masks(tmp_path / "no.dcm", volume)
    series_of_volume(volume)[0].save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    with pytest.raises(ImageReadError, match="expected a Segmentation or RT Structure Set"):
        read_dicom_masks(tmp_path / "ct.dcm", volume)


def test_a_folder_of_dicom_masks_becomes_a_study(volume: Volume, tmp_path: Path) -> None:
    from medai.images import write_volume
    from medai.studies import label, rated_image
    from medai.studies.found_ratings import find_ratings
    from medai.studies.import_ratings import import_ratings

    both = (label("lesion"), label("scar"))
    (tmp_path / "pictures").mkdir()
    write_volume(volume, tmp_path / "pictures" / "ct.nrrd")
    (tmp_path / "masks" / "ct").mkdir(parents=True)
    write_seg(tmp_path / "masks" / "ct" / "Ann.dcm", volume)
    found = find_ratings(tmp_path / "masks", both, tmp_path / "pictures")
    made = import_ratings(found, tmp_path / "study", title="T", labels=both, keep_names=True)
    drawn = rated_image(made.study, "ct").segmentations["Ann"]
    for name, mask in masks().items():
        assert np.array_equal(drawn.mask(name), mask)
