"""Images and raters that join later change nobody's list where it has begun."""

from pathlib import Path

import numpy as np
import pytest

from medai.cli import run
from medai.errors import StudyError
from medai.images import read_volume
from medai.studies import (
    Remarks,
    StudyPlan,
    check_study,
    open_study,
    rater_status,
    start_session,
    study_ratings,
    worklist,
)
from medai.studies.grow import add_raters, grow_study
from medai.studies.protocol import STUDY_FILE, read_protocol
from medai.studies.worklist import repeated_images
from Testing.studies.conftest import write_image


def new_images(folder: Path, count: int, first: int = 11) -> list[Path]:
    return [
        write_image(folder / f"new-{number}.nrrd", number) for number in range(first, first + count)
    ]


def grown(study, folder: Path, count: int = 4, **plan: object):
    images = new_images(folder / "new", count)
    return grow_study(study, StudyPlan("", images, (), **{"keep_names": True, **plan}))


def test_added_images_come_after_and_the_list_before_stays(make_study, tmp_path: Path) -> None:
    study = make_study(6, repeat_share=0.5, seed=5)
    before = {rater: worklist(study.protocol, rater) for rater in study.protocol.raters}
    bigger = grown(study, tmp_path)
    for rater, cases in before.items():
        after = worklist(bigger.protocol, rater)
        assert after[: len(cases)] == cases
        added = after[len(cases) :]
        assert {case.image for case in added} == {f"new-{number}" for number in range(11, 15)}
        assert sum(case.presentation == 2 for case in added) == 2
        assert [case.number for case in after] == list(range(1, len(after) + 1))
    orders = [
        [case.image for case in worklist(bigger.protocol, rater)[9:]] for rater in ("AB", "CD")
    ]
    assert orders[0] != orders[1]
    assert len(repeated_images(bigger.protocol)) == 3 + 2
    assert check_study(bigger).is_sound


def test_covariates_of_added_images_are_kept(study, tmp_path: Path) -> None:
    bigger = grown(study, tmp_path, 1, covariates={"new-11": {"severity": 2.0}})
    again = open_study(bigger.folder)
    assert again.protocol.image("new-11").covariates == {"severity": 2.0}
    assert again.protocol.image("new-11").batch == 1


def test_what_was_submitted_before_counts_on(study, tmp_path: Path) -> None:
    volume = read_volume(study.image_path("case-1"))
    open_before = start_session(study, "CD", "case-1", 1, volume)
    start_session(study, "AB", "case-1", 1, volume).submit({}, Remarks())
    bigger = grown(study, tmp_path, 1)
    # A session that was open while the study grew belongs to the same study.
    open_before.submit({"lesion": np.ones(volume.grid_shape, np.uint8)}, Remarks())
    assert rater_status(bigger, "AB").submitted == 1
    assert len(rater_status(bigger, "AB").cases) == 4
    start_session(bigger, "AB", "new-11", 1, volume).submit({}, Remarks())
    assert study_ratings(open_study(bigger.folder)).images == ("case-1", "new-11")
    assert check_study(bigger).is_sound


def test_raters_join_with_lists_of_their_own(study) -> None:
    before = worklist(study.protocol, "AB")
    bigger = add_raters(study, ["EF"])
    assert bigger.protocol.raters == ("AB", "CD", "EF")
    assert worklist(bigger.protocol, "AB") == before
    assert len(worklist(bigger.protocol, "EF")) == 3
    with pytest.raises(StudyError, match="share the name 'ab'"):
        add_raters(bigger, ["ab"])
    assert open_study(study.folder).protocol == bigger.protocol


def test_each_protocol_before_is_kept(study, tmp_path: Path) -> None:
    first = (study.folder / STUDY_FILE).read_bytes()
    bigger = grown(add_raters(study, ["EF"]), tmp_path)
    history = sorted((study.folder / "history").iterdir())
    assert [path.name for path in history] == ["001.toml", "002.toml"]
    assert history[0].read_bytes() == first
    assert read_protocol(bigger.folder) == bigger.protocol
    # A version that knows nothing of added images would put them elsewhere in every list.
    assert "format = 3" in (bigger.folder / STUDY_FILE).read_text("utf-8")
    assert "format = 2" in history[1].read_text("utf-8")


def test_new_images_go_on_with_neutral_numbers_and_a_key_of_their_own(
    make_study, tmp_path: Path
) -> None:
    study = make_study(2, keep_names=False, key=tmp_path / "key.csv")
    bigger = grown(study, tmp_path, 2, keep_names=False, key=tmp_path / "more.csv")
    assert [image.name for image in bigger.protocol.images] == [
        f"image-{number:03d}" for number in (1, 2, 3, 4)
    ]
    assert "new-11" in (tmp_path / "more.csv").read_text("utf-8")
    assert "case-1" in (tmp_path / "key.csv").read_text("utf-8")


def test_what_cannot_be_added_leaves_the_study_as_it_was(study, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in study.folder.rglob("*") if path.is_file()}
    images = new_images(tmp_path / "new", 2)
    images[1].write_bytes(b"no image")
    with pytest.raises(Exception, match="new-12"):
        grow_study(study, StudyPlan("", images, (), key=tmp_path / "key.csv"))
    clash = [write_image(tmp_path / "other" / "CASE-1.nrrd")]
    with pytest.raises(StudyError, match="has an image 'CASE-1' already"):
        grow_study(study, StudyPlan("", clash, (), keep_names=True))
    assert {path: path.read_bytes() for path in before} == before
    assert {path for path in study.folder.rglob("*") if path.is_file()} == set(before)
    assert not (tmp_path / "key.csv").exists()


def test_a_protocol_that_cannot_be_replaced_adds_nothing(
    study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medai.errors import OutputError
    from medai.studies import grow

    def full(*_: object) -> None:
        raise OutputError("Can't write study.toml: the disk is full.")

    monkeypatch.setattr(grow, "replace_protocol", full)
    with pytest.raises(OutputError, match="disk is full"):
        grown(study, tmp_path)
    assert check_study(study).findings == ()


def test_a_study_without_ledgers_does_not_grow(study, tmp_path: Path) -> None:
    path = study.folder / STUDY_FILE
    path.write_text(path.read_text("utf-8").replace("format = 2", "format = 1"), "utf-8")
    with pytest.raises(StudyError, match="before raters kept ledgers: it can't grow"):
        grown(open_study(study.folder), tmp_path)


def test_the_command_adds_both(study, tmp_path: Path, capsys) -> None:
    (image,) = new_images(tmp_path / "new", 1)
    arguments = ["study", "add", str(study.folder)]
    assert run([*arguments, str(image), "--raters", "EF", "--keep-names"]) == 0
    assert "has 4 images for AB, CD, EF now." in capsys.readouterr().out
    assert run(arguments) == 2
    assert "Nothing to add" in capsys.readouterr().err
