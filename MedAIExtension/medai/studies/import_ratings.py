"""Making a study of images that several raters have outlined already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import StudyError
from medai.images import read_volume
from medai.output import atomic_folder
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.create import StudyPlan, create_study, key_path
from medai.studies.found_ratings import FoundRatings
from medai.studies.name_key import read_key, remove_key, require_outside
from medai.studies.protocol import Label
from medai.studies.record import Remarks
from medai.studies.session import ActiveTime, start_session
from medai.studies.study import Study, open_study


@dataclass(frozen=True)
class RatingsImport:
    """A study made of found ratings. key: which image is which; None where names were kept.

    notes: what was resampled, questioned or left out, one line each.
    """

    study: Study
    outlines: int
    key: Path | None
    notes: tuple[str, ...]


def import_ratings(
    found: FoundRatings,
    folder: Path,
    *,
    title: str,
    labels: Sequence[Label],
    keep_names: bool = False,
    key: Path | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> RatingsImport:
    """Make a study in ``folder`` of ``found``; every outline is submitted in its rater's name.

    Masks on another grid are resampled (nearest), with a note. How long raters took isn't known: no
    time is written. Images get neutral names as in ``create_study``, unless ``keep_names``.
    Raises as ``create_study`` and ``read_label_masks``; then nothing is left behind.
    """
    raters = found.all_raters
    if not raters:
        raise StudyError("There are no outlines to import.")
    plan = StudyPlan(
        title=title,
        images=list(found.images.values()),
        raters=raters,
        labels=labels,
        keep_names=keep_names,
        key=key,
        names=dict(zip(found.images.values(), found.images, strict=True)),
        regions=found.regions,
    )
    if key is not None:
        require_outside(key, folder)
    notes = list(found.notes)
    made: Path | None = None
    total = sum(len(rated) for rated in found.raters.values())
    done = 0
    try:
        with atomic_folder(folder) as work:
            study = create_study(work, plan, cancelled=cancelled)
            made = None if keep_names else key_path(plan, study.protocol.id)
            names = {} if made is None else read_key(made)
            for image, rated in sorted(found.raters.items()):
                given = names.get(image, image)
                volume = read_volume(study.image_path(given))
                for rater in rated:
                    raise_if_cancelled(cancelled)
                    masks, note = found.read(image, rater, volume)
                    if note:
                        notes.append(f"{given}, {rater}: {note}")
                    session = start_session(study, rater, given, 1, volume)
                    # How long the rater took isn't known; how long writing takes is no answer.
                    session.active = ActiveTime(clock=lambda: 0.0)
                    session.submit(masks, Remarks())
                    done += 1
                    progress(Progress(done / total, f"Outline {done} of {total}"))
    except BaseException:
        if made is not None:
            remove_key(made)
        raise
    return RatingsImport(open_study(folder), total, made, tuple(notes))


def preview(found: FoundRatings, cancelled: CancelCallback = never_cancelled) -> tuple[str, ...]:
    """What importing would note, with every mask read once and nothing written."""
    notes = list(found.notes)
    for image, rated in sorted(found.raters.items()):
        volume = read_volume(found.images[image])
        for rater in rated:
            raise_if_cancelled(cancelled)
            masks, note = found.read(image, rater, volume)
            empty = [name for name, mask in masks.items() if not mask.any()]
            notes += [f"{image}, {rater}: {note}"] if note else []
            notes += [f"{image}, {rater}: nothing is marked as {name}." for name in empty]
    missing = [
        f"{rater} has no mask of {image}."
        for image, rated in sorted(found.raters.items())
        for rater in found.all_raters
        if rater not in rated
    ]
    return (*notes, *missing)
