"""Everything that can be wrong with a study is found and named."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from medai.images import read_volume, segmentation_from_masks, write_segmentation
from medai.studies import Record, Remarks, Study, check_study, open_study, start_session
from medai.studies.submissions import mask_path


@pytest.fixture
def record(study: Study) -> Record:
    volume = read_volume(study.image_path("case-1"))
    mask = np.eye(8, dtype=np.uint8)[None]
    return start_session(study, "AB", "case-1", 1, volume).submit({"lesion": mask}, Remarks())


def found(study: Study) -> list[tuple[str, str]]:
    return [(finding.kind, Path(finding.path).name) for finding in check_study(study).findings]


def test_a_new_and_a_used_study_are_sound(study: Study, record: Record) -> None:
    check = check_study(study)
    assert check.is_sound
    assert check.sentence == "The study is sound: 3 images, 1 submissions checked."


def test_a_changed_byte_in_a_mask_is_found(study: Study, record: Record) -> None:
    path = mask_path(study, record)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert found(study) == [("altered", path.name)]
    assert "altered or damaged" in check_study(study).findings[0].message
    assert not check_study(study).is_sound


def test_a_missing_mask_is_found(study: Study, record: Record) -> None:
    mask_path(study, record).unlink()
    assert found(study) == [("damaged", record.mask)]


def test_a_mask_without_a_record_is_unfinished_and_does_no_harm(
    study: Study, record: Record
) -> None:
    sidecar = mask_path(study, record).with_name(f"{record.session}.json")
    sidecar.unlink()
    # Saving ended before the record: its ledger entry was still pending.
    (entry,) = study.ledger_folder("AB").iterdir()
    pending = entry.rename(entry.with_name(f"pending-{record.session}.json"))
    assert found(study) == [("unfinished", record.mask), ("unfinished", pending.name)]
    assert check_study(study).is_sound
    assert "does no harm" in check_study(study).sentence


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"format": 1}'])
def test_a_damaged_record_is_found(study: Study, record: Record, content: bytes) -> None:
    sidecar = mask_path(study, record).with_name(f"{record.session}.json")
    sidecar.write_bytes(content)
    assert found(study) == [("damaged", sidecar.name)]


def test_a_record_of_a_newer_version_is_said_to_be_newer(study: Study, record: Record) -> None:
    sidecar = mask_path(study, record).with_name(f"{record.session}.json")
    sidecar.write_text(sidecar.read_text().replace('"format": 2', '"format": 9'))
    (finding,) = check_study(study).findings
    assert "newer MedAI" in finding.message


def test_an_altered_image_is_found_with_what_was_drawn_on_it(study: Study, record: Record) -> None:
    shutil.copyfile(study.image_path("case-2"), study.image_path("case-1"))
    assert found(study) == [("altered", "case-1.nrrd")]


def test_a_missing_image_is_found(study: Study) -> None:
    study.image_path("case-2").unlink()
    (finding,) = check_study(study).findings
    assert (finding.kind, finding.path) == ("damaged", "images/case-2.nrrd")


def test_a_mask_of_another_geometry_is_found(study: Study, record: Record) -> None:
    # Written by another program, with hash and seal to match.
    volume = read_volume(study.image_path("case-1"))
    small = type(volume)(np.zeros((1, 4, 4), np.uint8), volume.ijk_to_ras, "", "small")
    session = start_session(study, "CD", "case-1", 1, small)
    session.submit({}, Remarks())
    moved = type(volume)(volume.array, np.diag([-1, -1, 2, 1.0]), "", "moved")
    start_session(study, "CD", "case-1", 1, moved).submit({}, Remarks())
    assert [kind for kind, _ in found(study)] == ["geometry", "geometry"]
    messages = " ".join(finding.message for finding in check_study(study).findings)
    assert "has the grid (1, 4, 4) (z, y, x), but its image has (1, 8, 8)" in messages
    assert "its spacing differs" in messages


def test_files_that_nothing_names_are_orphaned(study: Study, record: Record) -> None:
    folder = mask_path(study, record).parent
    (folder / "notes.txt").write_text("x")
    (folder / f"{record.session} (conflicted copy).seg.nrrd").write_text("x")
    (study.submissions_folder / "ZZ" / "case-1").mkdir(parents=True)
    (study.submissions_folder / "AB" / "case-99").mkdir()
    (study.folder / "images" / "extra.nrrd").write_text("x")
    (study.folder / "copy of submissions").mkdir()
    kinds = {kind for kind, _ in found(study)}
    names = {name for _, name in found(study)}
    assert kinds == {"orphaned"}
    assert names == {
        "notes.txt",
        f"{record.session} (conflicted copy).seg.nrrd",
        "ZZ",
        "case-99",
        "extra.nrrd",
        "copy of submissions",
    }


def test_what_file_managers_leave_is_nobodys_fault(study: Study, record: Record) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (mask_path(study, record).parent / name).write_text("x")
        (study.folder / name).write_text("x")
    assert found(study) == []


def test_a_session_in_the_wrong_folder_is_orphaned(study: Study, record: Record) -> None:
    folder = mask_path(study, record).parent
    shutil.copytree(folder, study.submissions_folder / "CD" / "case-1")
    assert found(study) == [("orphaned", f"{record.session}.json")]
    assert "rater 'AB'" in check_study(study).findings[0].message


def test_a_session_of_another_study_is_orphaned(study: Study, record: Record, make_study) -> None:
    other = make_study(folder="other")
    shutil.copytree(study.submissions_folder, other.submissions_folder)
    (finding,) = check_study(other).findings
    assert finding.kind == "orphaned"
    assert "another study" in finding.message


def test_renamed_segments_are_found(study: Study, record: Record) -> None:
    import medai.studies.session as session_file

    volume = read_volume(study.image_path("case-1"))
    session = start_session(study, "CD", "case-1", 1, volume)
    drifted = segmentation_from_masks(
        {"Segment_1": volume.array}, volume.ijk_to_ras, colors={"Segment_1": (1, 0, 0)}
    )
    before = session_file.study_segmentation
    session_file.study_segmentation = lambda *arguments: drifted
    try:
        session.submit({}, Remarks())
    finally:
        session_file.study_segmentation = before
    (finding,) = check_study(study).findings
    assert "has the labels Segment_1; expected lesion" in finding.message


def test_a_damaged_draft_is_found_and_a_leftover_is_not_damage(study: Study) -> None:
    volume = read_volume(study.image_path("case-1"))
    draft = start_session(study, "AB", "case-1", 1, volume).save_draft({}, Remarks())
    (study.draft_folder("AB") / ".writing-abc.seg.nrrd").write_text("half")
    assert [kind for kind, _ in found(study)] == ["unfinished"]
    (study.draft_folder("AB") / draft.mask).write_text("half")
    assert "damaged" in [kind for kind, _ in found(study)]


def test_a_changed_region_is_found(tmp_path: Path, make_study) -> None:
    region = tmp_path / "case-1.seg.nrrd"
    mask = np.ones((1, 8, 8), np.uint8)
    matrix = np.diag([-1, -1, 1, 1])
    write_segmentation(
        segmentation_from_masks({"skin": mask}, matrix, colors={"skin": (1, 1, 0)}), region
    )
    study = make_study(regions={"case-1": region})
    assert check_study(study).findings == ()
    path = study.region_path("case-1")
    assert path is not None
    mask[0, 0, 0] = 0
    write_segmentation(
        segmentation_from_masks({"skin": mask}, matrix, colors={"skin": (1, 1, 0)}),
        path,
        overwrite=True,
    )
    assert [kind for kind, _ in found(study)] == ["altered"]


def test_checking_changes_nothing(study: Study, record: Record) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.folder.rglob("*")}
    check_study(open_study(study.folder))
    assert {path: path.stat().st_mtime_ns for path in study.folder.rglob("*")} == before
