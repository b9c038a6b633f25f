"""Files made to harm: other formats by a harmless name, bombs, links."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from medai.errors import ImageReadError, InputError
from medai.images import read_segmentation, read_volume
from medai.images.nrrd import write_nrrd
from medai.unlinked import open_unlinked, require_unlinked
from Testing.images.dicom_files import write_slice

MOST_BYTES = 300 * 2**20
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"


def refused(path: Path, read=read_volume) -> str:
    """The refusal, in one line and without much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ImageReadError) as error:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "tif", "tiff", "bmp"])
def test_postscript_by_a_pictures_name_starts_no_program(tmp_path, suffix, monkeypatch):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **k: started.append(a))
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(EPS)
    with Image.open(path) as picture:
        assert picture.format == "EPS", "Pillow itself would take it"
    assert "not a readable picture" in refused(path)
    assert started == []


@pytest.mark.parametrize("kind", ["GIF", "PPM", "PCX", "TGA", "PNG", "ICNS"])
def test_a_picture_is_only_what_its_name_says(tmp_path, kind):
    path = tmp_path / "x.tif"
    Image.new("L", (64, 64)).save(path, kind)
    refused(path)


def tiff(pages: list[tuple[int, int]]) -> bytes:
    """A TIFF with deflated grey pages of (width, height), each one strip of zeros."""
    strips = [zlib.compress(bytes(width * height), 9) for width, height in pages]
    body, places = b"", []
    for strip in strips:
        places.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    out = b"II*\0" + struct.pack("<I", 8 + len(body)) + body
    for k, (width, height) in enumerate(pages):
        entries = [
            *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1)),
            *((273, 4, places[k]), (277, 3, 1), (278, 4, height), (279, 4, len(strips[k]))),
        ]
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        last = k == len(pages) - 1
        out += struct.pack("<I", 0 if last else len(out) + 4)
    return out


def test_each_page_of_a_tiff_counts_by_its_own_size(tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(tiff([(8, 8)] + [(8_000, 8_000)] * 5))
    assert path.stat().st_size < 400_000
    assert "MiB" in refused(path)


def test_an_honest_tiff_of_many_pages_is_read(tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(tiff([(300, 200)] * 40))
    assert read_volume(path).array.shape == (40, 200, 300)


def deflated(path: Path, zeros: int) -> None:
    write_slice(path, np.zeros((8, 8), np.int16))
    whole = path.read_bytes()
    start, place = 132, 132
    meta = b""
    while whole[place : place + 2] == b"\x02\x00":
        long = whole[place + 4 : place + 6] in (b"OB", b"UN")
        length = struct.unpack_from("<I" if long else "<H", whole, place + (8 if long else 6))[0]
        end = place + (12 if long else 8) + length
        if whole[place + 2 : place + 4] == b"\x10\x00":
            uid = b"1.2.840.10008.1.2.1.99"
            meta += whole[place : place + 6] + struct.pack("<H", len(uid)) + uid
        else:
            meta += whole[place:end]
        place = end
    # The group's length stands in its first element.
    meta = meta[:8] + struct.pack("<I", len(meta) - 12) + meta[12:]
    packer = zlib.compressobj(9, wbits=-15)
    body = packer.compress(whole[place:])
    for _ in range(zeros // 2**20):
        body += packer.compress(bytes(2**20))
    path.write_bytes(whole[:start] + meta + body + packer.flush())


def test_a_deflated_dicom_file_that_grows_without_bound_is_refused(tmp_path):
    path = tmp_path / "x.dcm"
    deflated(path, 400 * 2**20)
    assert path.stat().st_size < 500_000
    assert "deflated DICOM of over 256 MiB" in refused(path)


def test_an_honest_deflated_dicom_file_is_read(tmp_path):
    path = tmp_path / "x.dcm"
    deflated(path, 0)
    assert read_volume(path).array.shape == (1, 8, 8)


def test_a_label_map_of_countless_values_makes_no_segments(tmp_path):
    path = tmp_path / "x.seg.nrrd"
    write_nrrd(path, np.arange(200_000, dtype=np.uint32).reshape(2, 100, 1000), np.eye(4))
    assert "200,000 different values" in refused(path, read_segmentation)


@pytest.mark.parametrize("header", ["nhdr", "mhd"])
def test_a_header_does_not_lead_through_a_link(tmp_path, header):
    secret = tmp_path / "secret"
    secret.write_bytes(b"password" * 8)
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "x.raw").symlink_to(secret)
    path = folder / f"x.{header}"
    if header == "nhdr":
        text = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nencoding: raw\n"
        path.write_text(text + "data file: x.raw\n\n")
    else:
        text = "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR\n"
        path.write_text(text + "ElementDataFile = x.raw\n")
    assert "is a link" in refused(path)
    (folder / "x.raw").unlink()
    (folder / "x.raw").write_bytes(bytes(64))
    assert read_volume(path).array.shape == (4, 4, 4)


def test_a_link_that_comes_after_the_check_is_not_opened_either(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError):
        open_unlinked(tmp_path / "link")
    with open_unlinked(tmp_path / "secret") as stream:
        assert stream.read() == b"x"


def test_a_linked_folder_below_a_root_is_refused(tmp_path):
    root, outside = tmp_path / "study", tmp_path / "outside"
    (root / "drafts").mkdir(parents=True)
    outside.mkdir()
    (root / "drafts" / "anna").symlink_to(outside, target_is_directory=True)
    with pytest.raises(InputError, match=r"drafts/anna in study is a link"):
        require_unlinked(root / "drafts" / "anna" / "x.json", root)
    assert require_unlinked(root / "drafts" / "bob" / "x.json", root)
    linked = tmp_path / "linked study"
    linked.symlink_to(root, target_is_directory=True)
    assert require_unlinked(linked / "drafts" / "bob", linked), "the root itself is the user's"


def test_pillow_is_left_as_it_was():
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
