"""What counts reaches the analysis and the export alike."""

import csv
from pathlib import Path

import numpy as np
import pytest

from medai.errors import OutputError, StudyError
from medai.images import (
    Volume,
    read_segmentation,
    read_volume,
    segmentation_from_masks,
    write_segmentation,
)
from medai.reports.rater_agreement import AgreementOptions, measure_agreement
from medai.studies import (
    Remarks,
    Study,
    export_study,
    phantom_study,
    predicting_models,
    rated_images,
    start_session,
    study_ratings,
)
from medai.studies.rater_folder import open_rater_folder
from medai.studies.session import ActiveTime
from medai.studies.submissions import mask_path


def submit(
    study: Study,
    rater: str,
    image: str,
    rows: int,
    *,
    presentation: int = 1,
    remarks: Remarks | None = None,
    seconds: float = 10.0,
) -> None:
    volume = read_volume(study.image_path(image))
    session = start_session(study, rater, image, presentation, volume)
    session.active = ActiveTime(seconds, clock=lambda: 0.0)
    mask = np.zeros(volume.grid_shape, np.uint8)
    mask[:, :rows] = 1
    session.submit({"lesion": mask}, remarks or Remarks())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_counts_is_the_last_submission_of_each_rater(study: Study) -> None:
    submit(study, "CD", "case-2", 3)
    submit(study, "AB", "case-2", 1)
    submit(study, "AB", "case-2", 2)
    submit(study, "AB", "case-1", 4)
    first, second = rated_images(study)
    assert (first.image.name, tuple(first.segmentations)) == ("case-1", ("AB",))
    assert second.ratings("lesion").raters == ("AB", "CD")
    assert second.ratings("lesion").masks.sum(axis=(1, 2, 3)).tolist() == [16, 24]


def test_quality_and_time_become_covariates(make_study) -> None:
    study = make_study(covariates={"case-1": {"region": "arm"}})
    submit(study, "AB", "case-1", 1, remarks=Remarks("low"), seconds=10.0)
    submit(study, "CD", "case-1", 1, remarks=Remarks("normal"), seconds=30.0)
    (rated,) = rated_images(study)
    assert rated.ratings("lesion").covariates == {"region": "arm", "quality": -0.5, "seconds": 20.0}


def test_a_study_without_submissions_says_so(study: Study) -> None:
    with pytest.raises(StudyError, match="'Trial' has no submissions yet"):
        list(rated_images(study))


def test_an_altered_mask_is_left_out_and_named(study: Study) -> None:
    submit(study, "AB", "case-1", 1)
    submit(study, "CD", "case-1", 2)
    (path,) = (study.submissions_folder / "CD" / "case-1").glob("*.seg.nrrd")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (rated,) = rated_images(study)
    assert tuple(rated.segmentations) == ("AB",)
    assert "rater CD is left out" in rated.notes[0]


def test_a_mask_on_another_grid_is_resampled_and_said(study: Study) -> None:
    submit(study, "AB", "case-1", 4)
    fine = Volume(np.zeros((1, 16, 16), np.uint8), np.diag([-0.5, -0.5, 1, 1]), "", "fine")
    mask = np.zeros((1, 16, 16), np.uint8)
    mask[:, :8] = 1
    start_session(study, "CD", "case-1", 1, fine).submit({"lesion": mask}, Remarks())
    (rated,) = rated_images(study)
    ratings = rated.ratings("lesion")
    assert np.array_equal(ratings.masks[0], ratings.masks[1])
    assert "CD was resampled" in rated.notes[0]


def test_a_mask_that_lies_elsewhere_is_left_out(study: Study) -> None:
    submit(study, "AB", "case-1", 4)
    away = np.diag([-1.0, -1.0, 1.0, 1.0])
    away[:3, 3] = 500
    far = Volume(np.ones((1, 8, 8), np.uint8), away, "", "far")
    start_session(study, "CD", "case-1", 1, far).submit({"lesion": far.array}, Remarks())
    (rated,) = rated_images(study)
    assert tuple(rated.segmentations) == ("AB",)
    assert "lies outside" in rated.notes[0]


def test_a_model_is_one_more_rater(study: Study) -> None:
    submit(study, "AB", "case-1", 4)
    submit(study, "AB", "case-2", 4)
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[:, :2] = 1
    path = study.predictions_folder / "R18-T1" / "case-1.seg.nrrd"
    path.parent.mkdir(parents=True)
    segmentation = segmentation_from_masks(
        {"GGO": mask}, np.diag([-1, -1, 1, 1]), colors={"GGO": (1, 0, 0)}
    )
    write_segmentation(segmentation, path)
    assert predicting_models(study) == ("R18-T1",)
    first, second = rated_images(study, predictions=["R18-T1"])
    assert first.ratings("lesion").raters == ("AB", "R18-T1")
    assert first.ratings("lesion").masks[1].sum() == 16
    assert tuple(second.segmentations) == ("AB",)
    assert second.notes == ("case-2: model R18-T1 has no mask for it.",)
    with pytest.raises(StudyError, match="no such model"):
        list(rated_images(study, predictions=["other"]))


def test_training_images_do_not_count(tmp_path: Path, make_study) -> None:
    reference = tmp_path / "case-1.nrrd"
    from medai.images import write_volume

    write_volume(Volume(np.ones((1, 8, 8), np.uint8), np.diag([-1, -1, 1, 1]), "", ""), reference)
    study = make_study(foreground=1, references={"case-1": reference})
    submit(study, "AB", "case-1", 1)
    submit(study, "AB", "case-2", 1)
    assert [rated.image.name for rated in rated_images(study)] == ["case-2"]


def test_the_export_holds_what_counts_in_the_layout_of_agree(make_study, tmp_path: Path) -> None:
    study = make_study(2, repeat_share=0.5, covariates={"case-1": {"severity": 2.5}})
    for rater in ("AB", "CD"):
        for image in ("case-1", "case-2"):
            for presentation in (1, 2):
                submit(study, rater, image, presentation, presentation=presentation)
    volume = read_volume(study.image_path("case-1"))
    start_session(study, "AB", "case-1", 1, volume).skip("=HYPERLINK(x)")
    export = export_study(study, tmp_path / "out")
    assert (export.images, export.masks, export.repeats) == (2, 3, 3)
    between = tmp_path / "out" / "between_raters"
    assert sorted(path.relative_to(between).as_posix() for path in between.rglob("*.nrrd")) == [
        "case-1/CD.seg.nrrd",
        "case-1/image.nrrd",
        "case-2/AB.seg.nrrd",
        "case-2/CD.seg.nrrd",
        "case-2/image.nrrd",
    ]
    picture = open_rater_folder(tmp_path / "out").picture("case-2")
    assert picture is not None and (picture.array == 2).all()
    assert read_segmentation(between / "case-2" / "AB.seg.nrrd").mask("lesion").sum() == 8
    assert rows_of(between / "ratings.csv")[0] == {
        "image": "case-1",
        "rater": "CD",
        "quality": "normal",
        "reasons": "",
        "seconds": "10.0",
        "severity": "2.5",
    }
    second = tmp_path / "out" / "within_raters" / "CD" / "case-1" / "second.seg.nrrd"
    assert read_segmentation(second).mask("lesion").sum() == 16
    sessions = rows_of(tmp_path / "out" / "submissions.csv")
    assert len(sessions) == 9
    (skip,) = [row for row in sessions if row["outcome"] == "skipped"]
    assert skip["other_reason"] == "'=HYPERLINK(x)"
    assert [row["counts"] for row in sessions].count("no") == 1


def test_an_export_without_its_image_says_so(make_study, tmp_path: Path) -> None:
    study = make_study(1)
    submit(study, "AB", "case-1", 1)
    study.image_path("case-1").unlink()
    export = export_study(study, tmp_path / "out")
    assert export.masks == 1
    assert "case-1: the image itself is missing" in export.notes[0]


def test_skips_and_what_was_never_handed_in_are_said_in_the_headline(make_study) -> None:
    study = make_study(3)
    for rater in ("AB", "CD"):
        submit(study, rater, "case-1", 1)
    assert study_ratings(study).coverage == "Of 6 outlines asked for, 4 not submitted."
    submit(study, "AB", "case-2", 1)
    submit(study, "CD", "case-2", 2)
    submit(study, "AB", "case-3", 1)
    volume = read_volume(study.image_path("case-3"))
    start_session(study, "CD", "case-3", 1, volume).skip("too dark")
    result = measure_agreement(study_ratings(study), None, AgreementOptions(leave_one_out=False))
    assert result.report.sentence.endswith("Of 6 outlines asked for, 1 skipped.")
    assert "1 of 3 images left out (1 of fewer than two raters)." in result.sentence
    submit(study, "CD", "case-3", 1)
    assert study_ratings(study).coverage == ""


def test_an_export_is_not_overwritten_unasked(study: Study, tmp_path: Path) -> None:
    submit(study, "AB", "case-1", 1)
    export_study(study, tmp_path / "out")
    with pytest.raises(OutputError, match="already holds files"):
        export_study(study, tmp_path / "out")
    assert export_study(study, tmp_path / "out", overwrite=True).masks == 1


def test_the_phantom_study_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    studies = [phantom_study(tmp_path / name, images=2, seed=4) for name in "ab"]
    first, second = (
        {
            (record_image.image.name, rater): segmentation.layers
            for record_image in rated_images(study)
            for rater, segmentation in record_image.segmentations.items()
        }
        for study in studies
    )
    assert first.keys() == second.keys()
    assert len(first) == 8
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_a_mask_path_stays_in_the_raters_own_folder(study: Study) -> None:
    submit(study, "AB", "case-1", 1)
    (rated,) = rated_images(study)
    assert mask_path(study, rated.records["AB"]).is_relative_to(study.submissions_folder / "AB")
