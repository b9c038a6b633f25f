"""What leaves a study in another layout is equal to the pixel, and says where it is from."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.cli import run
from medai.errors import StudyError
from medai.images import Volume, read_volume, write_volume
from medai.studies import Remarks, Study, StudyPlan, create_study, label, start_session
from medai.studies.export_formats import export_as
from medai.studies.found_ratings import find_ratings
from medai.studies.import_ratings import import_ratings
from medai.studies.ratings_source import rated_images

BOTH = (label("lesion"), label("scar"))
RATERS = ("A-B", "CD", "EF")


def outlines(seed: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).integers(0, 4, shape)
    return {"lesion": (values == 1).astype(np.uint8), "scar": (values == 2).astype(np.uint8)}


@pytest.fixture
def photographs(tmp_path: Path) -> Study:
    """Two pictures, three raters, two labels; one rater sees nothing on one picture."""
    (tmp_path / "in").mkdir()
    for number, size in enumerate(((9, 14), (12, 7))):
        values = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / "in" / f"photo {number}.png")
    images = sorted((tmp_path / "in").iterdir())
    return outlined(create_study(tmp_path / "study", plan(images)))


@pytest.fixture
def scans(tmp_path: Path) -> Study:
    """Two small CTs that lie oblique in space."""
    matrix = np.array([[-0.7, 0.1, 0, 12], [0.1, -0.7, 0.2, -8], [0, 0.1, 2.5, 40], [0, 0, 0, 1]])
    paths = []
    for number in range(2):
        values = np.random.default_rng(number).integers(-1000, 1000, (3, 8, 9)).astype(np.int16)
        paths.append(tmp_path / "in" / f"ct {number}.nrrd")
        paths[-1].parent.mkdir(exist_ok=True)
        write_volume(Volume(values, matrix, "CT", ""), paths[-1])
    return outlined(create_study(tmp_path / "study", plan(paths)))


def plan(images: list[Path]) -> StudyPlan:
    return StudyPlan("Trial", images, RATERS, labels=BOTH, keep_names=True)


def outlined(study: Study) -> Study:
    for place, image in enumerate(study.protocol.images):
        volume = read_volume(study.image_path(image.name))
        for number, rater in enumerate(study.protocol.raters):
            session = start_session(study, rater, image.name, 1, volume)
            masks = outlines(10 * place + number, volume.grid_shape)
            session.submit({} if (place, number) == (1, 2) else masks, Remarks())
    return study


def all_masks(study: Study) -> dict[tuple[str, str, str], np.ndarray]:
    return {
        (one.image.name, rater, name.name): segmentation.mask(name.name)
        for one in rated_images(study)
        for rater, segmentation in one.segmentations.items()
        for name in study.protocol.labels
    }


def test_coco_comes_back_equal_to_the_pixel(photographs: Study, tmp_path: Path) -> None:
    export = export_as(photographs, tmp_path / "out", "coco")
    assert (export.images, export.masks) == (2, 6)
    document = json.loads((tmp_path / "out" / "annotations.json").read_text("utf-8"))
    assert len(document["annotations"]) == 12
    (empty,) = {entry["rater"] for entry in document["annotations"] if entry["area"] == 0}
    assert empty == "EF"
    found = find_ratings(tmp_path / "out" / "annotations.json", BOTH, tmp_path / "out" / "images")
    back = import_ratings(found, tmp_path / "back", title="T", labels=BOTH, keep_names=True)
    before, after = all_masks(photographs), all_masks(back.study)
    assert set(before) == set(after)
    assert all(np.array_equal(before[key], after[key]) for key in before)
    for image in ("photo 0", "photo 1"):
        pixels = [read_volume(s.image_path(image)).array for s in (photographs, back.study)]
        assert np.array_equal(*pixels)


def test_runs_are_those_of_cocos_own_library(photographs: Study, tmp_path: Path) -> None:
    mask_of = pytest.importorskip("pycocotools.mask")
    export_as(photographs, tmp_path / "out", "coco")
    document = json.loads((tmp_path / "out" / "annotations.json").read_text("utf-8"))
    entry = document["annotations"][0]
    height, width = entry["segmentation"]["size"]
    packed = mask_of.frPyObjects(entry["segmentation"], height, width)
    assert np.array_equal(
        mask_of.decode(packed), all_masks(photographs)["photo 0", "A-B", "lesion"][0]
    )
    assert mask_of.toBbox(packed).tolist() == entry["bbox"]


def test_a_volume_is_no_picture(scans: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"COCO holds nothing else\. Choose nnunet or bids"):
        export_as(scans, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()


def test_nnunet_has_what_it_trains_on(scans: Study, tmp_path: Path) -> None:
    export_as(scans, tmp_path / "out", "nnunet")
    document = json.loads((tmp_path / "out" / "dataset.json").read_text("utf-8"))
    assert document["labels"] == {"background": 0, "lesion": 1, "scar": 2}
    assert document["channel_names"] == {"0": "CT"}
    assert document["numTraining"] == 2
    masks = all_masks(scans)
    for name in ("ct 0", "ct 1"):
        image = read_volume(tmp_path / "out" / "imagesTr" / f"{name}_0000.nii.gz")
        original = read_volume(scans.image_path(name))
        assert np.array_equal(image.array, original.array)
        assert np.allclose(image.ijk_to_ras, original.ijk_to_ras, atol=1e-4)
        labels = read_volume(tmp_path / "out" / "labelsTr" / f"{name}.nii.gz")
        votes = sum(masks[name, rater, "lesion"].astype(int) for rater in RATERS)
        assert np.array_equal(labels.array == 1, votes >= 2)
        assert np.allclose(labels.ijk_to_ras, original.ijk_to_ras, atol=1e-4)


def test_color_becomes_three_channels(photographs: Study, tmp_path: Path) -> None:
    export_as(photographs, tmp_path / "out", "nnunet")
    document = json.loads((tmp_path / "out" / "dataset.json").read_text("utf-8"))
    assert document["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    original = read_volume(photographs.image_path("photo 0"))
    green = read_volume(tmp_path / "out" / "imagesTr" / "photo 0_0001.nii.gz")
    assert np.array_equal(green.array, original.array[..., 1])


def test_bids_holds_each_raters_masks(scans: Study, tmp_path: Path) -> None:
    export_as(scans, tmp_path / "out", "bids")
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text("utf-8"))
    assert description["DatasetType"] == "derivative"
    for (image, rater, name), mask in all_masks(scans).items():
        subject = "sub-" + image.replace(" ", "")
        stem = f"{subject}_desc-{rater.replace('-', '')}_label-{name}_mask"
        path = tmp_path / "out" / subject / "anat" / f"{stem}.nii.gz"
        assert np.array_equal(read_volume(path).array > 0, mask)
        assert json.loads(path.with_name(f"{stem}.json").read_text("utf-8"))["Rater"] == rater


def test_names_that_bids_would_make_one_are_refused(tmp_path: Path) -> None:
    from medai.studies.export_formats import write_bids

    image = tmp_path / "a.nrrd"
    write_volume(Volume(np.zeros((1, 4, 4), np.int16), np.eye(4), "", ""), image)
    study = create_study(
        tmp_path / "study", StudyPlan("T", [image], ["A-B", "AB"], keep_names=True)
    )
    volume = read_volume(study.image_path("a"))
    for rater in study.protocol.raters:
        start_session(study, rater, "a", 1, volume).submit({}, Remarks())
    with pytest.raises(StudyError, match="Two raters share the name 'AB'"):
        write_bids(study, list(rated_images(study)), tmp_path)


def test_the_long_table_has_a_row_an_outline(scans: Study, tmp_path: Path) -> None:
    export_as(scans, tmp_path / "out", "csv")
    with (tmp_path / "out" / "outlines.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 3 * 2
    volume = read_volume(scans.image_path("ct 0"))
    for row in rows:
        mask = all_masks(scans)[row["image"], row["rater"], row["label"]]
        assert int(row["marked_voxels"]) == mask.sum()
        assert float(row["volume_ml"]) == pytest.approx(mask.sum() * volume.voxel_volume_ml)


@pytest.mark.parametrize("layout", ["masks", "coco", "nnunet", "bids", "csv"])
def test_every_export_carries_its_terms_and_its_origin(
    layout: str, photographs: Study, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    arguments = ["study", "export", str(photographs.folder), "-o", str(out), "--as", layout]
    assert run([*arguments, "--license", "CC BY 4.0, Jane Doe"]) == 0
    assert "Exported 6 masks of 2 images" in capsys.readouterr().out
    assert (out / "LICENSE.txt").read_text("utf-8") == "CC BY 4.0, Jane Doe\n"
    told = json.loads((out / "provenance.json").read_text("utf-8"))
    assert told["study_id"] == photographs.protocol.id
    for entry in told["images"]:
        assert entry["image_sha256"] == photographs.protocol.image(entry["image"]).sha256
        assert set(entry["outlines"]) == set(RATERS)
    outline = told["images"][0]["outlines"]["CD"]
    (mask,) = (photographs.submissions_folder / "CD" / "photo 0").glob("*.seg.nrrd")
    from medai.studies.hashes import file_sha256

    assert outline["mask_sha256"] == file_sha256(mask)
    assert run([*arguments, "--overwrite"]) == 0
    assert "No license was stated" in (out / "LICENSE.txt").read_text("utf-8")
