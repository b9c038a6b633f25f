"""``medai classify``: how likely COVID-19 is, why, how severe, better or worse than before."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medai.commands.check_first import require_model_for
from medai.commands.network_options import (
    AcceptOption,
    DeviceChoice,
    DeviceOption,
    GpuMemoryOption,
    ModelOption,
)
from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Answer, Output, run_task, write_one
from medai.commands.study_options import NamesOption, SeriesOption
from medai.errors import ImageReadError, InputError
from medai.tasks import task_named

if TYPE_CHECKING:
    from medai.inference.covid.assessment import CovidAssessment


def classify(
    studies: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY…",
            help="CT studies (DICOM folder or volume), pictures, or folders of one patient's "
            "pictures.",
        ),
    ],
    output: OutputOption,
    model: ModelOption = None,
    rule: Annotated[
        str,
        typer.Option(
            "--rule", help="How slices make a study: top-quartile, mean, median, maximum."
        ),
    ] = "top-quartile",
    planes: Annotated[
        list[str] | None,
        typer.Option("--plane", help="axial, coronal, sagittal; repeat to average several."),
    ] = None,
    with_severity: Annotated[
        bool,
        typer.Option("--severity/--no-severity", help="Measure lesions and severity of volumes."),
    ] = True,
    lesion_model: Annotated[
        str | None, typer.Option("--lesion-model", help="Model that measures severity.")
    ] = None,
    lobes: Annotated[
        Path | None,
        typer.Option("--lobes", help="Lobe labels 1 to 5 on the study's grid, for the lobe score."),
    ] = None,
    prior: Annotated[
        Path | None, typer.Option("--prior", help="The same patient's earlier study.")
    ] = None,
    prior_date: Annotated[
        str | None,
        typer.Option(
            "--prior-date", help="Date of the earlier study, YYYY-MM-DD; default: DICOM's."
        ),
    ] = None,
    study_date: Annotated[
        str | None, typer.Option("--date", help="Date of the study, YYYY-MM-DD; default: DICOM's.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="CSV with columns study,label (1 COVID-19, 0 not) to judge."),
    ] = None,
    series: SeriesOption = None,
    names: NamesOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    accept_licence: AcceptOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Classify chest CT studies or slices, with reasons and severity."""
    from medai.images import read_volume
    from medai.images.output_names import output_names, parse_name_rule
    from medai.inference.covid.assessment import CovidChoices
    from medai.inference.covid.result import CovidOptions
    from medai.inference.covid.study import CovidStudy, read_covid_study
    from medai.inference.lesions.result import LesionOptions
    from medai.measures.follow_up import days_between
    from medai.models import ModelStore

    if len(studies) > 1 and (prior is not None or lobes is not None):
        raise InputError(f"--prior and --lobes belong to one study, {len(studies)} were given.")
    if not with_severity and (prior is not None or lobes is not None):
        raise InputError("--prior and --lobes need the severity: leave out --no-severity.")
    name_rule = parse_name_rule(names)
    earlier = _read_date(prior_date, "--prior-date")
    later = _read_date(study_date, "--date")
    days_between(earlier, later)
    measuring = None
    if with_severity:
        measuring = lesion_model or ModelStore().recommended("lesions").id
        require_model_for("lesions", measuring, accepts_terms=accept_licence)
    options = CovidChoices(
        classification=CovidOptions(
            rule=rule, planes=tuple(planes or ("axial",)), device=device.value
        ),
        lesion_model=measuring,
        lesions=LesionOptions(device=device.value),
        prior_date=earlier,
        study_date=later,
    )
    labels = None if truth is None else _read_truth(truth, studies)

    def with_volumes(options: CovidChoices) -> CovidChoices:
        return replace(
            options,
            lobes=None if lobes is None else read_volume(lobes).array,
            prior=None if prior is None else read_volume(prior),
        )

    called = output_names(studies, name_rule)

    def read(number: int, path: Path) -> Callable[[], CovidStudy]:
        return lambda: read_covid_study(path, series, names=name_rule, number=number)

    run_task(
        "covid",
        [read(number, path) for number, path in enumerate(studies, start=1)],
        options,
        Output(output, overwrite, as_json),
        model=model,
        gpu_memory_gb=gpu_memory_gb,
        accepts_terms=accept_licence,
        device=device.value,
        with_files=with_volumes,
        write=lambda results, folder: _write(results, called, labels, folder),
    )


def _write(
    results: Sequence[CovidAssessment],
    names: Sequence[str],
    labels: list[int] | None,
    folder: Path,
) -> Answer:
    from medai.output import write_text
    from medai.reports.covid import add_assessment, slice_columns, slice_rows, summary_of
    from medai.reports.json_text import json_text
    from medai.reports.page import Page
    from medai.reports.tables import write_csv
    from medai.reports.write import write_timing

    task = task_named("covid")
    if len(results) == 1 and labels is None:
        return write_one(task)(results, folder)
    judged = None if labels is None else _judge(results, labels)
    named = list(zip(names, results, strict=True))
    summary: dict[str, Any] = {
        "studies": [{"name": name, **summary_of(result)} for name, result in named]
    }
    page = Page(task.title, f"{len(results)} studies.")
    if judged is not None:
        summary["judged"] = judged
        page.heading("Against the truth")
        page.sentence(judged["sentence"])
    for name, result in named:
        page.heading(name)
        page.sentence(result.sentence)
        add_assessment(page, result)
    write_text(folder / "classification.json", json_text(summary) + "\n")
    write_csv(
        folder / "slices.csv",
        ("study", *slice_columns(results[0].classification)),
        [(name, *row) for name, result in named for row in slice_rows(result.classification)],
    )
    write_text(folder / "report.html", page.html())
    write_timing(folder, sum(result.classification.seconds for result in results))
    lines = [f"{name}: {result.sentence}" for name, result in named]
    return Answer("\n".join(lines + ([judged["sentence"]] if judged else [])), summary)


def _judge(results: Sequence[CovidAssessment], labels: list[int]) -> dict[str, Any]:
    from dataclasses import asdict

    from medai.measures.diagnostics import auc, calibration, rates

    probability = [result.classification.covid_probability for result in results]
    at = rates(labels, probability, results[0].classification.threshold)
    judged: dict[str, Any] = {
        "studies": len(labels),
        "rates": asdict(at),
        "expected_calibration_error": calibration(labels, probability).ece,
    }
    area = ""
    if 0 < sum(labels) < len(labels):
        judged["auc"] = asdict(auc(labels, probability))
        area = ", AUC {value:.3f} ({low:.3f} to {high:.3f})".format(**judged["auc"])
    judged["sentence"] = (
        f"{len(labels)} studies: accuracy {at.accuracy.value:.3f} ({at.accuracy.low:.3f} to "
        f"{at.accuracy.high:.3f}){area}."
    )
    return judged


def _read_truth(path: Path, studies: list[Path]) -> list[int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImageReadError(f"Can't read the truth {path}: {error}.") from error
    if not rows or not {"study", "label"} <= set(rows[0]):
        raise InputError(f"{path} needs the columns study and label.")
    known = {row["study"]: row["label"] for row in rows}
    labels = []
    for study in studies:
        label = known.get(str(study), known.get(study.name))
        if label not in ("0", "1"):
            raise InputError(f"{path} has no label 0 or 1 for {study.name}, found {label!r}.")
        labels.append(int(label))
    return labels


def _read_date(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} is {text!r}, expected a date like 2026-01-31.") from None
