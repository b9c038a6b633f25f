"""``medai study``: make a multi-rater study, see how far it is, check it, export it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import (
    JsonOption,
    OutputOption,
    OverwriteOption,
    StudyFolderArgument,
)
from medai.commands.study_dashboard import write_dashboard
from medai.commands.study_import import import_study
from medai.commands.study_web import invite_rater, revoke_links, serve_study

app = typer.Typer(help="Make, check, export and follow a multi-rater study.", no_args_is_help=True)
app.command("import")(import_study)
app.command("serve")(serve_study)
app.command("invite")(invite_rater)
app.command("revoke")(revoke_links)


app.command("dashboard")(write_dashboard)


class ExportChoice(StrEnum):
    """Whose layout an export has."""

    MASKS = "masks"
    COCO = "coco"
    NNUNET = "nnunet"
    BIDS = "bids"
    CSV = "csv"


TitleOption = Annotated[str, typer.Option("--title", help="Title; default: the folder's name.")]


@app.command("create")
def create_study(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder to make, new or empty.")],
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE…", help="Images, DICOM folders, or one folder of images."),
    ],
    raters: Annotated[str, typer.Option("--raters", help="Initials, with commas: AB,CD,EF.")],
    title: TitleOption = "",
    labels: Annotated[
        str, typer.Option("--labels", help="What is outlined, with commas.")
    ] = "lesion",
    regions: Annotated[
        Path | None,
        typer.Option("--regions", help="Folder of region-of-interest masks, named as the images."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Folder of right answers: those images train raters."),
    ] = None,
    foreground: Annotated[
        int | None,
        typer.Option("--foreground", help="The value that marks in --references; default: not 0."),
    ] = None,
    covariates: Annotated[
        Path | None,
        typer.Option("--covariates", help="CSV with a column 'image' and what may explain them."),
    ] = None,
    instructions: Annotated[
        str, typer.Option("--instructions", help="What the raters are told.")
    ] = "",
    repeat_share: Annotated[
        float, typer.Option("--repeat", help="Share of images shown twice, unannounced, 0 to 1.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Every order follows from it.")] = 0,
    time_limit_seconds: Annotated[
        float | None, typer.Option("--time-limit", help="Seconds of active time for one image.")
    ] = None,
    show_predictions: Annotated[
        bool, typer.Option("--show-predictions", help="Raters see the model's result.")
    ] = False,
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Copy files as they are, names and metadata too."),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="File that says which image is which; not inside STUDY."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a study of images for raters to outline."""
    from medai.studies import (
        StudyPlan,
        create_study,
        find_images,
        find_masks,
        images_with_text,
        key_path,
        label,
    )
    from medai.studies.ratings_table import read_ratings_table

    found = find_images(images)
    plan = StudyPlan(
        title=title or folder.resolve().name,
        images=found,
        raters=_entries(raters),
        labels=[label(name) for name in _entries(labels)],
        regions=find_masks(regions, found) if regions else {},
        references=find_masks(references, found) if references else {},
        covariates=read_ratings_table(covariates).other if covariates else {},
        instructions=instructions,
        repeat_share=repeat_share,
        seed=seed,
        time_limit_seconds=time_limit_seconds,
        show_predictions=show_predictions,
        foreground=foreground,
        keep_names=keep_names,
        key=key,
    )
    with running("Making the study") as (progress, cancelled):
        study = create_study(folder, plan, progress, cancelled)
        with_text = images_with_text(study, cancelled)
    for name in with_text:
        print_warning(f"{name} seems to have text burnt into its borders: look whose name it is.")
    count = len(study.protocol.images)
    sentence = f"Made {folder}: {count} images for {', '.join(study.protocol.raters)}."
    written = None if keep_names else key_path(plan, study.protocol.id)
    if written is not None:
        sentence += f" Which image is which only {written} tells: keep it from the raters."
    summary = {
        "folder": str(folder),
        "images": count,
        "raters": list(study.protocol.raters),
        "key": None if written is None else str(written),
        "text_in_borders": list(with_text),
    }
    print_answer(sentence, summary, as_json=as_json)


@app.command("add")
def add_to_study(
    study: StudyFolderArgument,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE…", help="Images, DICOM folders, or one folder of images."),
    ] = None,
    raters: Annotated[str, typer.Option("--raters", help="New raters, with commas.")] = "",
    regions: Annotated[
        Path | None, typer.Option("--regions", help="Folder of the new images' region masks.")
    ] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Copy the new files as they are.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="File that says which new image is which.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let images or raters join a study that has begun; nobody's list changes where it has."""
    from medai.errors import StudyError
    from medai.studies import StudyPlan, find_images, find_masks, open_study
    from medai.studies.grow import add_raters, added_key, grow_study

    opened = open_study(study)
    joining = _entries(raters)
    if not images and not joining:
        raise StudyError("Nothing to add: name images, or raters (--raters).")
    written = None
    if images:
        found = find_images(images)
        plan = StudyPlan(
            title="",
            images=found,
            raters=(),
            regions=find_masks(regions, found) if regions else {},
            keep_names=keep_names,
            key=key,
        )
        with running("Adding images") as (progress, cancelled):
            opened = grow_study(opened, plan, progress, cancelled)
        written = added_key(opened, plan)
    if joining:
        opened = add_raters(opened, joining)
    protocol = opened.protocol
    sentence = f"{study} has {len(protocol.images)} images for {', '.join(protocol.raters)} now."
    if written is not None:
        sentence += f" Which new image is which only {written} tells: keep it from the raters."
    summary = {
        "images": len(protocol.images),
        "raters": list(protocol.raters),
        "key": None if written is None else str(written),
    }
    print_answer(sentence, summary, as_json=as_json)


@app.command("check")
def check_study(
    study: StudyFolderArgument,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Afterwards remove what saves that didn't finish left over."),
    ] = False,
    accept_keys: Annotated[
        bool,
        typer.Option(
            "--accept-keys", help="Take keys that are new here for the raters' own: ask them first."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find damaged, missing, orphaned, altered and ill-fitting files and name each."""
    from medai.studies import check_study, open_study, remove_leftovers

    with running("Checking") as (progress, cancelled):
        check = check_study(open_study(study), progress, cancelled, accept_keys=accept_keys)
    for finding in check.findings:
        print_warning(f"{finding.kind}: {finding.message}")
    for note in check.notes:
        print_warning(note)
    summary: dict[str, object] = {
        "sound": check.is_sound,
        "images": check.images,
        "submissions": check.submissions,
        "findings": [
            {"kind": finding.kind, "path": finding.path, "message": finding.message}
            for finding in check.findings
        ],
        "notes": list(check.notes),
    }
    sentence = check.sentence
    if repair:
        removed = remove_leftovers(open_study(study), check)
        summary["removed"] = list(removed)
        sentence += f" {len(removed)} files of unfinished saves removed."
    print_answer(sentence, summary, as_json=as_json)
    if not check.is_sound:
        raise typer.Exit(2)


@app.command("key")
def show_key(as_json: JsonOption = False) -> None:
    """Show the key that your submissions are signed with, for whoever checks the study."""
    from medai.studies.signing import fingerprint, own_signer, parse_signature

    signature = parse_signature(own_signer()(b""))
    key = "" if signature is None else signature.key
    sentence = (
        f"Your submissions are signed with the key {fingerprint(key)}."
        if key
        else "Your submissions are not signed: no key can be kept in your settings."
    )
    print_answer(sentence, {"public_key": key}, as_json=as_json)


@app.command("status")
def show_status(study: StudyFolderArgument, as_json: JsonOption = False) -> None:
    """Show how far every rater is."""
    from medai.studies import open_study, study_status

    opened = open_study(study)
    statuses = study_status(opened)
    for status in statuses:
        for warning in status.warnings:
            print_warning(warning)
    lines = [
        f"{status.rater:<12} {status.submitted:>4} of {len(status.cases)} submitted, "
        f"{status.skipped} skipped, {len(status.drafts)} unfinished, "
        f"{status.active_seconds / 60:.0f} min"
        for status in statuses
    ]
    summary = {
        "title": opened.protocol.title,
        "raters": [
            {
                "rater": status.rater,
                "cases": len(status.cases),
                "submitted": status.submitted,
                "skipped": status.skipped,
                "unfinished": len(status.drafts),
                "active_seconds": status.active_seconds,
                "warnings": list(status.warnings),
            }
            for status in statuses
        ],
    }
    print_answer("\n".join([opened.protocol.title, *lines]), summary, as_json=as_json)


@app.command("export")
def export_study(
    study: StudyFolderArgument,
    output: OutputOption,
    models: Annotated[
        str, typer.Option("--predictions", help="Models under predictions/ to add, with commas.")
    ] = "",
    layout: Annotated[
        ExportChoice, typer.Option("--as", help="masks is what medai agree reads.")
    ] = ExportChoice.MASKS,
    license_text: Annotated[
        str, typer.Option("--license", help="Terms of use, in your words; goes with the data.")
    ] = "",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the outlines that count: masks for medai agree, or another program's layout."""
    from medai.errors import StudyError
    from medai.studies import export_study, open_study
    from medai.studies.export_formats import export_as

    opened = open_study(study)
    if models and layout is not ExportChoice.MASKS:
        raise StudyError(f"--predictions goes with --as masks, not with --as {layout.value}.")
    with running("Exporting") as (progress, cancelled):
        if layout is ExportChoice.MASKS:
            export = export_study(
                opened,
                output,
                predictions=_entries(models),
                overwrite=overwrite,
                license_text=license_text,
                progress=progress,
                cancelled=cancelled,
            )
        else:
            export = export_as(
                opened,
                output,
                layout.value,
                license_text=license_text,
                overwrite=overwrite,
                progress=progress,
                cancelled=cancelled,
            )
    for note in export.notes:
        print_warning(note)
    summary = {
        "folder": str(export.folder),
        "images": export.images,
        "masks": export.masks,
        "repeats": export.repeats,
        "notes": list(export.notes),
    }
    print_answer(export.sentence, summary, as_json=as_json)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]
