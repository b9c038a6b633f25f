"""``medai study import``: outlines that exist already, as a study."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import JsonOption


class LayoutChoice(StrEnum):
    """What the folders of a folder of masks are."""

    IMAGE_RATER = "image/rater"
    RATER_IMAGE = "rater/image"


def import_study(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder to make, new or empty.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder of masks (image/rater.* or rater/image.*), an export of Labelbox or in "
            "COCO's JSON, or a NumPy archive (.npz).",
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of the images, named as in SOURCE."),
    ] = None,
    layout: Annotated[
        LayoutChoice | None,
        typer.Option("--layout", help="What SOURCE's folders are, where nothing tells."),
    ] = None,
    labels: Annotated[
        str, typer.Option("--labels", help="What is outlined, with commas; k is value k of masks.")
    ] = "lesion",
    foreground: Annotated[
        int | None, typer.Option("--foreground", help="The value that marks; default: not 0.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say what was understood; write nothing.")
    ] = False,
    title: Annotated[str, typer.Option("--title", help="Title; default: the folder's name.")] = "",
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Copy images as they are, names and metadata too."),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="File that says which image is which; not inside STUDY."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a study of images that several raters have outlined already."""
    from medai.errors import StudyError
    from medai.studies import label
    from medai.studies.found_ratings import find_ratings
    from medai.studies.import_ratings import import_ratings
    from medai.studies.import_ratings import preview as preview_of

    if source.suffix.lower() == ".npz":
        if preview or images or layout or foreground is not None or key:
            raise StudyError(f"{source.name} is an archive: it takes no option but --title.")
        _import_archive(source, folder, title, as_json=as_json)
        return
    if not source.exists():
        raise StudyError(f"{source} doesn't exist: expected a folder of masks or an export.")
    chosen = [label(name.strip()) for name in labels.split(",") if name.strip()]
    found = find_ratings(
        source,
        chosen,
        images,
        layout=None if layout is None else layout.value,
        foreground=foreground,
    )
    summary: dict[str, object] = {
        "layout": found.layout,
        "images": len(found.images),
        "raters": list(found.all_raters),
    }
    if preview:
        with running("Reading") as (_, cancelled):
            notes = preview_of(found, cancelled)
        for note in notes:
            print_warning(note)
        print_answer(found.sentence, {**summary, "notes": list(notes)}, as_json=as_json)
        return
    with running("Importing") as (progress, cancelled):
        made = import_ratings(
            found,
            folder,
            title=title or folder.resolve().name,
            labels=chosen,
            keep_names=keep_names,
            key=key,
            progress=progress,
            cancelled=cancelled,
        )
    for note in made.notes:
        print_warning(note)
    sentence = f"{found.sentence} Made {folder} of them."
    if made.key is not None:
        sentence += f" Which image is which only {made.key} tells: keep it from the raters."
    told = {
        "folder": str(folder),
        "submitted": made.outlines,
        "key": None if made.key is None else str(made.key),
        "notes": list(made.notes),
    }
    print_answer(sentence, {**summary, **told}, as_json=as_json)


def _import_archive(archive: Path, folder: Path, title: str, *, as_json: bool) -> None:
    from medai.studies import import_crops, study_status

    with running("Importing") as (progress, cancelled):
        study = import_crops(
            archive,
            folder,
            title=title or folder.resolve().name,
            progress=progress,
            cancelled=cancelled,
        )
    count = len(study.protocol.images)
    submitted = sum(status.submitted for status in study_status(study))
    print_answer(
        f"Made {folder}: {count} images, {submitted} outlines of "
        f"{', '.join(study.protocol.raters)}.",
        {"folder": str(folder), "images": count, "submitted": submitted},
        as_json=as_json,
    )
