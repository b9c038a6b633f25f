"""Outlines as annotation tools export them, made into ratings.

What such a file says of sizes, names and corners is not trusted: names become safe names, no path
in it is followed, and what it would unfold to is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.quality_remarks import QualityRemarks
from medai.agreement.ratings import ImageRatings
from medai.errors import ImageReadError, StudyError
from medai.images import Volume, read_volume
from medai.images.pictures import PICTURE_IJK_TO_RAS
from medai.images.polygon_fill import fill_polygon, fill_runs
from medai.images.reading import PICTURE_SUFFIXES
from medai.studies.names import image_name, safe_name
from medai.studies.protocol import ROI
from medai.studies.ratings_source import RatedCase
from medai.studies.ratings_table import RatingsTable

# The folder beside an export that may hold its pictures.
PICTURES = "images"
_MOST_FILE_BYTES = 2**29
_MOST_PIXELS = 2**27
# All raters of one image together.
_MOST_UNFOLDED = 2**29
_MOST_CORNERS = 10**6


@dataclass(frozen=True, eq=False)
class Shape:
    """corners: (corners, 2) x, y in pixels of an outline; or runs: (runs,), see ``fill_runs``."""

    corners: NDArray[np.float64] | None = None
    runs: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """What everybody drew on one image.

    file: the picture's file name as the export has it. size: (rows, columns) or None where the
    export doesn't tell. shapes: by rater, by label; a rater who drew nothing has an empty entry.
    """

    file: str
    size: tuple[int, int] | None
    shapes: dict[str, dict[str, list[Shape]]] = field(default_factory=dict)

    def of(self, rater: str) -> dict[str, list[Shape]]:
        """The rater's shapes by label, to be added to."""
        return self.shapes.setdefault(rater, {})


@dataclass(frozen=True, eq=False)
class ImportedRatings:
    """Ratings out of files of another program, as a RatingsSource.

    by_image: the raters of each image. ratings: makes the masks of one. pictures: by image, its
    file, where there is one.
    """

    by_image: Mapping[str, tuple[str, ...]]
    ratings: Callable[[str], ImageRatings]
    table: RatingsTable
    pictures: Mapping[str, Path]
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images, sorted."""
        return tuple(sorted(self.by_image))

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of everybody who rated anything, sorted."""
        return tuple(sorted({rater for raters in self.by_image.values() for rater in raters}))

    def read(self, image: str) -> RatedCase:
        """The image's masks, (raters, 1, rows, columns)."""
        return RatedCase(self.ratings(image), PICTURE_IJK_TO_RAS, has_spacing=False, notes=())

    def picture(self, image: str) -> Volume | None:
        """The picture beside the export, if there is one."""
        path = self.pictures.get(image)
        return None if path is None else read_volume(path)

    def remarks(self) -> QualityRemarks:
        """What the table says of the images' quality."""
        return self.table.remarks(self.images)


def drawn_ratings(
    drawn: Mapping[str, DrawnImage],
    table: RatingsTable,
    folder: Path,
    label: str | None,
    notes: tuple[str, ...],
) -> ImportedRatings:
    """The ratings of one label of drawn images.

    folder: where the export lies; pictures are looked for there and in ``images``, by file name.
    label: None is the only one. A label called ``roi`` is the region in which ratings count.
    Raises StudyError for an unknown label, or several and none chosen.
    """
    found = {
        name
        for image in drawn.values()
        for shapes in image.shapes.values()
        for name in shapes
        if name.casefold() != ROI
    }
    names = sorted(found)
    if label is None and len(names) > 1:
        raise StudyError(
            f"{folder.name} holds the labels {', '.join(names[:20])}: choose one (--label)."
        )
    if label is not None and label not in found:
        raise StudyError(f"{folder.name} has no label {label!r}: it has {', '.join(names[:20])}.")
    wanted = label if label is not None else names[0] if names else ""
    pictures = _pictures(drawn, folder)
    by_image = {name: tuple(sorted(image.shapes)) for name, image in drawn.items() if image.shapes}
    if not by_image:
        raise StudyError(f"{folder.name}: nobody has outlined an image in it.")

    def ratings(name: str) -> ImageRatings:
        image, raters = drawn[name], by_image[name]
        size = image.size or _size_of(pictures.get(name), image.file)
        _require_size(size, len(raters), name)
        masks = np.zeros((len(raters), 1, *size), dtype=np.uint8)
        region = np.zeros((1, *size), dtype=np.uint8)
        for rater, mask in zip(raters, masks, strict=True):
            for called, shapes in image.shapes[rater].items():
                if called == wanted:
                    _draw(shapes, mask[0], name)
                elif called.casefold() == ROI:
                    _draw(shapes, region[0], name)
        return ImageRatings(
            name, masks, raters, region if region.any() else None, None, table.covariates(name)
        )

    return ImportedRatings(by_image, ratings, table, pictures, notes)


def read_document(path: Path) -> Any:
    """A JSON file, or one of a JSON value a line (as a list). Raises StudyError."""
    try:
        if path.stat().st_size > _MOST_FILE_BYTES:
            raise StudyError(f"{path.name} is larger than {_MOST_FILE_BYTES // 2**20} MiB.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"Can't read {path.name}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise StudyError(f"{path.name} is not text in UTF-8.") from None
    try:
        if path.suffix.lower() == ".ndjson":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path.name} is not JSON: {error}.") from None


def polygon(points: Any, what: str) -> Shape:
    """An outline from [[x, y], …] or [x, y, x, y, …]. Raises StudyError."""
    try:
        corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"{what}: an outline is no list of numbers in pairs.") from None
    if len(corners) > _MOST_CORNERS or not len(corners) or not (np.abs(corners) < 1e9).all():
        raise StudyError(f"{what}: an outline of {len(corners)} corners can't be drawn.")
    return Shape(corners=corners)


def box(sides: Sequence[Any], what: str) -> Shape:
    """A rectangle, left, top, width, height in pixels, as an outline. Raises StudyError."""
    try:
        x, y, w, h = (float(value) for value in sides)
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"{what}: a box is not four numbers.") from None
    return polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], what)


def picture_size(rows: Any, columns: Any, what: str) -> tuple[int, int]:
    """The size a file declares. Raises StudyError."""
    for value in (rows, columns):
        if isinstance(value, bool) or not isinstance(value, int) or not value > 0:
            raise StudyError(f"{what}: height or width is {value!r}, expected a positive number.")
    _require_size((rows, columns), 1, what)
    return rows, columns


def drawn_image(
    drawn: dict[str, DrawnImage], file: Any, size: tuple[int, int] | None, what: str
) -> tuple[str, DrawnImage]:
    """The image of that file name, new or known, and its name. Raises StudyError."""
    if not isinstance(file, str) or not file.strip():
        raise StudyError(f"{what}: an image has no file name.")
    name = image_name(Path(PurePosixPath(file.replace("\\", "/")).name or "image"))
    known = drawn.setdefault(name, DrawnImage(file, size))
    if known.file != file or (size is not None and known.size not in (None, size)):
        raise StudyError(f"{what}: {known.file!r} and {file!r} are two images named {name!r}.")
    return name, known


def rater_name(text: Any, what: str) -> str:
    """A rater's name, safe to print and to save; of an address, what stands before the @."""
    if not isinstance(text, str) or not text.strip():
        raise StudyError(f"{what}: a rater has no name.")
    return safe_name(text.split("@")[0] or text)


def _draw(shapes: list[Shape], mask: NDArray[np.uint8], name: str) -> None:
    for shape in shapes:
        try:
            if shape.corners is not None:
                fill_polygon(mask, shape.corners)
            elif shape.runs is not None:
                fill_runs(mask, shape.runs)
        except ImageReadError as error:
            raise StudyError(f"{name}: {error}") from None


def _require_size(size: tuple[int, int], raters: int, name: str) -> None:
    pixels = size[0] * size[1]
    if pixels > _MOST_PIXELS or pixels * raters > _MOST_UNFOLDED:
        raise StudyError(
            f"{name}: {size[0]} × {size[1]} pixels of {raters} raters are more than can be read: "
            f"expected at most {_MOST_PIXELS:,} pixels, {_MOST_UNFOLDED:,} of all raters."
        )


def _size_of(path: Path | None, file: str) -> tuple[int, int]:
    if path is None:
        shown = PurePosixPath(file.replace("\\", "/")).name
        raise StudyError(
            f"The export doesn't say how large {shown} is: put the pictures beside it, or into a "
            "folder images."
        )
    _, rows, columns = read_volume(path).grid_shape
    return rows, columns


def _pictures(drawn: Mapping[str, DrawnImage], folder: Path) -> dict[str, Path]:
    there = {
        path.name: path
        for place in (folder / PICTURES, folder)
        if place.is_dir()
        for path in place.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    }
    wanted = {
        name: PurePosixPath(image.file.replace("\\", "/")).name for name, image in drawn.items()
    }
    return {name: there[file] for name, file in wanted.items() if file in there}
