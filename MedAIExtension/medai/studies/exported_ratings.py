"""Ratings that another program exported, whichever it was."""

from __future__ import annotations

from pathlib import Path

from medai.errors import StudyError
from medai.studies.coco_export import add_coco, is_coco
from medai.studies.drawn_images import (
    PICTURES,
    DrawnImage,
    ImportedRatings,
    drawn_ratings,
    read_document,
)
from medai.studies.labelbox_export import Remarked, add_labelbox, is_labelbox
from medai.studies.names import safe_name
from medai.studies.pixel_table import is_pixel_table, open_pixel_table
from medai.studies.ratings_table import RatingsTable

_DOCUMENTS = (".json", ".ndjson")


def is_export(path: Path) -> bool:
    """Whether ``open_export`` is to read it: a JSON file, a folder of them, or a pixel table.

    A folder with folders other than ``images`` in it is something else.
    """
    if path.is_dir() and any(
        one.is_dir() and one.name != PICTURES and not one.name.startswith(".")
        for one in path.iterdir()
    ):
        return False
    return bool(_documents(path)) or _pixel_table(path) is not None


def open_export(path: Path, *, label: str | None = None) -> ImportedRatings:
    """Outlines exported by Labelbox or in COCO's JSON, or the eczema study's table of pixels.

    path: a file, or a folder of files of one rater each, named after them. label: which of several
    to compare. Pictures are found beside the export or in a folder ``images`` there.
    Raises StudyError that names the file and what is wrong.
    """
    table = _pixel_table(path)
    if table is not None:
        return open_pixel_table(table)
    files = _documents(path)
    if not files:
        raise StudyError(f"{path.name}: no export of Labelbox, in COCO's JSON or of pixels.")
    drawn: dict[str, DrawnImage] = {}
    remarked = Remarked()
    notes: list[str] = []
    for file in files:
        rater = safe_name(file.stem) if len(files) > 1 else None
        document = read_document(file)
        if is_coco(document):
            add_coco(document, rater, file.name, drawn)
        elif is_labelbox(document):
            notes += add_labelbox(document, rater, file.name, drawn, remarked)
        else:
            raise StudyError(f"{file.name} is neither a Labelbox export nor COCO's JSON.")
    folder = path if path.is_dir() else path.parent
    remarks = RatingsTable(remarked.quality, remarked.seconds, {}, remarked.reasons)
    return drawn_ratings(drawn, remarks, folder, label, tuple(notes))


def _documents(path: Path) -> list[Path]:
    return [
        one
        for one in (sorted(path.iterdir()) if path.is_dir() else [path])
        if one.suffix.lower() in _DOCUMENTS and one.is_file() and not one.name.startswith(".")
    ]


def _pixel_table(path: Path) -> Path | None:
    candidates = sorted(path.glob("inter-rater_masks-as-ratings*.csv")) if path.is_dir() else [path]
    for one in candidates:
        if one.suffix.lower() == ".csv" and is_pixel_table(one):
            return one
    return None
