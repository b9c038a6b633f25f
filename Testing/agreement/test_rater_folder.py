"""Folders of masks, as people and other programs leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medai.errors import GeometryError, InputError, StudyError
from medai.images import Volume, segmentation_from_masks, write_segmentation, write_volume
from medai.studies.rater_folder import open_rater_folder
from medai.studies.ratings_table import read_ratings_table

RAS = np.diag([-1.0, -1.0, 3.0, 1.0])


def square(first: int, last: int) -> np.ndarray:
    mask = np.zeros((1, 16, 16), dtype=np.uint8)
    mask[0, first:last, first:last] = 1
    return mask


def write_png(path: Path, values: np.ndarray) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def write_nrrd(path: Path, array: np.ndarray, matrix: np.ndarray = RAS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(array, matrix, "", path.name), path)


def test_masks_of_several_formats_and_a_region_are_read_onto_one_grid(tmp_path: Path) -> None:
    write_png(tmp_path / "leg/ann.png", 255 * square(2, 9)[0])
    write_png(tmp_path / "leg/bob.bmp", square(3, 9)[0])
    write_png(tmp_path / "leg/roi.png", square(1, 12)[0])
    write_png(tmp_path / "leg/image.png", np.full((16, 16), 77, np.uint8))
    write_nrrd(tmp_path / "arm/cat.nrrd", square(2, 8))
    folder = open_rater_folder(tmp_path)
    assert folder.images == ("arm", "leg")
    assert folder.raters == ("ann", "bob", "cat")
    case = folder.read("leg")
    assert case.ratings.raters == ("ann", "bob")
    assert case.ratings.masks[0].tolist() == square(2, 9).tolist()
    assert case.ratings.roi.sum() == 121
    assert not case.has_spacing
    picture = folder.picture("leg")
    assert picture is not None
    assert picture.array[0, 0, 0] == 77
    assert folder.picture("arm") is None
    assert folder.read("arm").ratings.spacing_mm == (3.0, 1.0, 1.0)


def test_a_segmentation_on_a_smaller_grid_is_brought_to_the_regions(tmp_path: Path) -> None:
    (tmp_path / "chest").mkdir()
    moved = RAS.copy()
    moved[:2, 3] = -2.0
    small = segmentation_from_masks(
        {"lesion": np.ones((1, 4, 5))}, moved, colors={"lesion": (1, 0, 0)}
    )
    write_segmentation(small, tmp_path / "chest/ann.seg.nrrd")
    write_nrrd(tmp_path / "chest/bob.nrrd", square(2, 6))
    write_nrrd(tmp_path / "chest/roi.nrrd", np.ones((1, 16, 16), np.uint8))
    case = open_rater_folder(tmp_path).read("chest")
    assert case.ratings.masks[0].sum() == 20
    assert case.ratings.masks[0][0, 2:6, 2:7].all()
    assert case.notes == ("chest: ann.seg.nrrd was resampled (nearest).",)


def test_a_label_chooses_the_segment_and_the_value(tmp_path: Path) -> None:
    (tmp_path / "chest").mkdir()
    both = segmentation_from_masks(
        {"lesion": square(2, 6), "vessel": square(8, 10)},
        RAS,
        colors={"lesion": (1, 0, 0), "vessel": (0, 1, 0)},
    )
    write_segmentation(both, tmp_path / "chest/ann.seg.nrrd")
    with pytest.raises(StudyError, match=r"'lesion', 'vessel'.*--label"):
        open_rater_folder(tmp_path).read("chest")
    case = open_rater_folder(tmp_path, label="vessel").read("chest")
    assert case.ratings.masks.sum() == 4
    write_nrrd(tmp_path / "map/ann.nrrd", square(2, 6) + 4 * square(8, 10))
    with pytest.raises(StudyError, match="3 different values"):
        open_rater_folder(tmp_path).read("map")
    assert open_rater_folder(tmp_path, label="4").read("map").ratings.masks.sum() == 4
    with pytest.raises(StudyError, match="one of its values, not 'vessel'"):
        open_rater_folder(tmp_path, label="vessel").read("map")


def test_what_cant_be_a_folder_of_masks_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is not a folder"):
        open_rater_folder(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="holds no masks"):
        open_rater_folder(tmp_path)
    write_png(tmp_path / "a/ann.png", square(2, 9)[0])
    write_nrrd(tmp_path / "a/ann.nrrd", square(2, 9))
    with pytest.raises(StudyError, match="ann has two masks"):
        open_rater_folder(tmp_path)


def test_files_that_are_no_masks_are_passed_over_with_a_note(tmp_path: Path) -> None:
    write_png(tmp_path / "a/ann.png", square(2, 9)[0])
    (tmp_path / "a/notes.txt").write_text("hello")
    (tmp_path / "a/.DS_Store").write_text("")
    (tmp_path / "empty").mkdir()
    folder = open_rater_folder(tmp_path)
    assert folder.images == ("a",)
    assert folder.notes == (
        "a/notes.txt is passed over: not a kind of mask that is read.",
        "empty is passed over: it holds no mask.",
    )


def test_pictures_of_other_sizes_and_colours_are_refused_by_name(tmp_path: Path) -> None:
    write_png(tmp_path / "a/ann.png", square(2, 9)[0])
    write_png(tmp_path / "a/bob.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(GeometryError, match=r"a/bob.png.*expected equal sizes"):
        open_rater_folder(tmp_path).read("a")
    colour = np.zeros((16, 16, 3), np.uint8)
    colour[2:4, 2:4, 0] = 255
    write_png(tmp_path / "b/ann.png", colour)
    with pytest.raises(StudyError, match=r"b/ann.png is a color picture"):
        open_rater_folder(tmp_path).read("b")


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("ann.nii.gz", "bob.seg.nrrd", "cat.png"):
        (tmp_path / "a" / name).write_bytes(b"not an image at all")
        with pytest.raises(InputError, match=name.split(".")[0]):
            open_rater_folder(tmp_path).read("a")
        (tmp_path / "a" / name).unlink()


def test_the_table_gives_quality_seconds_and_covariates(tmp_path: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text(
        "\ufeffimage,rater,quality,reasons,seconds,severity,region\n"
        "leg,ann,low,out of focus,30,3,lower\n"
        "leg,bob,high,,50,5,lower\n"
        "arm,ann,0,,,2,upper\n",
        encoding="utf-8",
    )
    found = read_ratings_table(table)
    assert found.covariates("leg") == {
        "severity": 4.0,
        "region": "lower",
        "quality": 0.0,
        "seconds": 40.0,
    }
    assert found.covariates("arm") == {"severity": 2.0, "region": "upper", "quality": 0.0}
    assert found.covariates("head") == {}
    scores = found.remarks(["leg", "arm"]).scores
    assert scores[0].tolist() == [-1.0, 0.0]
    assert scores[1, 0] == 1.0
    assert np.isnan(scores[1, 1])


def test_a_table_with_semicolons_and_one_row_per_image_is_read(tmp_path: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("image;severity\nleg;3\narm;NA\n")
    found = read_ratings_table(table)
    assert found.covariates("leg") == {"severity": 3.0}
    assert found.covariates("arm") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("picture,rater\nleg,ann\n", "no column 'image'"),
        ("image,rater,quality\nleg,ann,superb\n", "line 2: quality is 'superb'"),
        ("image,rater,seconds\nleg,ann,long\n", "line 2: seconds is 'long'"),
        ("", "no column 'image'"),
    ],
)
def test_a_table_that_cant_be_meant_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text(text)
    with pytest.raises(StudyError, match=message):
        read_ratings_table(table)


def test_a_table_about_images_without_masks_is_noted(tmp_path: Path) -> None:
    write_png(tmp_path / "a/ann.png", square(2, 9)[0])
    (tmp_path / "ratings.csv").write_text("image,severity\na,1\nz,2\n")
    assert "images without masks: z" in open_rater_folder(tmp_path).notes[0]
