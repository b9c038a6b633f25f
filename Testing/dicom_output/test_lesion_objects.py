"""Lesion results as DICOM objects: valid, read back by others to the same voxels and numbers."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from medai.dicom_output.source import series_of_volume, write_series
from medai.dicom_output.write import write_lesion_objects
from medai.errors import GeometryError, MissingDependencyError
from medai.images import read_volume
from medai.inference import LesionOptions, LesionResult
from medai.inference.lesions.given_masks import (
    MeasureOptions,
    corrected,
    given_masks,
    measure_given,
)
from medai.models import ModelCard
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result

OBJECTS = ("lesions.dcm", "lungs.dcm", "zones.dcm", "probability.dcm", "measurements.dcm")
PATIENT = {"PatientID": "12345", "PatientName": "Roe^Jane", "PatientBirthDate": "19600101"}


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    store = store_with(tmp_path_factory.mktemp("models"), {"id": "perfect"})
    return store.card("perfect")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom as a hospital's CT series, of a patient."""
    folder = tmp_path_factory.mktemp("study") / "ct"
    slices = series_of_volume(small_phantom().volume)
    for header in slices:
        for name, value in PATIENT.items():
            setattr(header, name, value)
    write_series(slices, folder)
    return folder


@pytest.fixture(scope="module")
def result(study: Path, card: ModelCard) -> LesionResult:
    options = LesionOptions(score_threshold=0.5, mask_threshold=0.5)
    phantom = small_phantom()
    volume = read_volume(study)
    assert np.allclose(volume.ijk_to_ras, phantom.volume.ijk_to_ras, atol=1e-4)
    return truth_result(phantom, card, options, volume)


@pytest.fixture(scope="module")
def written(study: Path, result: LesionResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lesion_objects(result, study, tmp_path_factory.mktemp("out"))


def read(path: Path) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def voxels_of(seg: pydicom.Dataset, number: int, volume) -> np.ndarray:
    """A segment on the study's grid, each frame put where its own position says."""
    out = np.zeros(volume.grid_shape, np.float32)
    ras_to_ijk = np.linalg.inv(volume.ijk_to_ras)
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        # An object of one segment says so once for all frames.
        shared = seg.SharedFunctionalGroupsSequence[0]
        said = groups if "SegmentIdentificationSequence" in groups else shared
        if said.SegmentIdentificationSequence[0].ReferencedSegmentNumber != number:
            continue
        x, y, z = map(float, groups.PlanePositionSequence[0].ImagePositionPatient)
        k = (ras_to_ijk @ (-x, -y, z, 1.0))[2]
        assert abs(k - round(k)) < 1e-3
        out[round(k)] = frame
    return out


def test_a_volume_becomes_a_series_that_is_read_back(study):
    phantom = small_phantom().volume
    volume = read_volume(study)
    assert volume.modality == "CT"
    assert np.array_equal(volume.array, np.rint(phantom.array))
    assert np.allclose(volume.ijk_to_ras, phantom.ijk_to_ras, atol=1e-4)


def test_masks_come_back_to_the_voxel(written, result):
    expected = {
        "lesions.dcm": result.lesions,
        "lungs.dcm": result.lungs,
        "zones.dcm": result.zones,
    }
    for name, labels in expected.items():
        seg = read(written / name)
        for item in seg.SegmentSequence:
            number = int(item.SegmentNumber)
            assert np.array_equal(voxels_of(seg, number, result.volume), labels == number), name
        assert {int(item.SegmentNumber) for item in seg.SegmentSequence} == set(
            range(1, labels.max() + 1)
        )


def test_the_probability_comes_back_to_a_255th(written, result):
    seg = read(written / "probability.dcm")
    assert seg.SegmentationFractionalType == "PROBABILITY"
    got = voxels_of(seg, 1, result.volume) / seg.MaximumFractionalValue
    inside = result.zones.any(axis=(1, 2))
    assert np.abs(got[inside] - result.probability[inside].astype(np.float32)).max() <= 0.5 / 255


def test_other_readers_see_the_same(written, result):
    """highdicom by its own reader, and SimpleITK's GDCM."""
    import highdicom

    seg = highdicom.seg.segread(written / "lesions.dcm")
    sizes = result.volume.grid_shape[1:]
    uids = [
        str(s.ReferencedSOPInstanceUID)
        for s in seg.ReferencedSeriesSequence[0]["ReferencedInstanceSequence"].value
    ]
    pixels = seg.get_pixels_by_source_instance(
        uids, combine_segments=True, ignore_spatial_locations=True
    )
    assert np.count_nonzero(pixels) == np.count_nonzero(result.lesions)
    image = SimpleITK.ReadImage(str(written / "lesions.dcm"))
    frames = SimpleITK.GetArrayFromImage(image)
    assert frames.shape[1:] == sizes
    assert np.count_nonzero(frames) == np.count_nonzero(result.lesions)


def numbers_of(report: pydicom.Dataset) -> dict[str, dict[str, tuple[float, str]]]:
    """Every measurement by its group's tracking identifier and its name."""
    found: dict[str, dict[str, tuple[float, str]]] = {}

    def walk(item: pydicom.Dataset) -> None:
        children = item.get("ContentSequence", [])
        called = next(
            (
                c.TextValue
                for c in children
                if c.get("ValueType") == "TEXT"
                and c.ConceptNameCodeSequence[0].CodeValue == "112039"
            ),
            None,
        )
        for child in children:
            if child.ValueType == "NUM" and called is not None:
                value = child.MeasuredValueSequence[0]
                found.setdefault(called, {})[child.ConceptNameCodeSequence[0].CodeValue] = (
                    float(value.NumericValue),
                    value.MeasurementUnitsCodeSequence[0].CodeValue,
                )
            walk(child)

    walk(report)
    return found


def test_the_report_says_the_numbers(written, result):
    numbers = numbers_of(read(written / "measurements.dcm"))
    burden = result.burden
    everything = numbers["all lesions in both lungs"]
    assert everything["118565006"] == (pytest.approx(burden.lesion_volume_ml, rel=1e-6), "ml")
    assert everything["PO"] == (pytest.approx(burden.opacity_percent, rel=1e-6), "%")
    assert everything["PHO"] == (pytest.approx(burden.high_opacity_percent, rel=1e-6), "%")
    right = numbers["right lung"]
    assert right["118565006"][0] == pytest.approx(burden.right_lung_volume_ml, rel=1e-6)
    assert right["PO"][0] == pytest.approx(burden.right_opacity_percent, rel=1e-6)
    for lesion in result.findings:
        own = numbers[f"lesion {lesion.number}"]
        assert own["118565006"][0] == pytest.approx(lesion.volume_ml, rel=1e-6)
        assert own["112031"] == (pytest.approx(lesion.mean_hu, rel=1e-6), "[hnsf'U]")
    assert len(numbers) == len(result.findings) + len(result.classes) + 3


def test_every_object_names_algorithm_and_use(written, result):
    for name in OBJECTS:
        made = read(written / name)
        assert "research use only" in made.SeriesDescription
        text = str(made)
        assert result.card.id in text or name in ("lungs.dcm", "zones.dcm")
    algorithm = read(written / "lesions.dcm").SegmentSequence[0]
    parameters = algorithm.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    assert result.card.weights.sha256 in parameters


def test_identifiers_are_the_sources_own(written):
    for name in OBJECTS:
        made = read(written / name)
        assert {key: str(made[key].value) for key in PATIENT} == PATIENT


def test_a_study_of_another_format_names_nobody(result, tmp_path):
    volume = replace(result.volume, origin=None, name="DOE_JOHN")
    folder = write_lesion_objects(replace(result, volume=volume), tmp_path / "x.nrrd", tmp_path)
    series = read_volume(folder / "source")
    assert np.array_equal(series.array, np.rint(volume.array))
    sources = {str(read(file).SOPInstanceUID) for file in (folder / "source").iterdir()}
    for name in OBJECTS:
        made = read(folder / name)
        assert not str(made.PatientID) and not str(made.PatientName)
        assert b"DOE" not in (folder / name).read_bytes()
    seg = read(folder / "lesions.dcm")
    referred = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {str(item.ReferencedSOPInstanceUID) for item in referred} <= sources


def test_the_same_result_has_the_same_identity(written, result, study, tmp_path):
    again = write_lesion_objects(result, study, tmp_path)
    for name in OBJECTS:
        assert read(again / name).SOPInstanceUID == read(written / name).SOPInstanceUID
    lesions = result.lesions.copy()
    lesions[tuple(np.argwhere(lesions)[0])] = 0
    other = tmp_path / "other"
    other.mkdir()
    changed = write_lesion_objects(replace(result, lesions=lesions), study, other)
    assert (
        read(changed / "lesions.dcm").SOPInstanceUID != read(again / "lesions.dcm").SOPInstanceUID
    )


def test_a_healthy_study_has_objects_too(result, study, tmp_path):
    nothing = np.zeros_like(result.lesions)
    burden = replace(
        result.burden, lesion_volume_ml=0.0, opacity_percent=0.0, high_opacity_percent=0.0
    )
    healthy = replace(
        result, lesions=nothing, probability=nothing.astype(np.float16), findings=(), burden=burden
    )
    folder = write_lesion_objects(healthy, study, tmp_path)
    assert not read(folder / "lesions.dcm").pixel_array.any()
    assert numbers_of(read(folder / "measurements.dcm"))["all lesions in both lungs"]["PO"][0] == 0


def test_a_sheared_grid_is_refused(result, tmp_path):
    matrix = np.array(result.volume.ijk_to_ras)
    matrix[1, 2] += 3.0
    volume = replace(result.volume, ijk_to_ras=matrix, origin=None)
    with pytest.raises(GeometryError, match="perpendicular"):
        write_lesion_objects(replace(result, volume=volume), tmp_path / "x.nrrd", tmp_path)


def test_without_highdicom_the_message_says_what_to_install(
    result, study, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install highdicom"):
        write_lesion_objects(result, study, tmp_path)


@pytest.mark.parametrize("name", OBJECTS)
def test_dciodvfy_finds_no_error(written, name):
    """David Clunie's validator, where Debian's dicom3tools is installed."""
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy is not installed (Debian: apt install dicom3tools)")
    said = subprocess.run(
        [validator, str(written / name)], capture_output=True, text=True, check=False
    )
    lines = (said.stdout + said.stderr).splitlines()
    assert [line for line in lines if line.startswith("Error")] == []


def test_a_lung_of_unknown_side_has_no_side(result, study, tmp_path):
    """Zones 7 to 9: one lung, and nothing that says right or left."""
    one_lung = np.where(result.lungs == 1, result.zones + 6, 0).astype(np.uint8)
    burden = replace(
        result.burden,
        lung_volume_ml=result.burden.right_lung_volume_ml,
        right_lung_volume_ml=0.0,
        left_lung_volume_ml=0.0,
    )
    single = replace(result, zones=one_lung, burden=burden)
    folder = write_lesion_objects(single, study, tmp_path)
    assert not (folder / "zones.dcm").exists()
    lungs = read(folder / "lungs.dcm")
    (segment,) = lungs.SegmentSequence
    assert segment.SegmentLabel == "lung"
    assert np.array_equal(voxels_of(lungs, 1, result.volume), one_lung > 0)
    numbers = numbers_of(read(folder / "measurements.dcm"))
    assert numbers["lung"]["118565006"][0] == pytest.approx(burden.lung_volume_ml, rel=1e-6)
    assert "right lung" not in numbers and "left lung" not in numbers


def test_what_a_hand_corrected_is_semiautomatic_and_whole_outside_the_lungs(
    study, result, tmp_path
):
    lesions = result.lesions * (result.lungs == 2).astype(np.uint8)
    without_lung = int(np.flatnonzero(~result.zones.any(axis=(1, 2)))[0])
    lesions[without_lung, 40:44, 40:44] = 1
    given = MeasureOptions(
        given_masks({"lesion": lesions}, lesions.shape, classes=("lesion",)), own=result.lesions
    )
    given = replace(given, lesions=replace(given.lesions, lungs=result.lungs))
    hand = corrected(result, measure_given(result.volume, None, given))
    folder = write_lesion_objects(hand, study, tmp_path)
    kinds = {
        name: {item.SegmentAlgorithmType for item in read(folder / name).SegmentSequence}
        for name in OBJECTS[:4]
    }
    assert kinds.pop("lesions.dcm") == {"SEMIAUTOMATIC"}
    assert set().union(*kinds.values()) == {"AUTOMATIC"}  # lungs as they were found
    seg = read(folder / "lesions.dcm")
    assert np.array_equal(voxels_of(seg, 1, result.volume), lesions == 1)
    report = [str(each.value) for each in read(folder / "measurements.dcm").iterall()]
    report = " ".join(report)
    assert "Corrected by hand" in report and "corrected_by_hand=yes" in report
    lungs = replace(hand, zones=np.where(hand.zones == 1, 0, hand.zones).astype(np.uint8))
    folder = write_lesion_objects(lungs, study, _new(tmp_path / "lungs"))
    (kind,) = {item.SegmentAlgorithmType for item in read(folder / "lungs.dcm").SegmentSequence}
    assert kind == "SEMIAUTOMATIC"


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
