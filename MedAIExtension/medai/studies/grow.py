"""Images and raters that join a study which has begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medai.cancellation import CancelCallback, never_cancelled
from medai.errors import StudyError
from medai.progress import ProgressCallback, ignore_progress
from medai.studies.create import StudyPlan, add_images, image_sources
from medai.studies.name_key import (
    default_key_path,
    neutral_names,
    remove_key,
    require_outside,
    write_key,
)
from medai.studies.names import require_name
from medai.studies.owner import require_as_signed, sign_study
from medai.studies.protocol import replace_protocol
from medai.studies.study import Study, open_study


def add_raters(study: Study, raters: Sequence[str]) -> Study:
    """Let ``raters`` outline too: all images, in orders of their own.

    Raises StudyError for a name that is taken or can't be one, OutputError when the study can't be
    written.
    """
    study.require_present()
    require_as_signed(study)
    names = tuple(require_name(rater, "rater") for rater in raters)
    replace_protocol(replace(study.protocol, raters=(*study.protocol.raters, *names)), study.folder)
    sign_study(study.folder, study.protocol.id)
    return open_study(study.folder)


def grow_study(
    study: Study,
    plan: StudyPlan,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> Study:
    """Add the images of ``plan``: everybody meets them after those that were there, in an order
    drawn for them alone, so that nobody's list changes where it has begun.

    plan: its images, with their regions, references, covariates, ``keep_names`` and ``key``; the
    rest is the study's own. Raises as ``create_study``, and StudyError for a study that was made
    before raters kept ledgers; then the study is as it was.
    """
    study.require_present()
    protocol = study.protocol
    if not protocol.keeps_ledgers:
        raise StudyError(
            f"Study {protocol.title!r} was made before raters kept ledgers: it can't grow. Make a "
            "new study of the new images."
        )
    require_as_signed(study)
    plan = replace(plan, title=protocol.title, raters=protocol.raters, labels=protocol.labels)
    sources = image_sources(plan)
    batch = 1 + max(image.batch for image in protocol.images)
    if plan.keep_names:
        given = {name: name for name in sources}
        key = None
    else:
        given = neutral_names(list(sources), len(protocol.images) + 1)
        key = _key_of(study, plan, batch)
    taken = {image.name.casefold() for image in protocol.images}
    for name in given.values():
        if name.casefold() in taken:
            raise StudyError(f"The study has an image {name!r} already: rename the new one.")
    if key is not None:
        require_outside(key, study.folder)
        write_key(key, given, sources)
    written: list[Path] = []
    try:
        images = add_images(study.folder, sources, given, plan, written, progress, cancelled)
        added = tuple(replace(image, batch=batch) for image in images)
        replace_protocol(replace(protocol, images=(*protocol.images, *added)), study.folder)
    except BaseException:
        # Without its entry in the protocol no image is the study's.
        for path in written:
            path.unlink(missing_ok=True)
        if key is not None:
            remove_key(key)
        raise
    sign_study(study.folder, protocol.id)
    return open_study(study.folder)


def added_key(study: Study, plan: StudyPlan) -> Path | None:
    """The file that tells which image is which among those that ``plan`` added last."""
    return None if plan.keep_names else _key_of(study, plan, study.protocol.images[-1].batch)


def _key_of(study: Study, plan: StudyPlan, batch: int) -> Path:
    if plan.key is not None:
        return Path(plan.key)
    return default_key_path(f"{study.protocol.id}-{batch + 1}", study.protocol.title)
