"""Outlines that exist already become a study, and come out of it equal to the pixel."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.cli import run
from medai.errors import StudyError
from medai.images import (
    Volume,
    read_segmentation,
    segmentation_from_masks,
    write_segmentation,
    write_volume,
)
from medai.studies import check_study, export_study, label, open_study, rated_image
from medai.studies.found_ratings import IMAGE_RATER, RATER_IMAGE, find_ratings
from medai.studies.import_ratings import import_ratings, preview

LESION = (label("lesion"),)
SHAPE = (11, 13)
RATERS = ("Ann", "Bob", "Cat")
IMAGES = ("arm", "leg", "toe")


def mask_of(image: str, rater: str) -> np.ndarray:
    seed = IMAGES.index(image) * 10 + RATERS.index(rater)
    return (np.random.default_rng(seed).random(SHAPE) < 0.4).astype(np.uint8)


def write_png(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number, image in enumerate(IMAGES):
        values = np.random.default_rng(100 + number).integers(0, 256, SHAPE, dtype=np.uint8)
        write_png(tmp_path / "pictures" / f"{image}.png", values)
    return tmp_path / "pictures"


def folders(root: Path, layout: str) -> Path:
    for image in IMAGES:
        for rater in RATERS:
            parts = (image, rater) if layout == IMAGE_RATER else (rater, image)
            write_png(root / parts[0] / f"{parts[1]}.png", 255 * mask_of(image, rater))
    return root


@pytest.mark.parametrize("layout", [IMAGE_RATER, RATER_IMAGE])
def test_either_layout_is_told_by_the_pictures_and_comes_out_equal(
    layout: str, pictures: Path, tmp_path: Path
) -> None:
    found = find_ratings(folders(tmp_path / "masks", layout), LESION, pictures)
    assert found.layout == f"folders {layout}"
    assert found.all_raters == RATERS
    made = import_ratings(found, tmp_path / "study", title="T", labels=LESION, keep_names=True)
    assert (made.outlines, made.notes, made.key) == (9, (), None)
    assert check_study(made.study).is_sound
    export_study(made.study, tmp_path / "out")
    for image in IMAGES:
        for rater in RATERS:
            path = tmp_path / "out" / "between_raters" / image / f"{rater}.seg.nrrd"
            assert np.array_equal(read_segmentation(path).mask("lesion")[0], mask_of(image, rater))
    # What was exported can be imported: it holds images and masks in the layout image/rater.
    again = find_ratings(tmp_path / "out" / "between_raters", LESION)
    assert again.layout == f"folders {IMAGE_RATER}"
    second = import_ratings(again, tmp_path / "again", title="T", labels=LESION, keep_names=True)
    for image in IMAGES:
        layers = rated_image(second.study, image).segmentations
        assert all(
            np.array_equal(layers[rater].mask("lesion")[0], mask_of(image, rater))
            for rater in RATERS
        )


def test_what_nothing_tells_is_asked_not_guessed(pictures: Path, tmp_path: Path) -> None:
    root = folders(tmp_path / "masks", RATER_IMAGE)
    with pytest.raises(StudyError, match="say --layout image/rater or rater/image"):
        find_ratings(root, LESION)
    with pytest.raises(StudyError, match="3 images have masks but no picture: arm, leg, toe"):
        find_ratings(root, LESION, layout=RATER_IMAGE)
    chosen = find_ratings(root, LESION, pictures, layout=RATER_IMAGE)
    assert chosen.all_raters == RATERS


def test_neutral_names_reach_the_raters_and_the_key_tells(pictures: Path, tmp_path: Path) -> None:
    found = find_ratings(folders(tmp_path / "masks", IMAGE_RATER), LESION, pictures)
    key = tmp_path / "key.csv"
    made = import_ratings(found, tmp_path / "study", title="T", labels=LESION, key=key)
    assert made.key == key
    names = dict(line.split(",")[1::-1] for line in key.read_text("utf-8").splitlines()[1:])
    assert set(names) == set(IMAGES)
    for image in IMAGES:
        rated = rated_image(made.study, names[image]).segmentations
        assert np.array_equal(rated["Bob"].mask("lesion")[0], mask_of(image, "Bob"))
    assert not any(
        "arm" in str(path.relative_to(tmp_path)) for path in made.study.folder.rglob("*")
    )


def test_other_grids_inverted_masks_and_missing_ones_are_said(tmp_path: Path) -> None:
    matrix = np.diag([-1.0, -1.0, 2.0, 1.0])
    volume = Volume(np.zeros((2, 8, 8), np.int16), matrix, "CT", "ct")
    (tmp_path / "pictures").mkdir()
    write_volume(volume, tmp_path / "pictures" / "ct.nrrd")
    fine = np.zeros((2, 16, 16), np.uint8)
    fine[:, 4:8, 4:8] = 1
    half = np.diag([-0.5, -0.5, 2.0, 1.0])
    half[:3, 3] = matrix[:3, :3] @ (-0.25, -0.25, 0)
    (tmp_path / "masks" / "ct").mkdir(parents=True)
    write_segmentation(
        segmentation_from_masks({"lesion": fine}, half, colors={"lesion": (1, 0, 0)}),
        tmp_path / "masks" / "ct" / "Ann.seg.nrrd",
    )
    inverted = np.full((2, 8, 8), 1, np.uint8)
    inverted[0, 0, 0] = 0
    write_volume(Volume(inverted, matrix, "", ""), tmp_path / "masks" / "ct" / "Bob.nrrd")
    found = find_ratings(tmp_path / "masks", LESION, tmp_path / "pictures")
    told = " ".join(preview(found))
    assert "Ann.seg.nrrd was resampled (nearest)" in told
    assert "Bob.nrrd covers 99.2 % of the image: is 0 the foreground?" in told
    made = import_ratings(found, tmp_path / "study", title="T", labels=LESION, keep_names=True)
    assert len(made.notes) == 2
    mask = rated_image(made.study, "ct").segmentations["Ann"].mask("lesion")
    assert mask[:, 2:4, 2:4].all()
    assert mask.sum() == 8


def test_label_maps_hold_a_label_a_value(pictures: Path, tmp_path: Path) -> None:
    both = (label("lesion"), label("scar"))
    values = np.zeros(SHAPE, np.uint8)
    values[:3], values[3:5] = 1, 2
    write_png(tmp_path / "masks" / "arm" / "Ann.png", values)
    found = find_ratings(tmp_path / "masks", both, pictures)
    assert found.notes == ("2 pictures have no mask and are left out: leg, toe.",)
    made = import_ratings(found, tmp_path / "study", title="T", labels=both, keep_names=True)
    drawn = rated_image(made.study, "arm").segmentations["Ann"]
    assert (drawn.mask("lesion").sum(), drawn.mask("scar").sum()) == (3 * 13, 2 * 13)


def test_a_coco_file_becomes_a_study(pictures: Path, tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "arm.png", "height": 11, "width": 13}],
        "categories": [{"id": 1, "name": "lesion"}],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": 1,
                "rater": rater,
                "segmentation": {"size": [11, 13], "counts": [11 * number, 22, 121 - 11 * number]},
            }
            for number, rater in enumerate(("Ann", "Bob"), start=1)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    found = find_ratings(tmp_path / "coco.json", LESION, pictures)
    made = import_ratings(found, tmp_path / "study", title="T", labels=LESION, keep_names=True)
    drawn = rated_image(made.study, "arm").segmentations
    expected = np.zeros(SHAPE, bool)
    expected[:, 1:3] = True
    assert np.array_equal(drawn["Ann"].mask("lesion")[0], expected)
    assert np.array_equal(drawn["Bob"].mask("lesion")[0], np.roll(expected, 1, axis=1))


def test_a_mask_that_cannot_be_read_leaves_neither_study_nor_key(
    pictures: Path, tmp_path: Path
) -> None:
    root = folders(tmp_path / "masks", IMAGE_RATER)
    (root / "toe" / "Cat.png").write_bytes(b"no picture")
    found = find_ratings(root, LESION, pictures)
    with pytest.raises(Exception, match=r"Cat\.png"):
        import_ratings(found, tmp_path / "s", title="T", labels=LESION, key=tmp_path / "key.csv")
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "key.csv").exists()


def test_no_key_goes_into_the_study(pictures: Path, tmp_path: Path) -> None:
    found = find_ratings(folders(tmp_path / "masks", IMAGE_RATER), LESION, pictures)
    inside = tmp_path / "study" / "key.csv"
    with pytest.raises(StudyError, match="would lie in the study"):
        import_ratings(found, tmp_path / "study", title="T", labels=LESION, key=inside)


def test_the_command_previews_and_imports(pictures: Path, tmp_path: Path, capsys) -> None:
    root = folders(tmp_path / "masks", RATER_IMAGE)
    (root / "Cat" / "toe.png").unlink()
    arguments = ["study", "import", str(tmp_path / "study"), str(root), "--images", str(pictures)]
    assert run([*arguments, "--preview"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("Understood as folders rater/image: 3 images of 3 raters (Ann, ")
    assert "Cat has no mask of toe." in told.err
    assert not (tmp_path / "study").exists()
    assert run([*arguments, "--keep-names", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["submitted"] == 8
    assert len(open_study(tmp_path / "study").protocol.images) == 3
