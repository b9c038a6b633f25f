"""Every kind of file that MedAI reads: valid ones to start from, and what reads them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from medai.batch import read_list
from medai.images import Volume, read_segmentation, read_volume
from medai.inference.worker.array_transfer import pack, unpack
from medai.models import read_card
from medai.models.weights import network_with_weights, read_weights
from medai.studies import open_study
from medai.studies.exported_ratings import open_export
from medai.studies.ratings_table import read_ratings_table
from medai.studies.record import read_record
from medai.studies.score_table import read_scores

_HU = (np.arange(3 * 5 * 6, dtype=np.int16).reshape(3, 5, 6) * 20 - 1000).astype(np.int16)
_GREY = (np.arange(12 * 10) * 2 % 256).astype(np.uint8).reshape(12, 10)
_RAS = np.diag([-0.7, -0.7, 2.0, 1.0])


@dataclass(frozen=True)
class Format:
    """name: the mutated file's. seeds: valid contents, made in a folder. read: what must cope."""

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]


def _written(folder: Path, name: str, write: Callable[[Path], object]) -> bytes:
    write(folder / name)
    return (folder / name).read_bytes()


def _itk(folder: Path, *names: str) -> list[bytes]:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(_HU)
    image.SetSpacing((0.7, 0.7, 2.0))
    color = SimpleITK.GetImageFromArray(
        np.stack([_HU.astype(np.uint8)] * 3, axis=-1), isVector=True
    )
    return [
        _written(folder, name, lambda path, a=a, z=z: SimpleITK.WriteImage(a, str(path), z))
        for name in names
        for a, z in ((image, False), (image, True), (color, True))
        # ITK's NIfTI keeps colour as a fifth axis, which is refused.
        if a is image or ".nii" not in name
    ]


def _dicom(folder: Path) -> list[bytes]:
    from pydicom.uid import RLELossless

    from Testing.images.dicom_files import frame_groups, write_slice

    frames = {"NumberOfFrames": 3, "PerFrameFunctionalGroupsSequence": frame_groups([0, 1, 2])}

    def packed(path: Path) -> None:
        dataset = write_slice(path, np.resize(_HU, (8, 8)))
        dataset.compress(RLELossless)
        dataset.save_as(path)

    return [
        _written(folder, "a.dcm", lambda path: write_slice(path, _HU[0])),
        _written(folder, "b.dcm", lambda path: write_slice(path, _HU, **frames)),
        _written(folder, "c.dcm", lambda path: write_slice(path, np.stack([_GREY] * 3, axis=-1))),
        _written(folder, "d.dcm", packed),
    ]


def _deflated(folder: Path) -> list[bytes]:
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    from Testing.images.dicom_files import write_slice

    def packed(path: Path) -> None:
        dataset = write_slice(path, _HU[0])
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path, enforce_file_format=True)

    return [_written(folder, "a.dcm", packed)]


def _pages(folder: Path) -> list[bytes]:
    """TIFFs of several pages, of one size and of different ones."""
    from PIL import Image

    one, other = Image.fromarray(_GREY), Image.fromarray(np.tile(_GREY, (3, 2)))
    seeds = []
    for pages in ([one, one, one], [one, other], [other, one.convert("1"), one.convert("RGB")]):
        stream = io.BytesIO()
        pages[0].save(
            stream, "TIFF", compression="tiff_deflate", save_all=True, append_images=pages[1:]
        )
        seeds.append(stream.getvalue())
    return seeds


def _postscript(folder: Path) -> list[bytes]:
    """What Pillow would hand to another program, by a picture's name."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(_GREY).save(stream, "EPS")
    return [stream.getvalue(), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n"]


def _read_or_refuse(path: Path) -> object:
    """For seeds that are refused themselves: what is typed is an answer too."""
    from medai.errors import ImageReadError

    try:
        return read_volume(path)
    except ImageReadError as error:
        return error


def _picture(suffix: str, folder: Path) -> list[bytes]:
    from PIL import Image

    pictures = [Image.fromarray(_GREY), Image.fromarray(np.stack([_GREY] * 3, axis=-1))]
    if suffix in (".png", ".tif"):
        pictures.append(Image.fromarray(_GREY.astype(np.uint16) * 200))
    seeds = [_written(folder, f"a{suffix}", picture.save) for picture in pictures]
    if suffix == ".tif":
        for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
            stream = io.BytesIO()
            pictures[0].save(
                stream,
                "TIFF",
                compression=compression,
                save_all=True,
                append_images=[pictures[0]],
            )
            seeds.append(stream.getvalue())
    return seeds


def _segmentation(folder: Path) -> list[bytes]:
    from medai.images import segmentation_from_masks, write_segmentation

    masks = {"one": _HU > 0, "two": _HU > 300}
    made = segmentation_from_masks(masks, _RAS, colors=dict.fromkeys(masks, (1, 0, 0)))
    return [_written(folder, "a.seg.nrrd", lambda path: write_segmentation(made, path))]


def _model(folder: Path) -> Path:
    from Testing.model_folders import write_model

    model = folder / "tiny"
    if not model.exists():
        write_model(model, "unet", ("lesion",), size=32, width=2, classes=2)
    return model


def _cards(folder: Path) -> list[bytes]:
    return [(_model(folder) / "card.toml").read_bytes()]


def _weights(folder: Path) -> list[bytes]:
    return [(_model(folder) / "weights.pt").read_bytes()]


def _read_weights(path: Path) -> object:
    """As if the card had been written for the damaged file: nothing is caught by its hash."""
    card = read_card(path.parent / "valid" / "tiny" / "card.toml")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return network_with_weights(card, read_weights(path, sha256))


def _study(folder: Path) -> Path:
    from medai.phantoms.raters import SIMULATED_RATERS
    from medai.studies import phantom_study

    study = folder / "study"
    if not study.exists():
        phantom_study(study, images=2, raters=SIMULATED_RATERS[:2], repeat_share=0.5)
    return study


def _protocols(folder: Path) -> list[bytes]:
    return [(_study(folder) / "study.toml").read_bytes()]


def _records(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((_study(folder) / "submissions").rglob("*.json"))]


def _read_resealed(path: Path) -> object:
    """The record as it is, then sealed anew where it can be: nothing is caught by the seal."""
    from medai.errors import StudyError
    from medai.studies.record import _SEAL, _seal

    try:
        return read_record(path)
    except StudyError:
        pass
    try:
        document = json.loads(path.read_bytes())
        document.pop(_SEAL, None)
        path.write_text(json.dumps({**document, _SEAL: _seal(document)}), encoding="utf-8")
    except (ValueError, AttributeError, TypeError, RecursionError):
        pass
    return read_record(path)


def _ratings(folder: Path) -> list[bytes]:
    return [
        b"image,rater,quality,reasons,seconds,severity\n"
        b"a,AB,low,out of focus; other,12.5,3\na,CD,high,,8,3\nb,AB,normal,,1e1,\n"
    ]


def _exports(*documents: object) -> Callable[[Path], list[bytes]]:
    return lambda folder: [json.dumps(document).encode() for document in documents]


_CORNERS = [1, 1, 8, 1, 8, 5, 1.5, 5]
_COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 9}],
    "categories": [{"id": 1, "name": "lesion"}],
    "annotations": [
        {"image_id": 1, "category_id": 1, "segmentation": [_CORNERS], "rater": "AB"},
        {"image_id": 1, "category_id": 1, "segmentation": {"counts": "=240000000;"}, "rater": "CD"},
        {"image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3], "rater": "EF"},
        {"image_id": 1, "category_id": 1, "segmentation": {"counts": [9, 45]}, "rater": "GH"},
    ],
}
_LABELBOX = [
    {
        "data_row": {"external_id": "a.png"},
        "media_attributes": {"height": 6, "width": 9},
        "projects": {
            "p": {
                "labels": [
                    {
                        "label_details": {"created_by": "AB"},
                        "annotations": {
                            "objects": [
                                {"name": "x", "polygon": [{"x": 1, "y": 2}, {"x": 5, "y": 5}]}
                            ],
                            "classifications": [
                                {"name": "quality", "radio_answer": {"name": "low"}}
                            ],
                        },
                    }
                ]
            }
        },
    }
]


def _pixels(folder: Path) -> list[bytes]:
    rows = [f"{k},a.jpg,{k // 3},{k % 3},255,{255 * (k > 2)},0" for k in range(9)]
    return [
        "\n".join([",filename,height_coor,width_coor,background,rater_1,rater_2", *rows]).encode()
    ]


def _read_export(path: Path) -> object:
    source = open_export(path)
    return [source.read(image) for image in source.images]


def _scores(folder: Path) -> list[bytes]:
    return [
        b"image,rater,item,score,repeat\na,AB,left,1,1\na,CD,left,2,1\nb,AB,left,0,2\nb,CD,,3,\n",
        b"image,rater,score\na,AB,low\na,CD,high\n",
    ]


def _lists(folder: Path) -> list[bytes]:
    return [
        b"study,name,model,series\nct/one,One,tiny,2\nct/two,,,\n",
        b'\xef\xbb\xbfstudy,lungs\r\n"ct, three",masks/a.nrrd\r\n',
    ]


def _messages(folder: Path) -> list[bytes]:
    from medai.inference import LesionOptions

    volume = Volume(_HU, _RAS, "CT", "study")
    message = ("lesions", volume, "tiny", LesionOptions(lungs=volume))
    small = {"a": [1, 2.5, None, "text"], "b": (np.float32(3), np.arange(4), frozenset({1}))}
    return [pack(message, folder).payload, pack(small, folder).payload]


FORMATS = {
    "dicom": Format("a.dcm", _dicom, read_volume),
    "deflated": Format("a.dcm", _deflated, read_volume),
    "pages": Format("a.tif", _pages, _read_or_refuse),
    "postscript": Format("a.png", _postscript, _read_or_refuse),
    "nrrd": Format("a.nrrd", lambda folder: _itk(folder, "a.nrrd"), read_volume),
    "nifti": Format("a.nii", lambda folder: _itk(folder, "a.nii", "a.nii.gz"), read_volume),
    "metaimage": Format("a.mha", lambda folder: _itk(folder, "a.mha"), read_volume),
    "png": Format("a.png", partial(_picture, ".png"), read_volume),
    "jpeg": Format("a.jpg", partial(_picture, ".jpg"), read_volume),
    "tiff": Format("a.tif", partial(_picture, ".tif"), read_volume),
    "bmp": Format("a.bmp", partial(_picture, ".bmp"), read_volume),
    "segmentation": Format("a.seg.nrrd", _segmentation, read_segmentation),
    "card": Format("card.toml", _cards, read_card),
    "weights": Format("weights.pt", _weights, _read_weights),
    "study": Format("study.toml", _protocols, lambda path: open_study(path.parent)),
    "record": Format("record.json", _records, _read_resealed),
    "ratings": Format("ratings.csv", _ratings, read_ratings_table),
    "scores": Format("scores.csv", _scores, read_scores),
    "coco": Format("coco.json", _exports(_COCO), _read_export),
    "labelbox": Format("labelbox.json", _exports(_LABELBOX), _read_export),
    "pixels": Format("pixels.csv", _pixels, _read_export),
    "list": Format("list.csv", _lists, lambda path: read_list(path, "segment")),
    "message": Format("message", _messages, lambda path: unpack(path.read_bytes(), path.parent)),
}
