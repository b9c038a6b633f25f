"""A study is made of images whole, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from medai.errors import GeometryError, ImageReadError, OutputError, StudyError
from medai.images import (
    Volume,
    read_segmentation,
    read_volume,
    segmentation_from_masks,
    write_segmentation,
    write_volume,
)
from medai.reports.rater_agreement import AgreementOptions, measure_agreement
from medai.studies import (
    StudyPlan,
    check_study,
    create_study,
    import_crops,
    label,
    rated_image,
    read_mask,
    start_session,
    study_ratings,
    worklist,
)
from medai.studies.finding_images import find_images, find_masks
from medai.studies.record import Remarks
from medai.studies.submissions import study_records

LIDC = (
    Path(__file__).resolve().parents[2].parent
    / "shared/data/lidc_four_readers/lidc_four_readers.npz"
)
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_picture(path: Path, value: int = 3) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)
    return path


def write_mask(path: Path, mask: np.ndarray, matrix: np.ndarray = RAS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    segmentation = segmentation_from_masks({"skin": mask}, matrix, colors={"skin": (1, 1, 0)})
    write_segmentation(segmentation, path)
    return path


def plan(images: list[Path], **more: object) -> StudyPlan:
    chosen = {"title": "T", "images": images, "raters": ["AB"], "keep_names": True}
    return StudyPlan(**{**chosen, **more})


def test_images_are_copied_byte_for_byte(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "in" / "arm.png")
    study = create_study(tmp_path / "study", plan([picture]))
    assert study.image_path("arm").read_bytes() == picture.read_bytes()
    assert check_study(study).findings == ()


def test_two_images_of_one_name_are_named_both(tmp_path: Path) -> None:
    images = [write_picture(tmp_path / folder / "arm.png") for folder in "ab"]
    with pytest.raises(StudyError, match=r"share the name 'arm': .*a/arm\.png and .*b/arm\.png"):
        create_study(tmp_path / "study", plan(images))
    assert not (tmp_path / "study").exists()


def test_an_unreadable_image_leaves_nothing_behind(tmp_path: Path) -> None:
    bad = tmp_path / "bad.nrrd"
    bad.write_text("no image")
    images = [write_picture(tmp_path / "good.png"), bad]
    before = set(tmp_path.iterdir())
    with pytest.raises(ImageReadError):
        create_study(tmp_path / "study", plan(images))
    assert set(tmp_path.iterdir()) == before


def test_an_empty_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no images"):
        create_study(tmp_path / "study", plan([]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="is empty"):
        find_images([tmp_path / "empty"])


def test_a_used_folder_is_not_touched(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "arm.png")
    create_study(tmp_path / "study", plan([picture]))
    with pytest.raises(OutputError, match="already holds files"):
        create_study(tmp_path / "study", plan([picture]))


def test_odd_characters_and_long_paths_are_no_hindrance(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100) / ("c" * 100)
    odd = [
        write_picture(deep / "Bild 52%0 – „Ärm“ (1).png", 1),
        write_picture(deep / ("x" * 200 + ".png"), 2),
    ]
    study = create_study(deep / "study", plan(odd, raters=["Jürgen 王"]))
    assert len(str(study.image_path(study.protocol.images[1].name))) > 300
    for case in worklist(study.protocol, "Jürgen 王"):
        volume = read_volume(study.image_path(case.image))
        start_session(study, "Jürgen 王", case.image, 1, volume).submit({}, Remarks())
    assert check_study(study).findings == ()
    assert len(study_records(study)) == 2


def test_a_name_longer_than_the_disk_allows_is_said_in_one_line(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "arm.png")
    with pytest.raises(OutputError, match="path is too long") as error:
        create_study(tmp_path / ("s" * 300) / "study", plan([picture]))
    assert "\n" not in str(error.value)


def test_a_region_on_another_grid_is_brought_to_the_images(tmp_path: Path) -> None:
    image = tmp_path / "ct.nrrd"
    write_volume(Volume(np.zeros((2, 4, 4), np.int16), RAS, "CT", "ct"), image)
    fine = np.zeros((2, 8, 8), np.uint8)
    fine[:, :4] = 1
    half = np.diag([-0.5, -0.5, 1.0, 1.0])
    region = write_mask(tmp_path / "regions" / "ct.seg.nrrd", fine, half)
    study = create_study(tmp_path / "study", plan([image], regions={"ct": region}))
    path = study.region_path("ct")
    assert path is not None
    mask = read_segmentation(path).mask("region of interest")
    assert mask.shape == (2, 4, 4)
    assert mask[:, :2].all()
    assert not mask[:, 2:].any()


def test_a_region_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "ct.nrrd"
    write_volume(Volume(np.zeros((2, 4, 4), np.int16), RAS, "CT", "ct"), image)
    away = RAS.copy()
    away[:3, 3] = 500
    region = write_mask(tmp_path / "ct.seg.nrrd", np.ones((2, 4, 4), np.uint8), away)
    with pytest.raises(GeometryError, match="lies outside"):
        create_study(tmp_path / "study", plan([image], regions={"ct": region}))


def test_a_picture_serves_as_a_mask_of_a_picture(tmp_path: Path) -> None:
    from PIL import Image

    image = write_picture(tmp_path / "arm.png")
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:7] = 255
    (tmp_path / "skin").mkdir()
    Image.fromarray(mask).save(tmp_path / "skin" / "arm.png")
    regions = find_masks(tmp_path / "skin", [image])
    study = create_study(tmp_path / "study", plan([image], regions=regions))
    path = study.region_path("arm")
    assert path is not None
    assert read_segmentation(path).mask("region of interest").sum() == 12


def test_references_make_training_images(tmp_path: Path) -> None:
    image, other = write_picture(tmp_path / "a.png"), write_picture(tmp_path / "b.png")
    labels = [label("lesion"), label("cyst")]
    values = np.zeros((1, 8, 8), np.uint8)
    values[0, 0] = 1
    values[0, 1] = 2
    reference = tmp_path / "a.nrrd"
    write_volume(Volume(values, RAS, "", "a"), reference)
    study = create_study(
        tmp_path / "study", plan([image, other], labels=labels, references={"a": reference})
    )
    path = study.reference_path("a")
    assert path is not None
    segmentation = read_segmentation(path)
    assert [segment.name for segment in segmentation.segments] == ["lesion", "cyst"]
    assert segmentation.mask("cyst")[0, 1].all()
    assert study.protocol.image("a").is_training


def test_a_mask_of_no_image_is_named(tmp_path: Path) -> None:
    image = write_picture(tmp_path / "arm.png")
    write_mask(tmp_path / "skin" / "leg.seg.nrrd", np.ones((1, 8, 8), np.uint8))
    with pytest.raises(StudyError, match=r"leg\.seg\.nrrd is a mask of no image"):
        find_masks(tmp_path / "skin", [image])


def test_crops_with_readers_become_a_study(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    masks = rng.integers(0, 2, (3, 2, 16, 12), np.uint8)
    archive = tmp_path / "crops.npz"
    np.savez(
        archive,
        images=rng.integers(0, 255, (3, 16, 12), np.uint8),
        masks=np.packbits(masks, axis=-1),
        ids=["p/1.png", "p/2.png", "q/1.png"],
    )
    study = import_crops(archive, tmp_path / "study")
    assert [image.name for image in study.protocol.images] == ["p_1", "p_2", "q_1"]
    assert study.protocol.raters == ("reader 1", "reader 2")
    assert check_study(study).findings == ()
    for record in study_records(study):
        k = [image.name for image in study.protocol.images].index(record.image)
        j = study.protocol.raters.index(record.rater)
        assert np.array_equal(read_mask(study, record).mask("lesion")[0], masks[k, j])


@pytest.mark.skipif(not LIDC.is_file(), reason="the LIDC crops are not on this machine")
def test_real_crops_of_four_readers_are_imported_and_analysed(tmp_path: Path) -> None:
    with np.load(LIDC) as held:
        few = {key: held[key][:12] for key in ("images", "masks", "ids")}
    np.savez(tmp_path / "few.npz", **few)
    study = import_crops(tmp_path / "few.npz", tmp_path / "study")
    assert len(study_records(study)) == 48
    # Nobody measured how long the readers took: writing the files isn't it.
    assert {record.active_seconds for record in study_records(study)} == {0.0}
    assert check_study(study).findings == ()
    analysis = measure_agreement(study_ratings(study), None, AgreementOptions())
    masks = np.unpackbits(few["masks"], axis=-1)
    for image, name in enumerate(few["ids"]):
        inside = rated_image(study, str(name).replace("/", "_")[:-4]).ratings("lesion")
        assert np.array_equal(inside.masks[:, 0], masks[image])
        # Nothing that a reader marked lies outside the region that counts.
        assert not (inside.masks.any(axis=0) & (inside.roi == 0)).any()
    assert len(analysis.report.cohort.images) == 12
    dice = analysis.report.cohort.summary("dice")
    assert dice is not None
    assert 0.6 < dice["mean"] < 1.0


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.npz"
    archive.write_bytes(b"no zip")
    with pytest.raises(StudyError, match="NumPy archive"):
        import_crops(archive, tmp_path / "study")
    np.savez(archive, images=np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(StudyError, match="expected both"):
        import_crops(archive, tmp_path / "study")
    np.savez(archive, images=np.zeros((2, 8, 8), np.uint8), masks=np.zeros((2, 3, 4, 4)))
    with pytest.raises(StudyError, match=r"expected \(2, readers, 8, 8\)"):
        import_crops(archive, tmp_path / "study")
    np.savez(archive, images=np.array([{}]), masks=np.zeros(3))
    with pytest.raises(StudyError, match="NumPy archive"):
        import_crops(archive, tmp_path / "study")
    assert not (tmp_path / "study").exists()
