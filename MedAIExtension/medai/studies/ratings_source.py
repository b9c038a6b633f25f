"""Where ratings come from: a folder of masks, a study, or one image in a scene, read alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from medai.agreement.quality_remarks import QualityRemarks
from medai.agreement.ratings import ImageRatings
from medai.errors import MedAIError, StudyError
from medai.images import Volume, read_volume
from medai.studies.predictions import require_predictions
from medai.studies.ratings import RatedImage, read_rated_image
from medai.studies.ratings_table import QUALITY_SCORES
from medai.studies.record import SKIPPED, SUBMITTED, Record
from medai.studies.study import Study
from medai.studies.submissions import Counted, study_counted


@dataclass(frozen=True, eq=False)
class RatedCase:
    """One image as read: its ratings, its place in space, and what should be known about it.

    has_spacing: False where the masks are pictures without millimetres.
    """

    ratings: ImageRatings
    ijk_to_ras: NDArray[np.float64]
    has_spacing: bool
    notes: tuple[str, ...]


class RatingsSource(Protocol):
    """What agreement is computed from; images are read one by one, by name."""

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images, sorted."""

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of everybody who rated anything, models among them, sorted."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is known before an image is read: who and what was left out, one line each."""

    def read(self, image: str) -> RatedCase:
        """All masks of one image on one grid. Raises a MedAIError that names what is wrong."""

    def picture(self, image: str) -> Volume | None:
        """The image itself, or None where there is none or it can't be read."""

    def remarks(self) -> QualityRemarks:
        """What raters said of the images' quality, models left out."""


@dataclass(frozen=True, eq=False)
class StudyRatings:
    """A study's outlines that count, of one label.

    predictions: models under ``predictions/``, each compared as one more rater. superseded: where
    the newest submission of a case is damaged, the one before it stands in; without it the case is
    left out. Either way a note says so.
    """

    study: Study
    label: str
    predictions: tuple[str, ...] = ()
    superseded: bool = False

    @cached_property
    def counted(self) -> Counted:
        """What counts, read once."""
        return study_counted(self.study, superseded=self.superseded)

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Every image that counts and that somebody has outlined, sorted."""
        outlined = {
            image
            for (_, image, presentation), record in self.counted.records.items()
            if record.outcome == SUBMITTED and presentation == 1
        }
        training = {image.name for image in self.study.protocol.images if image.is_training}
        return tuple(sorted(outlined - training))

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """Everybody who outlined anything, and the models."""
        people = {rater for image in self.images for rater in self._records(image)}
        return tuple(sorted({*people, *self.predictions}))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Damaged submissions, who submitted nothing, skips and unequal coverage."""
        return (*self.counted.warnings, *self._refusals(), *self._coverage())

    def read(self, image: str) -> RatedCase:
        """As RatingsSource; outlines that are damaged or lie elsewhere are left out with a note."""
        rated = self.rated_image(image)
        return RatedCase(
            rated.ratings(self.label), rated.ijk_to_ras, has_spacing=True, notes=rated.notes
        )

    def rated_image(self, image: str) -> RatedImage:
        """All labels of one image; it may be that nobody's outline can be used."""
        earlier = {
            rater: before if self.superseded else ()
            for (rater, name, presentation), before in self.counted.earlier.items()
            if (name, presentation) == (image, 1)
        }
        entry = self.study.protocol.image(image)
        return read_rated_image(self.study, entry, self._records(image), self.predictions, earlier)

    def picture(self, image: str) -> Volume | None:
        """The image itself."""
        try:
            return replace(read_volume(self.study.image_path(image)), name=image)
        except MedAIError:
            return None

    def remarks(self) -> QualityRemarks:
        """What the raters said of the images' quality, models left out."""
        people = [rater for rater in self.raters if rater not in self.predictions]
        table = np.full((len(people), len(self.images)), np.nan)
        reasons: dict[str, dict[str, tuple[str, ...]]] = {}
        for column, image in enumerate(self.images):
            for rater, record in self._records(image).items():
                table[people.index(rater), column] = QUALITY_SCORES[record.remarks.quality]
                if record.remarks.reasons:
                    reasons.setdefault(image, {})[rater] = record.remarks.reasons
        return QualityRemarks(tuple(people), self.images, table, reasons)

    def _records(self, image: str) -> dict[str, Record]:
        return {
            rater: record
            for (rater, name, presentation), record in self.counted.records.items()
            if (name, presentation) == (image, 1) and record.outcome == SUBMITTED
        }

    @property
    def coverage(self) -> str:
        """Skips and images that not everybody submitted, in a sentence; "" where all did."""
        counted = [image.name for image in self.study.protocol.images if not image.is_training]
        firsts = {
            (rater, image): record.outcome
            for (rater, image, presentation), record in self.counted.records.items()
            if presentation == 1 and image in counted
        }
        skipped = sum(outcome == SKIPPED for outcome in firsts.values())
        wanted = len(counted) * len(self.study.protocol.raters)
        missing = wanted - len(firsts)
        if not skipped and not missing:
            return ""
        parts = [f"{skipped} skipped"] if skipped else []
        parts += [f"{missing} not submitted"] if missing else []
        return f"Of {wanted} outlines asked for, {' and '.join(parts)}."

    def _refusals(self) -> list[str]:
        return [
            f"{image}: rater {rater} is left out"
            + (" at the second presentation" if presentation == 2 else "")
            + f": {message}"
            for (rater, image, presentation), message in self.counted.refused.items()
        ]

    def _coverage(self) -> list[str]:
        counted = [image.name for image in self.study.protocol.images if not image.is_training]
        notes = []
        for rater in self.study.protocol.raters:
            firsts = {
                image: record.outcome
                for (name, image, presentation), record in self.counted.records.items()
                if name == rater and presentation == 1 and image in counted
            }
            if not firsts:
                notes.append(f"Rater {rater} has submitted nothing and is left out.")
                continue
            skipped = sum(outcome == SKIPPED for outcome in firsts.values())
            missing = len(counted) - len(firsts)
            if skipped or missing:
                parts = [f"skipped {skipped}"] if skipped else []
                parts += [f"has not submitted {missing}"] if missing else []
                notes.append(f"Rater {rater} {' and '.join(parts)} of {len(counted)} images.")
        return notes


def study_ratings(
    study: Study,
    label: str | None = None,
    *,
    predictions: tuple[str, ...] = (),
    superseded: bool = False,
) -> StudyRatings:
    """A study's ratings of one label; None is the study's only one.

    Raises StudyError when the study has several labels and none is named, has none of that name,
    nothing was submitted, or a model's masks are missing.
    """
    names = [entry.name for entry in study.protocol.labels]
    if label is None and len(names) > 1:
        raise StudyError(f"The study has the labels {', '.join(names)}: choose one (--label).")
    if label is not None and label not in names:
        raise StudyError(f"The study has no label {label!r}: expected {', '.join(names)}.")
    for model in predictions:
        require_predictions(study, model)
    source = StudyRatings(study, label or names[0], predictions, superseded)
    if not source.images:
        raise StudyError(
            f"Study {study.protocol.title!r} has no submissions yet: there is nothing to analyze."
        )
    return source


def rated_images(
    study: Study, *, predictions: Sequence[str] = (), superseded: bool = False
) -> Iterator[RatedImage]:
    """Every image that counts, with everybody's outlines of all labels, sorted by name.

    Images of which nobody's outline can be used are passed over. Raises StudyError as
    ``study_ratings``.
    """
    first = study.protocol.labels[0].name
    source = study_ratings(study, first, predictions=tuple(predictions), superseded=superseded)
    for image in source.images:
        rated = source.rated_image(image)
        if rated.segmentations:
            yield rated


def rated_image(study: Study, image: str, *, predictions: Sequence[str] = ()) -> RatedImage:
    """One image with everybody's outlines, as ``rated_images`` gives it.

    Raises StudyError when nobody's outline of it can be used.
    """
    source = StudyRatings(study, study.protocol.labels[0].name, tuple(predictions))
    rated = source.rated_image(image)
    if not rated.segmentations:
        raise StudyError(f"Nobody's outline of image {image!r} can be used.")
    return rated


@dataclass(frozen=True, eq=False)
class OneImage:
    """The ratings of a single image that is at hand: outlines in a scene."""

    case: RatedCase
    volume: Volume

    @property
    def images(self) -> tuple[str, ...]:
        """The one image."""
        return (self.case.ratings.name,)

    @property
    def raters(self) -> tuple[str, ...]:
        """Its raters, sorted."""
        return tuple(sorted(self.case.ratings.raters))

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is known but what the image says itself."""
        return ()

    def read(self, image: str) -> RatedCase:
        """The case."""
        return self.case

    def picture(self, image: str) -> Volume | None:
        """The volume that was outlined."""
        return self.volume

    def remarks(self) -> QualityRemarks:
        """Nobody said anything of its quality."""
        return QualityRemarks((), self.images, np.empty((0, 1)))
