"""Every picture that is named becomes an image, or is named: none is passed over."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medai.commands.study import app
from medai.errors import StudyError
from medai.images import read_volume
from medai.studies import (
    Remarks,
    Study,
    StudyPlan,
    check_study,
    create_study,
    export_study,
    find_images,
    rater_status,
    remove_leftovers,
    start_session,
)
from medai.studies.rater_folder import open_rater_folder
from Testing.images.dicom_files import write_slice as write_dicom


def write_slice(path: Path, pixels: np.ndarray, **elements: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dicom(path, pixels, **elements)


FLAT = np.full((8, 8), 7, np.int16)


def picture(path: Path, values: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((8, 8), 3, np.uint8) if values is None else values
    Image.fromarray(array).save(path)
    return path


def test_three_x_rays_of_three_patients_in_one_folder_are_three_images(tmp_path: Path) -> None:
    for number in range(3):
        write_slice(
            tmp_path / "in" / f"chest-{number}.dcm",
            FLAT + number,
            Modality="DX",
            SeriesInstanceUID=f"1.2.{number}",
            PatientID=f"p{number}",
        )
    found = find_images([tmp_path / "in"])
    assert [path.name for path in found] == ["chest-0.dcm", "chest-1.dcm", "chest-2.dcm"]
    study = create_study(tmp_path / "study", StudyPlan("T", found, ["AB"], keep_names=True))
    values = [int(read_volume(study.image_path(f"chest-{k}")).array.max()) for k in range(3)]
    assert values[1] - values[0] == 1 and values[2] - values[1] == 1


def test_slices_of_one_series_are_one_image_and_two_series_are_named(tmp_path: Path) -> None:
    for number in range(3):
        write_slice(
            tmp_path / "ct" / f"{number}.dcm",
            FLAT,
            SeriesInstanceUID="1.2.3",
            ImagePositionPatient=[0, 0, number],
        )
    assert find_images([tmp_path / "ct"]) == [tmp_path / "ct"]
    assert find_images([tmp_path]) == [tmp_path / "ct"]
    for number in range(2):
        write_slice(
            tmp_path / "ct" / f"other-{number}.dcm",
            FLAT,
            SeriesInstanceUID="1.2.4",
            ImagePositionPatient=[0, 0, number],
        )
    with pytest.raises(StudyError, match="series of 3 and 2 slices"):
        find_images([tmp_path / "ct"])


def test_a_picture_and_a_dicom_file_of_one_name_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    write_slice(tmp_path / "in" / "a.dcm", FLAT, Modality="CR")
    found = find_images([tmp_path / "in"])
    assert len(found) == 2
    with pytest.raises(StudyError, match="share the name 'a'"):
        create_study(tmp_path / "study", StudyPlan("T", found, ["AB"], keep_names=True))


def test_broken_links_and_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(StudyError, match=r"lead nowhere: gone\.png"):
        find_images([tmp_path / "in"])
    (tmp_path / "in" / "gone.png").unlink()
    (tmp_path / "in" / "notes.xyz").write_text("?")
    with pytest.raises(StudyError, match=r"no images: notes\.xyz"):
        find_images([tmp_path / "in"])


def test_a_reference_that_covers_almost_everything_is_questioned(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    values = np.full((8, 8), 255, np.uint8)
    values[0, :2] = 0
    references = {"a": picture(tmp_path / "right" / "a.png", values)}
    plan = {"title": "T", "images": [image], "raters": ["AB"], "references": references}
    plan["keep_names"] = True
    with pytest.raises(StudyError, match=r"covers 96\.9 %.*is 0 the foreground.*--foreground"):
        create_study(tmp_path / "study", StudyPlan(**plan))
    study = create_study(tmp_path / "study", StudyPlan(**plan, foreground=0))
    from medai.studies import reference_masks

    assert reference_masks(study, "a")["lesion"].sum() == 2
    kept = create_study(tmp_path / "kept", StudyPlan(**plan, foreground=255))
    assert reference_masks(kept, "a")["lesion"].sum() == 62


def test_a_rater_folder_asks_for_the_foreground_and_for_its_layout(tmp_path: Path) -> None:
    values = np.full((8, 8), 255, np.uint8)
    values[0, :2] = 0
    for first in ("one", "two"):
        for second in ("a", "b", "c"):
            picture(tmp_path / first / f"{second}.png", 255 - values)
    picture(tmp_path / "one" / "a.png", values)
    folder = open_rater_folder(tmp_path)
    assert any("2 images with 3 raters each" in note for note in folder.notes)
    assert any("is 0 the foreground?" in note for note in folder.read("one").notes)


def test_an_export_is_read_as_it_is(study: Study, tmp_path: Path) -> None:
    for rater in study.protocol.raters:
        volume = read_volume(study.image_path("case-1"))
        start_session(study, rater, "case-1", 1, volume).submit({}, Remarks())
    export = export_study(study, tmp_path / "export")
    assert open_rater_folder(export.folder).raters == ("AB", "CD")


def test_a_name_is_the_same_in_either_unicode_form(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    assert composed != apart
    plan = StudyPlan("T", [picture(tmp_path / "a.png")], [apart], keep_names=True)
    study = create_study(tmp_path / "study", plan)
    volume = read_volume(study.image_path("a"))
    start_session(study, composed, "a", 1, volume).submit({}, Remarks())
    for spelling in (composed, apart):
        assert rater_status(study, spelling).submitted == 1
    assert check_study(study).is_sound


def test_leftovers_of_crashes_are_shown_and_then_removed(study: Study) -> None:
    import os

    folder = study.ledger_folder("AB")
    folder.mkdir(parents=True)
    old, new = folder / ".writing-old.json", folder / ".writing-new.json"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (1, 1))
    done = CliRunner().invoke(app, ["check", str(study.folder), "--repair"])
    assert ".writing-old.json" in done.stderr and ".writing-new.json" in done.stderr
    assert "1 files of unfinished saves removed" in done.stdout
    assert not old.exists()
    # Another machine may be in the middle of it.
    assert new.exists()
    assert remove_leftovers(study, check_study(study)) == ()


def test_making_a_study_where_files_are_gives_advice_that_can_be_followed(tmp_path: Path) -> None:
    image = picture(tmp_path / "in" / "a.png")
    arguments = ["create", str(tmp_path / "in"), str(image), "--raters", "AB"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code != 0
    assert "--overwrite" not in str(done.exception) + done.output
