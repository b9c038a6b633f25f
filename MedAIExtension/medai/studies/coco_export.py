"""Outlines in COCO's JSON: polygons, runs and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from medai.errors import ImageReadError, StudyError
from medai.images.polygon_fill import unpacked_runs
from medai.studies.drawn_images import (
    DrawnImage,
    Shape,
    box,
    drawn_image,
    picture_size,
    polygon,
    rater_name,
)

# Where tools that know of several raters write who drew an outline.
_RATER_KEYS = ("rater", "annotator", "created_by")


def is_coco(document: Any) -> bool:
    """Whether a JSON document is laid out as COCO's."""
    return isinstance(document, dict) and {"images", "annotations"} <= set(document)


def add_coco(
    document: dict[str, Any], rater: str | None, what: str, drawn: dict[str, DrawnImage]
) -> None:
    """Add what a COCO file draws.

    rater: whose file it is; None takes the name from each annotation (``rater``, ``annotator`` or
    ``created_by``, there or in its ``attributes``), and then only images with an annotation of a
    rater count as seen by that rater. what: the file, for messages. Raises StudyError.
    """
    categories = {
        _key(entry, what): _text(entry.get("name"), what)
        for entry in _entries(document, "categories", what)
    }
    images: dict[int | str, DrawnImage] = {}
    for entry in _entries(document, "images", what):
        size = picture_size(entry.get("height"), entry.get("width"), what)
        _, image = drawn_image(drawn, entry.get("file_name"), size, what)
        images[_key(entry, what)] = image
        if rater is not None:
            image.of(rater)
    for entry in _entries(document, "annotations", what):
        place, kind = entry.get("image_id"), entry.get("category_id")
        if not isinstance(place, int | str) or place not in images:
            raise StudyError(f"{what}: an annotation is of the unknown image {place!r}.")
        if not isinstance(kind, int | str) or kind not in categories:
            raise StudyError(f"{what}: an annotation is of the unknown category {kind!r}.")
        image = images[place]
        who = rater or rater_name(_rater_in(entry), f"{what}, an annotation of {image.file}")
        shapes = image.of(who).setdefault(categories[kind], [])
        shapes += _shapes(entry, image, what)


def _shapes(entry: dict[str, Any], image: DrawnImage, what: str) -> list[Shape]:
    found = entry.get("segmentation")
    if isinstance(found, list) and found:
        return [polygon(part, what) for part in found]
    if isinstance(found, dict):
        size, counts = found.get("size"), found.get("counts")
        if size is not None and (not isinstance(size, list) or tuple(size) != image.size):
            raise StudyError(f"{what}: runs of size {size} on {image.file} of {image.size}.")
        try:
            if isinstance(counts, str):
                return [Shape(runs=unpacked_runs(counts))]
            return [Shape(runs=np.asarray(counts, dtype=np.int64).reshape(-1))]
        except (ImageReadError, TypeError, ValueError, OverflowError) as error:
            raise StudyError(f"{what}: {error}") from None
    around = entry.get("bbox")
    if not isinstance(around, list) or len(around) != 4:
        raise StudyError(f"{what}: an annotation has neither a segmentation nor a box.")
    return [box(around, what)]


def _rater_in(entry: dict[str, Any]) -> Any:
    attributes = entry.get("attributes")
    for place in (entry, attributes if isinstance(attributes, dict) else {}):
        for key in _RATER_KEYS:
            if place.get(key):
                return place[key]
    return None


def _entries(document: dict[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise StudyError(f"{what}: {key!r} is no list of tables, as COCO's JSON has it.")
    return entries


def _key(entry: dict[str, Any], what: str) -> int | str:
    key = entry.get("id")
    if not isinstance(key, int | str):
        raise StudyError(f"{what}: an id is {key!r}, expected a number.")
    return key


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise StudyError(f"{what}: a category has no name.")
    return value.strip()
