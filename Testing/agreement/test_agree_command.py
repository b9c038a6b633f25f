"""``medai agree`` from a folder of masks to the report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from medai.agreement import ImageRatings, cohort, pixel_icc
from medai.cli import run
from medai.images import read_segmentation, read_volume
from medai.reports.agreement import write_report
from medai.reports.agreement_examples import Example
from medai.reports.agreement_page import AgreementReport
from medai.reports.write import write
from medai.studies import phantom_study
from Testing.agreement.gold_cases import masks_and_skin

CASES = ("a_good4", "b_moderate4", "c_poor4")
NAMES = ("ann", "bob", "cat", "dan")


def write_png(path: Path, values: np.ndarray) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three gold cases as pictures, with a table, a region and a picture each."""
    root = tmp_path_factory.mktemp("masks")
    lines = ["image,rater,quality,seconds,severity"]
    for place, case in enumerate(CASES):
        masks, skin = masks_and_skin(case)
        write_png(root / case / "roi.png", 255 * skin.astype(np.uint8))
        write_png(root / case / "image.png", np.full(skin.shape, 120, np.uint8))
        for rater, name in enumerate(NAMES):
            write_png(root / case / f"{name}.png", 255 * masks[rater])
            lines.append(f"{case},{name},{('low', 'high')[rater % 2]},{10 * rater},{place**2}")
    (root / "ratings.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def output(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("out") / "result"
    assert run(["agree", str(folder), "-o", str(made), "--surfaces"]) == 0
    return made


def test_the_numbers_on_disk_are_those_of_the_functions(output: Path) -> None:
    summary = json.loads((output / "agreement.json").read_text())
    # Many images are fitted together; the search ends within its tolerance of each alone.
    icc = [pixel_icc(*masks_and_skin(case)).icc for case in CASES]
    assert summary["summary"]["pixel_icc"]["mean"] == pytest.approx(np.mean(icc), abs=1e-5)
    assert summary["images"] == 3
    assert summary["raters"] == list(NAMES)
    assert summary["quality"]["raters"] == 4
    with (output / "images.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    values = {r["image"]: float(r["value"]) for r in rows if r["measure"] == "pixel_icc"}
    assert [values[case] for case in CASES] == pytest.approx(icc, abs=1e-5)


def test_the_report_stands_alone_and_says_the_answer_first(output: Path) -> None:
    page = (output / "report.html").read_text()
    sentence = json.loads((output / "agreement.json").read_text())["sentence"]
    assert page.index(sentence) < page.index("How well they agree")
    assert "Research use only" in page
    assert "http" not in page.replace("http-equiv", "")
    for name in NAMES:
        assert name in page
    methods = (output / "methods.txt").read_text()
    assert "V_pixel / (V_pixel + V_rater + V_link)" in methods
    assert "MedAI" in methods


def test_figures_are_there_as_png_and_pdf(output: Path) -> None:
    names = {path.name for path in (output / "figures").iterdir()}
    for stem in ("agreement", "images", "performance", "leave_one_out"):
        assert {f"{stem}.png", f"{stem}.pdf"} <= names
    for path in (output / "figures").glob("*.png"):
        picture = read_volume(path).array
        assert picture.std() > 1, f"{path.name} is blank"


def test_the_consensus_is_written_as_segments_and_as_a_picture(output: Path) -> None:
    masks, skin = masks_and_skin("a_good4")
    segmentation = read_segmentation(output / "consensus" / "a_good4.seg.nrrd")
    assert [s.name for s in segmentation.segments] == [
        "majority",
        "STAPLE",
        "STAPLE of the disputed band",
        "Dawid-Skene",
    ]
    expected = (masks.mean(axis=0) > 0.5) & (skin > 0)
    assert (segmentation.mask("majority")[0] == expected).all()
    picture = read_volume(output / "consensus" / "a_good4.png")
    assert (picture.array[0] == 255 * expected).all()


def test_every_table_has_its_columns(output: Path) -> None:
    for name, first in (
        ("images.csv", "image,measure,value,note"),
        ("raters.csv", "image,rater,measure,value"),
        ("exclusions.csv", "image,reason"),
        ("leave_one_out.csv", "rater,images,mean_with"),
        ("correlations.csv", "first,second,r,low,high,images"),
    ):
        assert (output / name).read_text().startswith(first)


def test_results_are_not_overwritten_unasked(
    folder: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (output / "agreement.json").read_text()
    assert run(["agree", str(folder), "-o", str(output)]) == 2
    assert "already holds files" in capsys.readouterr().err
    assert (output / "agreement.json").read_text() == before


def test_json_and_a_candidate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["agree", str(folder), "-o", str(tmp_path / "out"), "--candidates", "dan", "--json"]
    assert run(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["raters"] == list(NAMES[:3])
    assert answer["candidates"][0]["candidate"] == "dan"
    assert 0 <= answer["candidates"][0]["advantage"] <= 1


@pytest.mark.parametrize("candidate", ["eve", "ann,eve"])
def test_an_unknown_candidate_is_one_plain_line(
    folder: Path, tmp_path: Path, candidate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["agree", str(folder), "-o", str(tmp_path / "out"), "--candidates", candidate]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_mask_leaves_no_half_written_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "in/a/ann.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "in/a/bob.png").write_bytes(b"garbage")
    assert run(["agree", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "bob.png" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_raters_and_consensus_are_ranked_by_a_gold_standard(
    folder: Path, tmp_path: Path, capsys
) -> None:
    key = tmp_path / "key.csv"
    key.write_text("image,name,source\n" + "".join(f"{case},old {case},\n" for case in CASES))
    for case in CASES[:2]:
        truth = read_volume(folder / case / "bob.png").array[0] > 0
        write_png(tmp_path / "gold" / f"old {case}.png", np.where(truth, 0, 9).astype(np.uint8))
    arguments = ["agree", str(folder), "--json", "--gold", str(tmp_path / "gold")]
    assert run([*arguments, "-o", str(tmp_path / "no")]) == 2
    assert "expected masks named as the images, such as a_good4.nrrd" in capsys.readouterr().err
    arguments += ["--key", str(key), "--gold-foreground", "0", "-o", str(tmp_path / "out")]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    best = told["gold_standard"][0]
    assert (best["who"], best["dice"], best["images"]) == ("bob", 1.0, 2)
    assert "Closest to the gold standard on 2 images: bob, mean Dice 1.000" in told["sentence"]
    assert "c_poor4 has no gold standard." in shown.err
    assert len(told["gold_standard"]) == 8
    rows = list(csv.DictReader((tmp_path / "out" / "gold_standard.csv").open(encoding="utf-8")))
    masks, skin = masks_and_skin("a_good4")
    (dice,) = (
        float(row["value"])
        for row in rows
        if (row["image"], row["who"], row["measure"]) == ("a_good4", "ann", "dice")
    )
    first, second = masks[0] & skin, masks[1] & skin
    assert dice == pytest.approx(2 * (first & second).sum() / (first.sum() + second.sum()))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Against the gold standard" in page


def test_the_value_that_marks_can_be_said(folder: Path, tmp_path: Path, capsys) -> None:
    for case in CASES[:2]:
        for name in NAMES:
            mask = read_volume(folder / case / f"{name}.png").array[0]
            write_png(tmp_path / "in" / case / f"{name}.png", 255 - mask.astype(np.uint8))
    arguments = ["agree", str(tmp_path / "in"), "--json", "-o"]
    assert run([*arguments, str(tmp_path / "zero"), "--foreground", "0"]) == 0
    told = json.loads(capsys.readouterr().out)
    for case in CASES[:2]:
        masks, _ = masks_and_skin(case)
        (row,) = (row for row in told["per_image"] if row["image"] == case)
        assert row["extent"] == pytest.approx(masks.mean())
    study = phantom_study(tmp_path / "study", images=2)
    refused = ["agree", str(study.folder), "-o", str(tmp_path / "no"), "--foreground", "0"]
    assert run(refused) == 2
    assert "no folder of masks" in capsys.readouterr().err


def test_a_study_folder_is_read_directly(tmp_path: Path) -> None:
    phantom_study(tmp_path / "study", images=2, repeat_share=0.0)
    assert run(["agree", str(tmp_path / "study"), "-o", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out/agreement.json").read_text())
    assert summary["images"] == 2
    assert len(summary["raters"]) == 4


def test_a_cohort_result_alone_has_a_report_too(tmp_path: Path) -> None:
    images = [ImageRatings(case, masks_and_skin(case)[0], NAMES) for case in CASES[:1]]
    result = cohort(images, grids=(10,), bootstrap=0)
    write(result, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text()
    assert "a_good4" in page
    assert "Fewer than two images" in page


@pytest.mark.parametrize("kind", ["all left out", "two raters", "three dimensions"])
def test_a_report_is_written_whatever_is_missing(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    if kind == "all left out":
        images = [ImageRatings(f"{k}", np.ones((3, 9, 9)), ("a", "b", "c")) for k in range(2)]
    elif kind == "two raters":
        images = [ImageRatings("x", random.integers(0, 2, (2, 9, 9)), ("a", "b"))]
    else:
        masks = random.random((3, 6, 9, 9)) < 0.4
        images = [ImageRatings(f"{k}", masks | (k == 1), ("a", "b", "c")) for k in range(3)]
    result = cohort(images, grids=(3,), bootstrap=10, surfaces=True)
    examples = [Example(image, None, "an example") for image in images[:1]]
    (tmp_path / "out").mkdir()
    write_report(AgreementReport(result, examples), tmp_path / "out")
    summary = json.loads((tmp_path / "out/agreement.json").read_text())
    assert summary["sentence"] in (tmp_path / "out/report.html").read_text()
    if kind == "all left out":
        assert summary["summary"]["pixel_icc"]["mean"] is None
        assert len(summary["exclusions"]) == 2


def test_lesions_are_compared_one_by_one_in_every_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for image, shift in (("a", 0), ("b", 6)):
        for rater in range(3):
            mask = np.zeros((40, 60), np.uint8)
            mask[4:16, 4 + rater : 16 + rater] = 255
            mask[22:34, 30 + shift * rater : 42 + shift * rater] = 255
            write_png(tmp_path / "in" / image / f"{NAMES[rater]}.png", mask)
    assert run(["agree", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out/agreement.json").read_text())
    found = summary["lesion_by_lesion"]
    by_iou = {row["iou"]: row["f1"] for row in found["summary"]}
    # Of 12 pairs nine overlap well; two in b by half, an IoU of 1/3; one not at all.
    assert by_iou == {0.1: 11 / 12, 0.3: 11 / 12, 0.5: 9 / 12}
    assert found["sentence"] in capsys.readouterr().out
    page = (tmp_path / "out/report.html").read_text()
    assert found["sentence"] in page
    assert "Lesion by lesion" in page
    assert "matched one to one" in (tmp_path / "out/methods.txt").read_text()
    with (tmp_path / "out/lesions_found.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["iou"] == "0.5"]
    assert [row["lesions"] for row in rows] == ["3", "0", "3"]
