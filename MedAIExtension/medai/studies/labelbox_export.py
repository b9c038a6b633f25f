"""Outlines in Labelbox's JSON: the older export (a list) and today's (a value a line)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medai.errors import StudyError
from medai.studies.drawn_images import (
    DrawnImage,
    Shape,
    box,
    drawn_image,
    picture_size,
    polygon,
    rater_name,
)
from medai.studies.ratings_table import QUALITY_SCORES
from medai.studies.record import REASONS

_SKIPPED = "Skip"


@dataclass
class Remarked:
    """What the labels say besides outlines: by image, by rater."""

    quality: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Label:
    """One rater's label of one image, whichever export it is from."""

    file: Any
    size: tuple[int, int] | None
    creator: Any
    seconds: Any
    objects: list[Any]
    answers: list[tuple[str, list[str]]]


def is_labelbox(document: Any) -> bool:
    """Whether a JSON document is laid out as one of Labelbox's exports."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(row, dict) for row in document)
        and all("External ID" in row or "data_row" in row for row in document)
    )


def add_labelbox(
    document: list[dict[str, Any]],
    rater: str | None,
    what: str,
    drawn: dict[str, DrawnImage],
    remarked: Remarked,
) -> list[str]:
    """Add what a Labelbox export draws and remarks; notes on what can't be read.

    rater: whose file it is; None takes whoever created each label. what: the file, for messages.
    Skipped images are left out. Outlines that only Labelbox's servers hold (brush masks) can't be
    read: that rater is left out of that image. Raises StudyError.
    """
    notes = []
    for row in document:
        for label in _today(row, what) if "data_row" in row else _older(row, what):
            who = rater or rater_name(label.creator, what)
            name, image = drawn_image(drawn, label.file, label.size, what)
            if who in image.shapes:
                raise StudyError(f"{what}: {who} labeled {label.file} twice; expected once.")
            elsewhere = [one for one in label.objects if _is_elsewhere(one)]
            if elsewhere:
                notes.append(
                    f"{name}: {who} is left out: {len(elsewhere)} outlines lie on Labelbox's "
                    "servers, not in the export; export polygons."
                )
                continue
            shapes = image.of(who)
            for one in label.objects:
                title = str(one.get("title") or one.get("name") or "") or "outline"
                shapes.setdefault(title, []).append(_shape(one, what))
            _remark(label, name, who, remarked)
    return notes


def _older(row: dict[str, Any], what: str) -> Iterator[_Label]:
    label = row.get("Label")
    if label == _SKIPPED or row.get("Skipped") is True or not label:
        return
    if not isinstance(label, dict):
        raise StudyError(f"{what}: a label is {str(label)[:40]!r}, expected outlines.")
    answers = [
        (str(entry.get("title", "")), _titles(entry.get("answer"), entry.get("answers"), "title"))
        for entry in _tables(label.get("classifications"), what)
    ]
    yield _Label(
        row.get("External ID"),
        None,
        row.get("Created By") or row.get("Dataset Name"),
        row.get("Seconds to Label"),
        _tables(label.get("objects"), what),
        answers,
    )


def _today(row: dict[str, Any], what: str) -> Iterator[_Label]:
    about, media = _table(row.get("data_row")), _table(row.get("media_attributes"))
    size = None
    if media.get("height") is not None:
        size = picture_size(media.get("height"), media.get("width"), what)
    for project in _table(row.get("projects")).values():
        for label in _tables(_table(project).get("labels"), what):
            speed = _table(label.get("performance_details"))
            if speed.get("skipped") is True:
                continue
            drawn = _table(label.get("annotations"))
            answers = [
                (
                    str(entry.get("name", "")),
                    _titles(entry.get("radio_answer"), entry.get("checklist_answers"), "name"),
                )
                for entry in _tables(drawn.get("classifications"), what)
            ]
            yield _Label(
                about.get("external_id") or about.get("global_key"),
                size,
                _table(label.get("label_details")).get("created_by"),
                speed.get("seconds_to_create"),
                _tables(drawn.get("objects"), what),
                answers,
            )


def _shape(one: dict[str, Any], what: str) -> Shape:
    corners = one.get("polygon")
    if isinstance(corners, list):
        points = [(_table(corner).get("x"), _table(corner).get("y")) for corner in corners]
        return polygon(points, what)
    around = _table(one.get("bbox") or one.get("bounding_box"))
    return box([around.get(key) for key in ("left", "top", "width", "height")], what)


def _is_elsewhere(one: dict[str, Any]) -> bool:
    kinds = ("polygon", "bbox", "bounding_box")
    return not any(one.get(kind) for kind in kinds)


def _remark(label: _Label, image: str, rater: str, remarked: Remarked) -> None:
    if isinstance(label.seconds, int | float) and 0 < label.seconds < 1e7:
        remarked.seconds.setdefault(image, {})[rater] = float(label.seconds)
    for title, answers in label.answers:
        if "quality" in title.casefold():
            for word, score in QUALITY_SCORES.items():
                if any(answer.casefold().startswith(word) for answer in answers):
                    remarked.quality.setdefault(image, {})[rater] = score
        found = reasons_in(" ".join(answers))
        if "bad" in title.casefold() or "reason" in title.casefold():
            remarked.reasons.setdefault(image, {})[rater] = found


def reasons_in(text: str) -> tuple[str, ...]:
    """The reasons against an image's quality that a text names, in MedAI's words.

    >>> reasons_in("['Out-of-focus', 'Other reasons']")
    ('out of focus', 'other')
    """
    plain = text.casefold().replace("-", " ")
    return tuple(reason for reason in REASONS if reason in plain)


def _titles(one: Any, several: Any, key: str) -> list[str]:
    found = [*(several if isinstance(several, list) else []), one]
    return [str(_table(answer).get(key)) for answer in found if _table(answer).get(key)]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any, what: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise StudyError(f"{what}: {str(value)[:40]!r} is no list of tables, as Labelbox has it.")
    return value
