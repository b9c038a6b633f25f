"""Whose pictures they are reaches no study: not by names, not by what files say of themselves."""

import csv
import gzip
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from medai.errors import OutputError, StudyError
from medai.images import Volume, read_volume
from medai.images.nrrd import write_nrrd
from medai.studies import StudyPlan, check_study, create_study, images_with_text, key_path

PATIENT = b"DOE^JANE"
SHAPE = (12, 10)


def pixels(color: bool = True) -> np.ndarray:
    shape = (*SHAPE, 3) if color else SHAPE
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def exif(orientation: int = 1) -> bytes:
    tags = Image.Exif()
    tags[0x010E] = PATIENT.decode()
    tags[0x0112] = orientation
    return tags.tobytes()


def tagged_png(path: Path) -> Path:
    info = PngInfo()
    info.add_text("PatientName", PATIENT.decode())
    info.add_text("Comment", PATIENT.decode() * 20, zip=True)
    info.add_itxt("Title", PATIENT.decode())
    picture = Image.fromarray(pixels())
    picture.save(path, pnginfo=info, exif=exif(6), dpi=(300, 300))
    path.write_bytes(path.read_bytes() + PATIENT)
    return path


def tagged_jpeg(path: Path, **options: object) -> Path:
    picture = Image.fromarray(pixels()).resize((40, 56))
    picture.save(path, exif=exif(6), comment=PATIENT, **options)
    path.write_bytes(path.read_bytes() + PATIENT)
    return path


def tagged_tiff(path: Path, depth: type = np.uint16) -> Path:
    pages = [Image.fromarray((pixels(color=False) * scale).astype(depth)) for scale in (1, 100)]
    pages[0].save(path, save_all=True, append_images=pages[1:], description=PATIENT.decode())
    return path


def tagged_bmp(path: Path) -> Path:
    Image.fromarray(pixels()).save(path)
    path.write_bytes(path.read_bytes() + PATIENT)
    return path


def tagged_nifti(path: Path, version: int = 1) -> Path:
    voxels = np.arange(24, dtype="<i2")
    extension = struct.pack("<II", 32, 2) + PATIENT.ljust(24, b"\0")
    if version == 1:
        header = bytearray(348)
        struct.pack_into("<i", header, 0, 348)
        struct.pack_into("<8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
        struct.pack_into("<hh", header, 70, 4, 16)
        struct.pack_into("<8f", header, 76, 1, 0.5, 0.5, 2, 1, 1, 1, 1)
        struct.pack_into("<f", header, 108, 348 + 4 + 32)
        struct.pack_into("<ff", header, 112, 2, 3)
        places, magic = ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)), (344, b"n+1\0")
    else:
        header = bytearray(540)
        struct.pack_into("<i8s", header, 0, 540, b"n+2\0\r\n\x1a\n")
        struct.pack_into("<hh8q", header, 12, 4, 16, 3, 4, 3, 2, 1, 1, 1, 1)
        struct.pack_into("<8d", header, 104, 1, 0.5, 0.5, 2, 1, 1, 1, 1)
        struct.pack_into("<q", header, 168, 540 + 4 + 32)
        struct.pack_into("<dd", header, 176, 2, 3)
        places, magic = ((240, 80), (320, 24), (508, 16)), (4, b"n+2\0")
    for place, length in places:
        header[place : place + length] = PATIENT.ljust(length, b" ")
    header[magic[0] : magic[0] + 4] = magic[1]
    content = bytes(header) + b"\1\0\0\0" + extension + voxels.tobytes() + PATIENT
    if path.suffix == ".gz":
        with path.open("wb") as stream, gzip.GzipFile("DOE^JANE", "wb", fileobj=stream) as zipped:
            zipped.write(content)
    else:
        path.write_bytes(content)
    return path


def tagged_nrrd(path: Path) -> Path:
    matrix = np.diag([-0.5, -0.5, 2.0, 1.0])
    write_nrrd(path, np.arange(24, dtype=np.int64).reshape(2, 3, 4) * 70_000, matrix, {"who": "x"})
    content = path.read_bytes().replace(b"who:=x", b"# DOE^JANE\ncontent: DOE^JANE\nwho:=DOE^JANE")
    path.write_bytes(content)
    return path


def tagged_metaimage(path: Path) -> Path:
    header = (
        "ObjectType = Image\nNDims = 3\nComment = DOE^JANE\nPatientName = DOE^JANE\n"
        "DimSize = 4 3 2\nElementType = MET_SHORT\nElementSpacing = 0.5 0.5 2\n"
        "ElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode() + np.arange(24, dtype="<i2").tobytes())
    return path


def tagged_dicom(path: Path) -> Path:
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.SeriesInstanceUID, image.StudyInstanceUID = generate_uid(), generate_uid()
    image.PatientName, image.SeriesDescription = PATIENT.decode(), PATIENT.decode()
    image.Modality, image.Rows, image.Columns = "DX", *SHAPE
    image.PixelSpacing = [0.2, 0.2]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelRepresentation = 0
    image.PixelData = pixels(color=False).tobytes()
    image.save_as(path, enforce_file_format=True)
    return path


def all_kinds(folder: Path) -> list[Path]:
    folder.mkdir()
    return [
        tagged_png(folder / "DOE_JANE png.png"),
        tagged_jpeg(folder / "DOE_JANE jpeg.jpg"),
        tagged_jpeg(folder / "DOE_JANE progressive.jpeg", progressive=True),
        tagged_jpeg(folder / "DOE_JANE restarts.jpg", restart_marker_rows=1),
        tagged_tiff(folder / "DOE_JANE tiff.tif"),
        tagged_tiff(folder / "DOE_JANE float.tiff", np.float32),
        tagged_bmp(folder / "DOE_JANE bmp.bmp"),
        tagged_nifti(folder / "DOE_JANE one.nii"),
        tagged_nifti(folder / "DOE_JANE two.nii.gz", version=2),
        tagged_nrrd(folder / "DOE_JANE nrrd.nrrd"),
        tagged_metaimage(folder / "DOE_JANE mha.mha"),
        tagged_dicom(folder / "DOE_JANE dicom.dcm"),
    ]


def everything_in(folder: Path) -> bytes:
    """All bytes of all files, those that are compressed also as what they hold, and all names."""
    found = []
    for path in folder.rglob("*"):
        found.append(str(path.relative_to(folder)).encode())
        if not path.is_file():
            continue
        content = path.read_bytes()
        found.append(content)
        if content.startswith(b"\x1f\x8b"):
            found.append(gzip.decompress(content))
    return b"\n".join(found)


def key_of(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["name"]: row["image"] for row in csv.DictReader(stream)}


def test_no_name_reaches_the_study_and_pixels_stay_equal(tmp_path: Path) -> None:
    images = all_kinds(tmp_path / "DOE_JANE")
    assert everything_in(tmp_path / "DOE_JANE").count(PATIENT) > len(images)
    plan = StudyPlan("T", images, ["AB"], key=tmp_path / "key.csv")
    study = create_study(tmp_path / "study", plan)
    inside = everything_in(study.folder)
    assert b"DOE" not in inside
    assert b"JANE" not in inside
    assert sorted(image.name for image in study.protocol.images) == [
        f"image-{number:03d}" for number in range(1, len(images) + 1)
    ]
    names = key_of(tmp_path / "key.csv")
    assert len(names) == len(images)
    for source in images:
        before = read_volume(source)
        after = read_volume(study.image_path(names[source.stem.removesuffix(".nii")]))
        assert np.array_equal(before.array, after.array), source.name
        assert np.allclose(before.ijk_to_ras, after.ijk_to_ras), source.name
        assert before.array.std() > 0
    assert check_study(study).is_sound


def test_jpeg_and_png_pixels_are_not_coded_anew(tmp_path: Path) -> None:
    jpeg, png = tagged_jpeg(tmp_path / "a.jpg"), tagged_png(tmp_path / "b.png")
    plan = StudyPlan("T", [jpeg, png], ["AB"], key=tmp_path / "key.csv")
    study = create_study(tmp_path / "study", plan)
    names = key_of(tmp_path / "key.csv")

    def scan(path: Path) -> bytes:
        content = path.read_bytes()
        return content[content.index(b"\xff\xda") : content.index(b"\xff\xd9", 700)]

    assert scan(jpeg) == scan(study.image_path(names["a"]))

    def idat(path: Path) -> bytes:
        content = path.read_bytes()
        start = content.index(b"IDAT")
        return content[start : content.index(b"IEND")]

    assert idat(png) == idat(study.image_path(names["b"]))
    # Orientation 6 lays a picture on its side: it has to be looked at the same way as before.
    assert read_volume(study.image_path(names["b"])).grid_shape == (1, *SHAPE[::-1])


def test_what_belongs_to_an_image_goes_with_it(tmp_path: Path) -> None:
    images = [tagged_png(tmp_path / f"DOE {letter}.png") for letter in "abc"]
    mask = np.zeros(SHAPE[::-1], np.uint8)
    mask[2:5, 3:6] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "DOE b.png")
    plan = StudyPlan(
        "T",
        images,
        ["AB"],
        regions={"DOE b": tmp_path / "masks" / "DOE b.png"},
        references={"DOE b": tmp_path / "masks" / "DOE b.png"},
        covariates={"DOE b": {"severity": 2.0}},
        key=tmp_path / "key.csv",
    )
    study = create_study(tmp_path / "study", plan)
    name = key_of(tmp_path / "key.csv")["DOE b"]
    entry = study.protocol.image(name)
    assert entry.covariates == {"severity": 2.0}
    assert entry.is_training
    assert study.region_path(name) == study.folder / "regions" / f"{name}.seg.nrrd"
    assert [image.name for image in study.protocol.images if image.region] == [name]
    assert b"DOE" not in everything_in(study.folder)


def test_numbers_do_not_follow_the_order_of_names(tmp_path: Path) -> None:
    images = [tagged_png(tmp_path / f"{letter}.png") for letter in "abcdefghij"]
    orders = set()
    for attempt in range(4):
        key = tmp_path / f"key {attempt}.csv"
        create_study(tmp_path / f"study {attempt}", StudyPlan("T", images, ["AB"], key=key))
        orders.add(tuple(sorted(key_of(key).items())))
    # By chance two of four are alike once in 600,000 times.
    assert len(orders) == 4


def test_the_key_lies_in_the_owners_folder_for_nobody_else(tmp_path: Path) -> None:
    image = tagged_png(tmp_path / "DOE.png")
    plan = StudyPlan("Trial", [image], ["AB"])
    study = create_study(tmp_path / "study", plan)
    key = key_path(plan, study.protocol.id)
    assert (tmp_path / "home") in key.parents
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text("utf-8") == f"image,name,source\nimage-001,DOE,{image}\n"


def test_a_key_among_the_raters_files_is_refused(tmp_path: Path) -> None:
    image = tagged_png(tmp_path / "DOE.png")
    plan = StudyPlan("T", [image], ["AB"], key=tmp_path / "study" / "key.csv")
    with pytest.raises(StudyError, match="would lie in the study, where raters could read it"):
        create_study(tmp_path / "study", plan)
    assert not (tmp_path / "study").exists()


def test_a_study_that_is_not_made_leaves_no_key_and_takes_no_older_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    plan = StudyPlan("T", [bad], ["AB"], key=tmp_path / "key.csv")
    with pytest.raises(Exception, match=r"bad\.png"):
        create_study(tmp_path / "study", plan)
    assert not (tmp_path / "key.csv").exists()
    (tmp_path / "key.csv").write_text("of another study")
    good = StudyPlan("T", [tagged_png(tmp_path / "a.png")], ["AB"], key=tmp_path / "key.csv")
    with pytest.raises(OutputError, match="exists already"):
        create_study(tmp_path / "study", good)
    assert (tmp_path / "key.csv").read_text() == "of another study"
    assert not (tmp_path / "study").exists()


def test_damaged_pictures_are_named_not_copied(tmp_path: Path) -> None:
    whole = tagged_png(tmp_path / "whole.png").read_bytes()
    # Pillow reads a PNG without its end; the copy must not pass over what is missing.
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole[: whole.index(b"IEND") - 4])
    plan = StudyPlan("T", [cut], ["AB"], key=tmp_path / "key.csv")
    with pytest.raises(Exception, match=r"cut\.png"):
        create_study(tmp_path / "study", plan)


def test_a_chunk_that_claims_more_than_the_file_holds_ends_the_reading() -> None:
    from medai.images.picture_metadata import jpeg_pixels_only, png_pixels_only

    chunk = struct.pack(">I4s", 2**31 - 1, b"tEXt") + PATIENT
    with pytest.raises(Exception, match="ends early"):
        png_pixels_only(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(chunk)), "x")
    with pytest.raises(Exception, match="ends early"):
        jpeg_pixels_only(b"\xff\xd8\xff\xe1\xff\xff" + PATIENT, "x")
    with pytest.raises(Exception, match="no marker at byte 2"):
        jpeg_pixels_only(b"\xff\xd8" + PATIENT, "x")


# Text burnt into the borders.


def anatomy(seed: int) -> np.ndarray:
    """Smooth blobs and fine noise, such as soft tissue shows, 8 bits."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(300, 300)), 12)
    fine = ndimage.gaussian_filter(rng.normal(size=(300, 300)), 1)
    mixed = smooth / smooth.std() + 0.4 * fine / fine.std()
    return np.clip(120 + 40 * mixed, 0, 255).astype(np.uint8)


def written(text: str, where: tuple[int, int], fill: int, size: int = 14) -> np.ndarray:
    from PIL import ImageDraw, ImageFont

    picture = Image.fromarray(anatomy(5))
    ImageDraw.Draw(picture).text(where, text, fill=fill, font=ImageFont.load_default(size=size))
    return np.asarray(picture)


def shown(picture: np.ndarray) -> Volume:
    return Volume(picture[None], np.diag([-1.0, -1.0, 1.0, 1.0]), "", "x", has_spacing=False)


@pytest.mark.parametrize("size", [10, 14, 20])
@pytest.mark.parametrize(
    ("where", "fill"), [((5, 5), 255), ((150, 5), 0), ((5, 270), 255), ((150, 270), 0)]
)
def test_text_in_the_borders_is_seen(where: tuple[int, int], fill: int, size: int) -> None:
    from medai.images.burnt_in_text import has_burnt_in_text

    assert has_burnt_in_text(shown(written("DOE JANE 1961", where, fill, size)))


def test_anatomy_and_what_stands_in_the_middle_are_no_text() -> None:
    from medai.images.burnt_in_text import has_burnt_in_text

    assert not any(has_burnt_in_text(shown(anatomy(seed))) for seed in range(10))
    assert not has_burnt_in_text(shown(written("DOE JANE", (110, 140), 255)))
    assert not has_burnt_in_text(shown(written("R", (5, 5), 255)))
    assert not has_burnt_in_text(shown(np.zeros((64, 64), np.uint8)))


def test_the_owner_is_told_which_images_have_text(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(anatomy(1)).save(tmp_path / "in" / "plain.png")
    Image.fromarray(written("DOE JANE 1961", (5, 5), 255)).save(tmp_path / "in" / "named.png")
    plan = StudyPlan("T", sorted((tmp_path / "in").iterdir()), ["AB"], key=tmp_path / "key.csv")
    study = create_study(tmp_path / "study", plan)
    assert images_with_text(study) == (key_of(tmp_path / "key.csv")["named"],)
