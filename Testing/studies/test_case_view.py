"""What an annotator is shown of a case, and what a rater in training is told."""

from pathlib import Path

import numpy as np
import pytest

from medai.errors import GeometryError, StudyError
from medai.images import (
    Volume,
    read_volume,
    segmentation_from_masks,
    write_segmentation,
    write_volume,
)
from medai.reports.rater_agreement import AgreementOptions, measure_agreement
from medai.studies import (
    Remarks,
    add_predictions,
    open_case,
    open_drafts,
    predicting_models,
    rater_status,
    start_session,
    study_ratings,
    training_feedback,
    worklist,
)

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def rows(count: int, shape: tuple[int, int, int] = (1, 8, 8)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[:, :count] = 1
    return mask


def write_prediction(folder: Path, image: str, mask: np.ndarray, matrix=RAS) -> None:
    segmentation = segmentation_from_masks({"any": mask}, matrix, colors={"any": (1, 0, 0)})
    write_segmentation(segmentation, folder / f"{image}.seg.nrrd")


def first_case(study, rater="AB"):
    return worklist(study.protocol, rater)[0]


def test_a_case_is_shown_by_its_number_alone(study):
    case = first_case(study)
    view = open_case(study, "AB", case)
    assert view.volume.name == "Case 1"
    assert (view.masks, view.region, dict(view.predictions)) == (None, None, {})
    assert view.session.image == case.image


def test_a_draft_and_a_correction_bring_their_outlines(study):
    case = first_case(study)
    session = open_case(study, "AB", case).session
    draft = session.save_draft({"lesion": rows(2)}, Remarks())
    view = open_case(study, "AB", case, continues=draft)
    assert np.array_equal(view.masks["lesion"], rows(2) != 0)
    record = view.session.submit({"lesion": rows(3)}, Remarks())
    corrected = open_case(study, "AB", case, corrects=record)
    assert np.array_equal(corrected.masks["lesion"], rows(3) != 0)
    assert corrected.session.corrects == record.session


def test_a_draft_is_not_offered_once_its_case_is_handed_in_otherwise(study):
    case = first_case(study)
    open_case(study, "AB", case).session.save_draft({"lesion": rows(2)}, Remarks())
    open_case(study, "AB", case).session.submit({"lesion": rows(3)}, Remarks())
    assert open_drafts(study, "AB") == ()
    assert rater_status(study, "AB").submitted == 1


@pytest.mark.parametrize("shown", [False, True])
def test_a_models_result_is_shown_only_where_the_protocol_says_so(make_study, tmp_path, shown):
    study = make_study(show_predictions=shown)
    for image in study.protocol.images:
        write_prediction(tmp_path / "unet", image.name, rows(4))
    assert add_predictions(study, tmp_path / "unet") == ("unet", 3)
    view = open_case(study, "AB", first_case(study))
    assert list(view.predictions) == (["unet"] if shown else [])
    if shown:
        assert np.array_equal(view.predictions["unet"].mask("lesion"), rows(4) != 0)


def test_predictions_that_do_not_belong_are_refused(study, tmp_path):
    write_prediction(tmp_path / "AB", "case-1", rows(4))
    with pytest.raises(StudyError, match="rater or model named 'AB' already"):
        add_predictions(study, tmp_path / "AB")
    write_prediction(tmp_path / "other", "case-77", rows(4))
    with pytest.raises(StudyError, match="mask of no image"):
        add_predictions(study, tmp_path / "other")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="has no masks"):
        add_predictions(study, tmp_path / "empty")
    away = RAS.copy()
    away[:3, 3] = 500
    write_prediction(tmp_path / "far", "case-1", rows(4), away)
    with pytest.raises(GeometryError, match="lies outside"):
        add_predictions(study, tmp_path / "far")
    assert predicting_models(study) == ()


def test_training_feedback_says_how_the_outline_compares(make_study, tmp_path):
    write_volume(Volume(rows(4), RAS, "", ""), tmp_path / "case-1.nrrd")
    study = make_study(references={"case-1": tmp_path / "case-1.nrrd"})
    case = first_case(study)
    assert (case.image, case.is_training) == ("case-1", True)

    def said(count: int) -> str:
        (feedback,) = training_feedback(study, "case-1", {"lesion": rows(count)})
        return feedback.sentence

    assert said(4) == (
        "lesion: Dice 1.00. You found 100% of it, and 100% of what you marked is right; "
        "your outline is about as large as the reference."
    )
    assert "Dice 0.67. You found 50% of it, and 100%" in said(2)
    assert "50% smaller than the reference" in said(2)
    assert "100% larger" in said(8)
    assert said(0) == "lesion: you outlined nothing, but there is something."
    with pytest.raises(StudyError, match="'case-2' has no reference"):
        training_feedback(study, "case-2", {"lesion": rows(1)})


def test_feedback_on_an_image_with_nothing_to_outline(make_study, tmp_path):
    write_volume(Volume(rows(0), RAS, "", ""), tmp_path / "case-1.nrrd")
    study = make_study(references={"case-1": tmp_path / "case-1.nrrd"})
    (right,) = training_feedback(study, "case-1", {"lesion": rows(0)})
    (wrong,) = training_feedback(study, "case-1", {"lesion": rows(1)})
    assert right.sentence == "lesion: right, there is nothing to outline here."
    assert wrong.sentence == (
        "lesion: you outlined something, but there is nothing to outline here."
    )


def test_the_analysis_knows_repeats_models_and_who_is_missing(make_study, tmp_path):
    study = make_study(4, raters=["AB", "CD", "EF"], repeat_share=0.5)
    for rater, shift in (("AB", 0), ("CD", 1)):
        for case in worklist(study.protocol, rater):
            volume = read_volume(study.image_path(case.image))
            mask = rows(3 + shift + case.presentation)
            start_session(study, rater, case.image, case.presentation, volume).submit(
                {"lesion": mask}, Remarks()
            )
    for image in study.protocol.images:
        write_prediction(tmp_path / "unet", image.name, rows(4))
    add_predictions(study, tmp_path / "unet")
    seen = []
    analysis = measure_agreement(
        study_ratings(study, predictions=("unet",)),
        None,
        AgreementOptions(candidates=("unet",)),
        on_image=lambda ratings: seen.append(ratings.name),
    )
    assert seen == ["case-1", "case-2", "case-3", "case-4"]
    assert analysis.report.cohort.raters == ("AB", "CD")
    assert [candidate.candidate for candidate in analysis.report.cohort.candidates] == ["unet"]
    assert "Rater EF has submitted nothing and is left out." in analysis.notes
    first, second = analysis.repeat_rows
    assert (first["rater"], first["images"]) == ("AB", 2)
    # 4 rows the first time and 5 the second: 2·32 / (32 + 40).
    assert first["dice"] == pytest.approx(64 / 72)
    assert second["dice"] == pytest.approx(80 / 88)
