"""Local extent, the lead over a naive rater, and remarks on quality: hand-computed values."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from medai.agreement import ImageRatings, cohort, local_extent
from medai.agreement.crossed_reml import crossed_reml
from medai.agreement.local_extent_icc import (
    CELLS,
    local_extent_icc,
    local_extent_iccs,
    local_extents,
)
from medai.agreement.naive_difference import naive_differences
from medai.agreement.quality_remarks import QualityRemarks, quality_counts, quality_model
from medai.cli import run
from medai.reports.agreement_quality import quality_map
from medai.reports.agreement_sections import naive_sentence
from medai.studies.ratings_table import read_ratings_table
from Testing.agreement.gold_cases import masks_and_skin


def image(masks: np.ndarray, roi=None) -> ImageRatings:
    return ImageRatings("a", masks, tuple("abcdef"[: len(masks)]), roi)


def blobs(size: int, shift: int) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    third = size / 3
    return np.stack(
        [
            (rows - third) ** 2 + (columns - third - k * shift) ** 2 < (size / 5) ** 2
            for k in range(3)
        ]
    ).astype(np.uint8)


def test_on_small_images_the_local_extents_are_those_of_the_map():
    masks, skin = masks_and_skin("b_moderate4")
    assert max(masks[0].shape) / CELLS / np.sqrt(12) < 6  # no blocks
    sigma = masks[0].shape[0] / CELLS / np.sqrt(12)
    square = masks[0][: masks[0].shape[0], : masks[0].shape[0]]
    region = skin[: square.shape[0], : square.shape[1]] > 0
    if square.shape[0] == square.shape[1]:
        whole = local_extent(square, region, sigma)
        found = local_extents(square, region)
        assert found == pytest.approx(whole[region], abs=1e-5)


def test_blocks_change_nothing_that_matters():
    # 1,200 pixels a side are taken in blocks of 7; 300 singly.
    coarse, fine = (local_extent_icc(image(blobs(size, size // 15))) for size in (1200, 300))
    assert coarse == pytest.approx(fine, abs=0.005)


def test_identical_raters_agree_fully_and_one_constant_extent_has_no_icc():
    assert local_extent_icc(image(blobs(60, 0))) == 1.0
    assert np.isnan(local_extent_icc(image(np.ones((2, 30, 30)))))
    assert np.isnan(local_extent_icc(image(np.zeros((1, 30, 30)))))
    outside = np.zeros((30, 30))
    assert np.isnan(local_extent_icc(image(blobs(30, 2), outside)))


def test_the_icc_is_that_of_the_two_way_model_and_falls_with_the_shift():
    near, far = (image(blobs(120, shift)) for shift in (2, 20))
    table = np.stack([local_extents(mask, None) for mask in near.masks], axis=1)
    fit = crossed_reml(table[None])
    expected = fit.row / (fit.row + fit.column + fit.residual)
    assert local_extent_icc(near) == pytest.approx(float(expected[0]))
    assert 0.95 < local_extent_icc(near) < 1
    assert local_extent_icc(far) < local_extent_icc(near) - 0.1


def test_local_extents_are_summarized_over_the_images_that_count():
    found = local_extent_iccs({"a": 0.5, "b": 0.7, "c": 0.1, "d": float("nan")}, {"c"})
    assert (found.images, found.mean) == (2, pytest.approx(0.6))
    assert found.se == pytest.approx(0.1)


def test_the_lead_over_the_naive_rater_is_taken_image_by_image():
    # One of four units marked by all: accuracy 1 against 1/4; half of them: 1 against 1/2.
    quarter, half = np.array([[1, 0, 0, 0]] * 3), np.array([[1, 1, 0, 0]] * 3)
    result = cohort(
        [ImageRatings("q", quarter, ("a", "b", "c")), ImageRatings("h", half, ("a", "b", "c"))],
        grids=(),
        bootstrap=0,
    )
    rows = {row["measure"]: row for row in naive_differences(result)}
    assert rows["accuracy"]["difference"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert rows["accuracy"]["se"] == pytest.approx(np.std([3 / 4, 1 / 2], ddof=1) / np.sqrt(2))
    assert rows["tpr"]["difference"] == 0.0
    # F1 of the naive rater: 2 · 1 / (1 + 4) and 2 · 2 / (2 + 4).
    assert rows["f1"]["difference"] == pytest.approx(1 - (2 / 5 + 2 / 3) / 2)
    sentence = naive_sentence(result)
    # Specificity leads by 1 whatever the raters do: it is not held up as the widest.
    assert rows["specificity"]["difference"] == 1.0
    assert sentence.startswith("The widest lead over the naive rater has accuracy (+0.62")
    assert "F1 and IoU are discouraged by the authors" in sentence
    assert f"F1 {rows['f1']['difference']:+.2f}" in sentence


REMARKS = QualityRemarks(
    ("ann", "bob"),
    ("1", "2", "3", "4"),
    np.array([[-1.0, 0.0, 1.0, 1.0], [1.0, 0.0, np.nan, 0.0]]),
    {"1": {"ann": ("out of focus", "overexposed")}, "4": {"bob": ("out of focus",)}},
)


def test_quality_is_counted_as_the_source_counts_it():
    counts = quality_counts(REMARKS)
    assert (counts.images, counts.alike, counts.contradictory, counts.doubted) == (3, 1, 1, 2)
    assert counts.rater_rows[0] == {
        "rater": "ann", "low": 1, "normal": 1, "high": 2, "out of focus": 1, "overexposed": 1
    }  # fmt: skip
    assert {row["reason"]: row["images"] for row in counts.reason_rows} == {
        "out of focus": 2, "overexposed": 1
    }  # fmt: skip
    assert "1 was called both high and low. 2 images were faulted" in counts.sentence


def test_the_map_marks_what_is_out_of_focus_lowest_quality_first():
    figure = quality_map(REMARKS)
    axes = figure.axes[0]
    crosses = axes.lines[0].get_xydata()
    # Means 0, 0, 1, 0.5: the order is 1, 2, 4, 3.
    assert crosses.tolist() == [[0.5, 0.5], [2.5, 1.5]]


def test_quality_is_explained_by_the_image_and_not_by_the_work_on_it():
    images = {
        str(k): {"quality": 0.1 * k + 0.01 * (-1) ** k, "severity": float(k), "seconds": 3.0 * k}
        for k in range(8)
    }
    (row,) = quality_model(images)
    assert row["term"] == "severity"
    assert row["coefficient"] == pytest.approx(0.1, abs=0.005)
    assert quality_model({"1": {"quality": 1.0, "seconds": 2.0}}) == ()


def test_reasons_of_the_table_are_read(tmp_path: Path):
    path = tmp_path / "ratings.csv"
    path.write_text("image,rater,quality,reasons\n1,ann,low,Out-of-focus; overexposed\n1,bob,,\n")
    assert read_ratings_table(path).reasons == {"1": {"ann": ("out of focus", "overexposed")}}


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """Six small images of three raters, with remarks, severity, and distances."""
    from PIL import Image

    root = tmp_path_factory.mktemp("beside")
    random = np.random.default_rng(5)
    lines = ["image,rater,quality,reasons,severity"]
    for k in range(6):
        (root / "in" / f"i{k}").mkdir(parents=True)
        for rater in range(3):
            mask = np.roll(blobs(48, 1)[0], (k % 3, rater * (1 + k % 2)), (0, 1))
            flip = random.random(mask.shape) < 0.02
            values = 255 * (mask ^ flip).astype(np.uint8)
            Image.fromarray(values).save(root / "in" / f"i{k}" / f"r{rater}.png")
            quality = ("low", "normal", "high")[(k + rater) % 3]
            lines.append(f"i{k},r{rater},{quality},{'out of focus' if k == 1 else ''},{k}")
    (root / "in" / "ratings.csv").write_text("\n".join(lines))
    made = root / "out"
    arguments = ["agree", str(root / "in"), "-o", str(made), "--surfaces"]
    assert run([*arguments, "--candidates", "r2", "--epsilon", "0.1"]) == 0
    return made


def test_everything_beside_the_cohort_is_in_the_files_the_page_and_the_methods(output: Path):
    summary = json.loads((output / "agreement.json").read_text())
    assert summary["local_extent_icc"]["images"] == 6
    assert {row["measure"] for row in summary["naive_difference"]} >= {"accuracy", "f1", "iou"}
    assert summary["quality"]["counts"]["doubted"] == 1
    assert [row["term"] for row in summary["quality"]["model"]] == ["severity"]
    assert summary["candidates"][0]["epsilon"] == 0.1
    page = (output / "report.html").read_text()
    for words in (
        "ICC of the local extent",
        "discouraged by the authors",
        "faulted by at least one rater",
        "95 % Hausdorff",
        "quality depends on",
    ):
        assert words in page, words
    methods = (output / "methods.txt").read_text()
    for words in ("local extent", "mean quality depends on", "ε = 0.1", "pixels"):
        assert words in methods, words
    names = {path.name for path in (output / "figures").iterdir()}
    assert {"pairs.png", "naive_difference.png", "quality.png", "lesions.png"} <= names
    with (output / "naive_difference.csv").open(newline="") as stream:
        measures = [row["measure"] for row in csv.DictReader(stream)]
    # Of a rater who marks everything Matthews' correlation has no value.
    assert measures == ["accuracy", "iou", "tpr", "ppv", "f1", "specificity"]
