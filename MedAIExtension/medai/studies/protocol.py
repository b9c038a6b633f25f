"""What a multi-rater study is: its labels, raters, images and rules, kept in ``study.toml``."""

from __future__ import annotations

import re
import secrets
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medai.errors import StudyError
from medai.output import write_text
from medai.palette import CLASS_COLORS, Rgb, hex_color, rater_color
from medai.studies.names import require_distinct, require_name
from medai.studies.toml_text import toml_text
from medai.terminology import terminology_entry

STUDY_FILE = "study.toml"
# 2: raters keep ledgers. 3: images were added later, which older versions would put elsewhere.
FORMAT = 3
_GROWN = 3
# What the protocol was before it grew, numbered from 1.
HISTORY = "history"
_FIRST_WITH_LEDGERS = 2
# Python's TOML reader needs memory by the square of the parts of a dotted key.
_MOST_DOTS = 1000
# What else lies beside the raters' masks in an export.
ROI, IMAGE = "roi", "image"

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Label:
    """One thing that raters outline.

    color: RGB in 0..1. terminology: Slicer's serialized terminology entry
    (``context~category~type~…``) or "".
    """

    name: str
    color: Rgb
    terminology: str = ""


@dataclass(frozen=True)
class StudyImage:
    """One image of a study; file paths are relative to the study folder, with ``/``.

    region: segmentation of the region of interest, or "" for the whole image.
    reference: the right answer of a training image, or "" for an image that counts.
    covariates: what the image is described by in the analysis (severity, body region, …).
    batch: 0 for the images that the study was made of, then 1 … for those added later.
    """

    name: str
    file: str
    sha256: str
    region: str = ""
    region_sha256: str = ""
    reference: str = ""
    reference_sha256: str = ""
    covariates: Mapping[str, float | str] = field(default_factory=dict)
    batch: int = 0

    @property
    def is_training(self) -> bool:
        """Whether raters get feedback on it; training images are left out of the analysis."""
        return bool(self.reference)


@dataclass(frozen=True)
class Protocol:
    """The rules of a study. Raises StudyError when they contradict each other.

    repeat_share: share (0..1) of the images that each rater sees a second time, unannounced.
    seed: every order and choice follows from it.
    time_limit_seconds: active time a rater has for one image, or None.
    show_predictions: whether raters see the model's result (``predictions/``) while they outline.
    keeps_ledgers: False for a study of an older MedAI, whose raters' ledgers are not complete.
    """

    id: str
    title: str
    labels: tuple[Label, ...]
    raters: tuple[str, ...]
    images: tuple[StudyImage, ...]
    instructions: str = ""
    repeat_share: float = 0.0
    seed: int = 0
    time_limit_seconds: float | None = None
    show_predictions: bool = False
    keeps_ledgers: bool = True

    def __post_init__(self) -> None:
        if not self.labels:
            raise StudyError(f"Study {self.title!r} has no labels: expected at least one.")
        if not self.raters:
            raise StudyError(f"Study {self.title!r} has no raters: expected at least one.")
        if not self.images:
            raise StudyError(f"Study {self.title!r} has no images: expected at least one.")
        for rater in self.raters:
            require_name(rater, "rater")
            if rater.casefold() in (ROI, IMAGE):
                raise StudyError(f"No rater can be called {rater!r}: exports use that name.")
        for image in self.images:
            require_name(image.name, "image")
        require_distinct((label.name for label in self.labels), "label")
        require_distinct(self.raters, "rater")
        require_distinct((image.name for image in self.images), "image")
        if not 0.0 <= self.repeat_share <= 1.0:
            raise StudyError(f"repeat_share is {self.repeat_share}: expected a share in 0..1.")
        if self.time_limit_seconds is not None and not self.time_limit_seconds > 0:
            raise StudyError(
                f"time_limit_seconds is {self.time_limit_seconds}: expected more than 0."
            )

    def image(self, name: str) -> StudyImage:
        """The image called ``name``; StudyError when the study has none of that name."""
        wanted = unicodedata.normalize("NFC", name)
        for image in self.images:
            if unicodedata.normalize("NFC", image.name) == wanted:
                return image
        raise StudyError(f"Study {self.title!r} has no image {name!r}.")

    def require_rater(self, name: str) -> str:
        """The study's rater of that name, as the study spells it: "é" is one character or two.

        Raises StudyError that lists the raters when there is none.
        """
        wanted = unicodedata.normalize("NFC", name)
        for rater in self.raters:
            if unicodedata.normalize("NFC", rater) == wanted:
                return rater
        raise StudyError(
            f"Unknown rater {name!r}: study {self.title!r} has {', '.join(self.raters)}."
        )

    def rater_color(self, rater: str) -> Rgb:
        """The colour of one of the study's raters, the same everywhere."""
        return rater_color(self.raters.index(rater))


def new_study_id() -> str:
    """A random id that tells this study from every other."""
    return secrets.token_hex(8)


def label(name: str) -> Label:
    """A label with the palette's colour and the standard code of its name, where there are any."""
    return Label(name, CLASS_COLORS.get(name, CLASS_COLORS["lesion"]), terminology_entry(name))


def write_protocol(protocol: Protocol, folder: Path) -> None:
    """Write ``study.toml`` into ``folder``, where none may exist yet."""
    write_text(folder / STUDY_FILE, toml_text(_document(protocol)))


def replace_protocol(protocol: Protocol, folder: Path) -> None:
    """Put ``protocol`` in the place of the one in ``folder``, which goes to ``history``.

    The file is replaced whole or not at all. Raises OutputError when that can't be written.
    """
    history = folder / HISTORY
    number = 1 + len(list(history.glob("*.toml")))
    before = (folder / STUDY_FILE).read_text("utf-8")
    write_text(history / f"{number:03d}.toml", before)
    write_text(folder / STUDY_FILE, toml_text(_document(protocol)), overwrite=True)


def _document(protocol: Protocol) -> dict[str, Any]:
    grown = any(image.batch for image in protocol.images)
    kept = _GROWN if grown else _FIRST_WITH_LEDGERS
    document: dict[str, Any] = {
        "format": kept if protocol.keeps_ledgers else _FIRST_WITH_LEDGERS - 1,
        "id": protocol.id,
        "title": protocol.title,
        "instructions": protocol.instructions,
        "raters": list(protocol.raters),
        "repeat_share": float(protocol.repeat_share),
        "seed": protocol.seed,
        "show_predictions": protocol.show_predictions,
    }
    if protocol.time_limit_seconds is not None:
        document["time_limit_seconds"] = float(protocol.time_limit_seconds)
    document["labels"] = [
        {"name": entry.name, "color": hex_color(entry.color), "terminology": entry.terminology}
        for entry in protocol.labels
    ]
    document["images"] = [_image_table(image) for image in protocol.images]
    return document


def read_protocol(folder: Path) -> Protocol:
    """Read ``folder/study.toml``.

    Raises StudyError when there is none, it isn't TOML, a field is missing or of the wrong kind,
    or a newer MedAI wrote it.
    """
    path = folder / STUDY_FILE
    try:
        text = path.read_text(encoding="utf-8")
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise StudyError(f"{path} is damaged: a line has over {_MOST_DOTS} dots.")
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise StudyError(f"{folder} is not a study: it holds no {STUDY_FILE}.") from None
    except NotADirectoryError:
        raise StudyError(f"{folder} is not a study: expected a folder.") from None
    except OSError as error:
        raise StudyError(f"Can't read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StudyError(f"{path} is damaged: {error}.") from error
    found = _get(document, "format", int, path)
    if found > FORMAT:
        raise StudyError(
            f"{path} was written by a newer MedAI (study format {found}; this one reads up to "
            f"{FORMAT}): update MedAI to open it."
        )
    limit = _get(document, "time_limit_seconds", float, path, default=0.0)
    return Protocol(
        id=_get(document, "id", str, path),
        title=_get(document, "title", str, path),
        instructions=_get(document, "instructions", str, path, default=""),
        raters=tuple(_strings(document, "raters", path)),
        repeat_share=_get(document, "repeat_share", float, path, default=0.0),
        seed=_get(document, "seed", int, path, default=0),
        show_predictions=_get(document, "show_predictions", bool, path, default=False),
        time_limit_seconds=limit if "time_limit_seconds" in document else None,
        keeps_ledgers=found >= _FIRST_WITH_LEDGERS,
        labels=tuple(_label(table, path) for table in _tables(document, "labels", path)),
        images=tuple(_image(table, path) for table in _tables(document, "images", path)),
    )


def _image_table(image: StudyImage) -> dict[str, Any]:
    table: dict[str, Any] = {"name": image.name, "file": image.file, "sha256": image.sha256}
    if image.region:
        table |= {"region": image.region, "region_sha256": image.region_sha256}
    if image.reference:
        table |= {"reference": image.reference, "reference_sha256": image.reference_sha256}
    if image.batch:
        table["batch"] = image.batch
    if image.covariates:
        table["covariates"] = dict(image.covariates)
    return table


def _label(table: Mapping[str, Any], path: Path) -> Label:
    name = _get(table, "name", str, path)
    color = _get(table, "color", str, path, default=hex_color(CLASS_COLORS["lesion"]))
    if not _HEX_COLOR.fullmatch(color):
        raise StudyError(f"{path}: label {name!r} has color {color!r}, expected '#rrggbb'.")
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return Label(
        name, (red, green, blue), terminology=_get(table, "terminology", str, path, default="")
    )


def _image(table: Mapping[str, Any], path: Path) -> StudyImage:
    covariates = _get(table, "covariates", dict, path, default={})
    for key, value in covariates.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise StudyError(f"{path}: covariate {key!r} is {value!r}, expected a number or text.")
    return StudyImage(
        name=_get(table, "name", str, path),
        file=_file(table, "file", path),
        sha256=_get(table, "sha256", str, path),
        region=_file(table, "region", path, default=""),
        region_sha256=_get(table, "region_sha256", str, path, default=""),
        reference=_file(table, "reference", path, default=""),
        reference_sha256=_get(table, "reference_sha256", str, path, default=""),
        covariates=covariates,
        batch=_get(table, "batch", int, path, default=0),
    )


def _file(table: Mapping[str, Any], key: str, path: Path, default: str | None = None) -> str:
    # A study travels between people: a path that leaves its folder is not followed.
    file = _get(table, key, str, path, default=default)
    parts = re.split(r"[/\\]", file)
    if file and (".." in parts or parts[0] == "" or ":" in parts[0]):
        raise StudyError(f"{path}: {key} {file!r} points outside the study folder.")
    return file


def _get(
    table: Mapping[str, Any], key: str, kind: type, path: Path, default: Any | None = None
) -> Any:
    value = table.get(key, default)
    if value is None:
        raise StudyError(f"{path}: {key!r} is missing.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise StudyError(f"{path}: {key!r} is {value!r}, expected {_KIND_NAMES[kind]}.")
    return value


_KIND_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}


def _strings(table: Mapping[str, Any], key: str, path: Path) -> list[str]:
    values = _get(table, key, list, path)
    for value in values:
        if not isinstance(value, str):
            raise StudyError(f"{path}: {key!r} holds {value!r}, expected text.")
    return list(values)


def _tables(table: Mapping[str, Any], key: str, path: Path) -> list[Mapping[str, Any]]:
    values = _get(table, key, list, path, default=[])
    for value in values:
        if not isinstance(value, dict):
            raise StudyError(f"{path}: {key!r} holds {value!r}, expected a table.")
    return list(values)
