"""Making a study folder out of images, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import OutputError, StudyError
from medai.images import Volume, read_volume, write_segmentation, write_volume
from medai.images.metadata_free import write_without_metadata
from medai.output import as_output_error, atomic_folder, output_error
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.hashes import file_sha256
from medai.studies.label_masks import read_label_masks, require_plausible
from medai.studies.name_key import (
    default_key_path,
    neutral_names,
    remove_key,
    require_outside,
    write_key,
)
from medai.studies.names import image_name, require_distinct
from medai.studies.owner import sign_study
from medai.studies.protocol import (
    Label,
    Protocol,
    StudyImage,
    label,
    new_study_id,
    write_protocol,
)
from medai.studies.session import study_segmentation
from medai.studies.study import Study, open_study

REGION = label("region of interest")

# Formats that hold a whole image in one file are copied byte for byte; others become NRRD.
_COPIED = (".nrrd", ".nii", ".nii.gz", ".mha", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class StudyPlan:
    """What a study is made of; fields as in Protocol.

    images: files or DICOM folders. regions, references: mask files by image name.
    covariates: by image name. foreground: the value that marks, in references that are pictures of
    two values; None is every value but 0, and a reference that covers almost everything is then
    refused, since 0 may be what it marks. Images without a reference are the ones that count.
    keep_names: images keep their files' names and bytes; otherwise they get neutral names, and what
    files say beside their pixels (text, Exif, descriptions) is left out. key: the file that tells
    the owner which image is which; None is one in the owner's user folder. names: of images that
    aren't called as their files are.
    """

    title: str
    images: Sequence[Path]
    raters: Sequence[str]
    labels: Sequence[Label] = (label("lesion"),)
    regions: Mapping[str, Path] = field(default_factory=dict)
    references: Mapping[str, Path] = field(default_factory=dict)
    covariates: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    instructions: str = ""
    repeat_share: float = 0.0
    seed: int = 0
    time_limit_seconds: float | None = None
    show_predictions: bool = False
    foreground: int | None = None
    keep_names: bool = False
    key: Path | None = None
    names: Mapping[Path, str] = field(default_factory=dict)


def create_study(
    folder: Path | str,
    plan: StudyPlan,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> Study:
    """Make the study folder: every image is read once, copied, and its hash kept.

    Raises StudyError for names that clash or nothing to outline, ImageReadError for an image that
    can't be read, GeometryError for a region elsewhere, OutputError when ``folder`` is not empty or
    can't be written; then nothing is left behind.
    """
    folder = Path(folder)
    with as_output_error(folder):
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder} already holds files: a study needs a new or empty folder.")
    sources = image_sources(plan)
    given = {name: name for name in sources} if plan.keep_names else neutral_names(list(sources))
    study_id = new_study_id()
    key = None if plan.keep_names else key_path(plan, study_id)
    if key is not None:
        require_outside(key, folder)
        write_key(key, given, sources)
    try:
        with atomic_folder(folder) as work:
            images = add_images(work, sources, given, plan, [], progress, cancelled)
            write_protocol(_protocol(plan, study_id, images), work)
            sign_study(work, study_id)
    except BaseException:
        if key is not None:
            remove_key(key)
        raise
    progress(Progress(1.0, "Study made"))
    return open_study(folder)


def key_path(plan: StudyPlan, study_id: str) -> Path:
    """The file that tells which image is which in the study that ``plan`` made."""
    return Path(plan.key) if plan.key else default_key_path(study_id, plan.title)


def add_images(
    work: Path,
    sources: Mapping[str, Path],
    given: Mapping[str, str],
    plan: StudyPlan,
    written: list[Path],
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> tuple[StudyImage, ...]:
    """Write the images of ``sources`` and what belongs to them below ``work``, sorted by name.

    given: the study's name of each. written: gets the path of each file as soon as it is there.
    """
    images = []
    for number, (name, source) in enumerate(sources.items()):
        raise_if_cancelled(cancelled)
        progress(Progress(number / len(sources), f"Image {number + 1} of {len(sources)}"))
        image = _add_image(work, name, given[name], source, plan)
        written += [work / file for file in (image.file, image.region, image.reference) if file]
        images.append(image)
    return tuple(sorted(images, key=lambda image: image.name))


def image_sources(plan: StudyPlan) -> dict[str, Path]:
    """The file of each image by the name that it gives.

    Raises StudyError for no image, names that clash, and what belongs to no image.
    """
    if not plan.images:
        raise StudyError(f"Study {plan.title!r} has no images: expected at least one.")
    named: dict[str, Path] = {}
    for source in plan.images:
        name = plan.names.get(Path(source)) or image_name(Path(source))
        if name in named:
            raise StudyError(
                f"Two images share the name {name!r}: {named[name]} and {source}. Rename one."
            )
        named[name] = Path(source)
    require_distinct(named, "image")
    for what, table in (
        ("region", plan.regions),
        ("reference", plan.references),
        ("covariate", plan.covariates),
    ):
        for name in table:
            if name not in named:
                raise StudyError(f"There is a {what} for {name!r}, but no image of that name.")
    return named


def _protocol(plan: StudyPlan, study_id: str, images: tuple[StudyImage, ...]) -> Protocol:
    return Protocol(
        id=study_id,
        title=plan.title,
        labels=tuple(plan.labels),
        raters=tuple(plan.raters),
        images=images,
        instructions=plan.instructions,
        repeat_share=plan.repeat_share,
        seed=plan.seed,
        time_limit_seconds=plan.time_limit_seconds,
        show_predictions=plan.show_predictions,
    )


def _add_image(work: Path, name: str, given: str, source: Path, plan: StudyPlan) -> StudyImage:
    """Copy one image and what belongs to it. name: by its file; given: in the study."""
    volume = read_volume(source)
    folder = work / "images"
    folder.mkdir(exist_ok=True)
    try:
        if plan.keep_names:
            file = _copy(source, volume, folder, given)
        else:
            file = write_without_metadata(source, volume, folder, given)
    except OSError as error:
        raise output_error(folder, error) from error
    region = reference = None
    if name in plan.regions:
        region = work / "regions" / f"{given}.seg.nrrd"
        masks, _ = read_label_masks(plan.regions[name], (REGION,), volume)
        _write_masks(masks, (REGION,), volume, region)
    if name in plan.references:
        reference = work / "references" / f"{given}.seg.nrrd"
        source = plan.references[name]
        masks, _ = read_label_masks(source, tuple(plan.labels), volume, plan.foreground)
        if plan.foreground is None:
            for label_name, mask in masks.items():
                require_plausible(mask, f"{source} ({label_name})")
        _write_masks(masks, tuple(plan.labels), volume, reference)
    return StudyImage(
        name=given,
        file=file.relative_to(work).as_posix(),
        sha256=file_sha256(file),
        region=region.relative_to(work).as_posix() if region else "",
        region_sha256=file_sha256(region) if region else "",
        reference=reference.relative_to(work).as_posix() if reference else "",
        reference_sha256=file_sha256(reference) if reference else "",
        covariates=plan.covariates.get(name, {}),
    )


def _copy(source: Path, volume: Volume, folder: Path, name: str) -> Path:
    """The file as it is where a format holds a whole image in one file, else NRRD."""
    suffix = next((s for s in sorted(_COPIED, key=len, reverse=True) if _ends(source, s)), "")
    file = folder / f"{name}{suffix or '.nrrd'}"
    if suffix:
        shutil.copyfile(source, file)
    else:
        write_volume(volume, file)
    return file


def _write_masks(
    masks: Mapping[str, NDArray], labels: tuple[Label, ...], volume: Volume, target: Path
) -> None:
    target.parent.mkdir(exist_ok=True)
    write_segmentation(study_segmentation(labels, masks, volume), target)


def _ends(path: Path, suffix: str) -> bool:
    return path.is_file() and path.name.lower().endswith(suffix)
