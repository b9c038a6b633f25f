"""Exports of other programs: COCO, Labelbox, the eczema study's tables; hand-drawn answers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from medai.cli import run
from medai.errors import ImageReadError, StudyError
from medai.images.polygon_fill import fill_polygon, fill_runs, unpacked_runs
from medai.studies.exported_ratings import is_export, open_export
from medai.studies.labelbox_export import reasons_in

SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]


def filled(corners, shape=(6, 8)) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.uint8)
    fill_polygon(mask, np.array(corners, dtype=float))
    return mask


def test_a_polygon_marks_the_pixels_whose_centers_lie_inside():
    rectangle = filled([(1, 1), (4, 1), (4, 3), (1, 3)])
    assert rectangle.sum() == 6
    assert rectangle[1:3, 1:4].all()
    # Centers on the hypotenuse are where the inside ends: 0 + 1 + 2 + 3 pixels are left of it.
    triangle = filled([(0, 0), (0, 4), (4, 4)])
    assert triangle[:4, :4].tolist() == np.tril(np.ones((4, 4)), -1).tolist()


def test_polygons_beyond_the_grid_are_cut_and_crossings_are_outside():
    assert filled([(-5, -5), (3, -5), (3, 2), (-5, 2)]).sum() == 6
    assert filled([(20, 20), (30, 20), (30, 30)]).sum() == 0
    # A square drawn around twice encloses everything twice.
    twice = [(1, 1), (4, 1), (4, 4), (1, 4)] * 2
    assert filled(twice).sum() == 0


def test_the_area_of_a_large_polygon_is_that_of_the_shoelace_formula():
    random = np.random.default_rng(1)
    angles = np.sort(random.random(40)) * 2 * np.pi
    radii = 150 + 100 * random.random(40)
    corners = np.stack([300 + radii * np.cos(angles), 300 + radii * np.sin(angles)], axis=1)
    x, y = corners.T
    area = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    assert filled(corners, (600, 600)).sum() == pytest.approx(area, rel=0.004)


def test_runs_go_down_the_columns():
    mask = np.zeros((2, 3), dtype=np.uint8)
    fill_runs(mask, np.array([1, 3, 2]))
    assert mask.tolist() == [[0, 1, 0], [1, 1, 0]]
    with pytest.raises(ImageReadError, match="Runs of 5 pixels"):
        fill_runs(mask, np.array([1, 4]))


def test_compressed_runs_are_unpacked():
    # 1 → "1"; 3 → "3"; the third, 2, as itself; the fourth as the difference to the second.
    assert unpacked_runs("132O").tolist() == [1, 3, 2, 2]
    # 40 = 8 + 32 · 1: two characters, the first with the bit that says "more".
    assert unpacked_runs("X1").tolist() == [40]
    # As COCO's own code packs a rectangle of 2 × 5 on a grid of 6 × 9.
    mask = np.zeros((6, 9), dtype=np.uint8)
    fill_runs(mask, unpacked_runs("=240000000;"))
    assert mask[1:3, 2:7].all()
    assert mask.sum() == 10
    for text in ("é", "X", "o" * 40):
        with pytest.raises(ImageReadError):
            unpacked_runs(text)


def coco(*annotations: dict, size=(6, 8), name="photo 1.png") -> dict:
    images = [{"id": 1, "file_name": name, "height": size[0], "width": size[1]}]
    categories = [{"id": 1, "name": "lesion"}, {"id": 2, "name": "roi"}]
    return {"images": images, "categories": categories, "annotations": list(annotations)}


def outline(segmentation, category=1, **more) -> dict:
    return {"id": 1, "image_id": 1, "category_id": category, "segmentation": segmentation, **more}


def written(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def test_a_coco_file_a_rater_is_a_source_of_ratings(tmp_path):
    written(tmp_path / "ann.json", coco(outline(SQUARE), outline([[0, 0, 8, 0, 8, 4, 0, 4]], 2)))
    written(tmp_path / "bob.json", coco(outline({"size": [6, 8], "counts": [6, 6, 36]})))
    written(tmp_path / "cat.json", coco())
    source = open_export(tmp_path)
    assert (source.images, source.raters) == (("photo 1",), ("ann", "bob", "cat"))
    ratings = source.read("photo 1").ratings
    assert ratings.masks.shape == (3, 1, 6, 8)
    assert ratings.masks[0, 0, 1:3, 1:4].all()
    assert ratings.masks[0].sum() == 6
    assert ratings.masks[1, 0, :, 1].all()
    assert ratings.masks[1].sum() == 6
    assert ratings.masks[2].sum() == 0
    assert ratings.roi.sum() == 32


def test_annotations_may_name_their_raters_and_boxes_stand_for_outlines(tmp_path):
    rows = [
        outline(SQUARE, rater="ann@hospital.org"),
        outline(None, attributes={"annotator": "bob"}, bbox=[1, 1, 3, 2]),
    ]
    source = open_export(written(tmp_path / "all.json", coco(*rows)))
    masks = source.read("photo 1").ratings.masks
    assert source.raters == ("ann", "bob")
    assert (masks[0] == masks[1]).all()


def labelbox(corners, answers=(), **more) -> dict:
    objects = [{"title": "eczema", "polygon": [{"x": x, "y": y} for x, y in corners]}]
    label = {"objects": objects, "classifications": list(answers)}
    return {"External ID": "leg.png", "Label": label, "Seconds to Label": 12.5, **more}


CORNERS = [(1, 1), (4, 1), (4, 3), (1, 3)]
QUALITY = {"title": "Evaluability (Quality)", "answer": {"title": "Low (Difficult)"}}
BAD = {"title": "Bad Image (?)", "answers": [{"title": "Out-of-focus"}, {"title": "Overexposed"}]}


def test_an_older_labelbox_export_gives_outlines_and_remarks(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "leg.png")
    written(tmp_path / "Expert 1.json", [labelbox(CORNERS, [QUALITY, BAD])])
    written(tmp_path / "Expert 2.json", [labelbox([(0, 0), (2, 0), (2, 2), (0, 2)])])
    written(tmp_path / "Expert 3.json", [{"External ID": "leg.png", "Label": "Skip"}])
    source = open_export(tmp_path)
    case = source.read("leg")
    assert source.raters == ("Expert 1", "Expert 2")
    assert case.ratings.masks.sum(axis=(1, 2, 3)).tolist() == [6, 4]
    assert case.ratings.covariates == {"quality": -1.0, "seconds": 12.5}
    assert source.table.reasons["leg"]["Expert 1"] == ("out of focus", "overexposed")
    assert source.picture("leg").grid_shape == (1, 6, 8)


def today(creator: str, objects: list[dict]) -> dict:
    annotations = {
        "objects": objects,
        "classifications": [{"name": "image quality", "radio_answer": {"name": "High (Great)"}}],
    }
    label = {
        "label_details": {"created_by": creator},
        "performance_details": {"seconds_to_create": 30},
        "annotations": annotations,
    }
    return {
        "data_row": {"external_id": "folder/leg.png"},
        "media_attributes": {"height": 6, "width": 8},
        "projects": {"p": {"labels": [label]}},
    }


def test_a_labelbox_export_of_today_is_read_line_by_line(tmp_path):
    drawn = {"name": "eczema", "polygon": [{"x": x, "y": y} for x, y in CORNERS]}
    boxed = {"name": "eczema", "bounding_box": {"left": 1, "top": 1, "width": 3, "height": 2}}
    brush = {"name": "eczema", "mask": {"url": "https://example.org/mask"}}
    rows = [today("ann@x.org", [drawn]), today("bob@x.org", [boxed]), today("cat@x.org", [brush])]
    path = tmp_path / "export.ndjson"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    source = open_export(path)
    masks = source.read("leg").ratings.masks
    assert source.raters == ("ann", "bob")
    assert masks.sum(axis=(1, 2, 3)).tolist() == [6, 6]
    assert "cat is left out: 1 outlines lie on Labelbox's servers" in source.notes[0]
    assert source.remarks().scores.tolist() == [[1.0], [1.0]]


@pytest.fixture
def eczema(tmp_path) -> Path:
    """Two images of 3 × 4 pixels and four raters, as the study's script reads them."""
    path = tmp_path / "inter-rater_masks-as-ratings(10%).csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["", "filename", "height_coor", "width_coor", "background"]
            + [f"rater_{k}" for k in range(1, 5)]
        )
        for image in range(2):
            for row in range(3):
                for column in range(4):
                    skin = 255 if column else 0
                    marked = [255 if row <= k % 3 else 100 for k in range(4)]
                    writer.writerow([0, f"leg {image}.JPG", row, column, skin, *marked])
    statistics = [
        ["filename", "HW_Evaluability", "HW_Time", "HW_Bad-Images", "repsite", "sassad_tot"],
        ["leg 0.JPG", "Low (Difficult)", "40.5", "['Out-of-focus']", "Legs", "7"],
        ["leg 1.JPG", "Normal (Fine)", "", "[]", "Feet", "3"],
    ]
    with (tmp_path / "interrator_statistics_extended.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(statistics)
    return tmp_path


def test_the_eczema_studys_layout_is_read_with_its_skin_and_statistics(eczema):
    assert is_export(eczema)
    source = open_export(eczema)
    assert source.raters == ("rater_1", "rater_2", "rater_3", "rater_4")
    ratings = source.read("leg 0").ratings
    assert ratings.roi[0].sum(axis=0).tolist() == [0, 3, 3, 3]
    assert ratings.masks[:, 0, :, 1].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert ratings.covariates == {
        "quality": -1.0, "seconds": 40.5, "severity": 7.0, "region": "Legs"
    }  # fmt: skip
    assert source.table.reasons["leg 0"] == {"HW": ("out of focus",)}
    assert source.remarks().scores.tolist() == [[-1.0, 0.0]]


def test_the_command_reads_an_export(eczema, tmp_path):
    arguments = ["agree", str(eczema), "-o", str(tmp_path / "out")]
    assert run([*arguments, "--exclude-above", "1", "--exclude-below", "0"]) == 0
    summary = json.loads((tmp_path / "out/agreement.json").read_text())
    assert (summary["images"], len(summary["raters"])) == (2, 4)


def test_reasons_are_told_in_any_spelling():
    assert reasons_in("['Out-of-focus', 'Other reasons']") == ("out of focus", "other")
    assert reasons_in("[]") == ()


HUGE = 10**9
BAD_FILES = {
    "not JSON": "{",
    "deep": "[" * 100_000,
    "something else": {"a": 1},
    "neither": coco(outline([])),
    "unknown image": coco({"image_id": 7, "category_id": 1, "segmentation": SQUARE, "rater": "a"}),
    "a grid beyond memory": coco(size=(HUGE, HUGE)),
    "no size": coco(size=("6", None)),
    "corners that are no numbers": coco(outline([["x", "y"]], rater="a")),
    "corners at infinity": coco(outline([[0, 0, float("inf"), 1, 1, 1]], rater="a")),
    "nobody's name": coco(outline(SQUARE)),
    "runs of another grid": coco(outline({"size": [2, 2], "counts": [4]}, rater="a")),
    "an id that is a list": coco({"image_id": [1], "category_id": 1, "rater": "a"}),
    "a name that is none": coco(outline(SQUARE, rater="a"), name=" "),
    "rows of Labelbox without outlines": [{"External ID": "a.png", "Label": {"objects": [7]}}],
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_hostile_file_is_one_plain_line(kind, tmp_path):
    content = BAD_FILES[kind]
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "all.json").write_text(text)
    with pytest.raises(StudyError) as caught:
        open_export(tmp_path / "all.json")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.png", "..\\..\\a.png", "/root/x.png", "con.png"]
)
def test_no_path_in_an_export_is_followed(name, tmp_path):
    written(tmp_path / "all.json", coco(outline(SQUARE, rater="a"), name=name))
    source = open_export(tmp_path / "all.json")
    (image,) = source.images
    assert not set(image) & set("/\\")
    assert not image.startswith(".")
    assert source.picture(image) is None


def test_two_images_that_become_one_name_are_refused(tmp_path):
    document = coco(outline(SQUARE, rater="a"), name="left/1.png")
    document["images"].append({"id": 2, "file_name": "right/1.png", "height": 6, "width": 8})
    with pytest.raises(StudyError, match="two images named '1'"):
        open_export(written(tmp_path / "all.json", document))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("0,leg 0.JPG,0,0", "0,leg 0.JPG,0,1"), "occurs twice"),
        (("0,leg 0.JPG,0,0", "0,leg 0.JPG,900000,0"), "expected each pixel once"),
        ((",255,255", ",255,999"), "not within 0 to 255"),
        ((",255,255", ",255,x"), "line 2: a cell is no number"),
    ],
)
def test_a_damaged_pixel_table_is_one_plain_line(eczema, change, words):
    (path,) = eczema.glob("inter*ratings*.csv")
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(StudyError, match=words):
        open_export(path)
