"""Every task, declared once: its names, and where each of its parts lives.

The command line, the batch, the worker process, the reports, the scene and the demo ask here what
there is. Parts are named as ``"module:attribute"`` and imported only when used, so that neither a
window nor ``--help`` loads a network. A new task is an entry in ``TASKS`` beside its own files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from medai.errors import InputError


@dataclass(frozen=True)
class Task:
    """One thing MedAI does with a study.

    name: of the task in model cards, results and messages. command: of the command line; the file
    ``medai.commands.<command>`` has a function of that name, and ``medai batch`` takes it as
    ``--task``. title: heading of its report.

    Parts, each ``"module:attribute"``:
        read: (path, cells of a row of a study list, its name, device) -> (study, options).
        run: (study, model or None, options, progress, cancelled) -> result, which has ``sentence``
            and ``notes``.
        write: (result, folder that exists) -> None. summary: result -> plain data, which ``write``
            puts into ``summary_file``.
        results: the ``tables.Table`` of its lines in a batch's results.csv, made from a summary.
        show: (result, volume node) -> nodes, or the steps that return them; "" for results that no
            one volume belongs to.
        demonstrate: what ``medai demo`` runs; its file's name is the name of the demo's folder; ""
            for a task that isn't in the demo.

    result_types: the classes that ``write`` and ``show`` take.
    message_types: module -> the classes in it, with spaces, that travel to the worker process and
        back; images' and cards' own are known. Nothing else may be named there.
    needs_model: whether ``run`` takes a model whose card is for this task.
    option_models: option that names another model -> the task that model is for.
    list_columns: what a row of a study list may say beyond study and name; path_columns: those of
        them that are files or folders.
    page: of Resources/Documentation, which the command's help names.
    """

    name: str
    command: str
    title: str
    read: str
    run: str
    write: str
    summary: str
    summary_file: str
    results: str
    result_types: tuple[str, ...]
    demonstrate: str = ""
    show: str = ""
    message_types: Mapping[str, str] = field(default_factory=dict)
    needs_model: bool = True
    option_models: Mapping[str, str] = field(default_factory=dict)
    list_columns: tuple[str, ...] = ()
    path_columns: tuple[str, ...] = ()
    page: str = "troubleshooting.md"


TASKS = (
    Task(
        name="lesions",
        command="segment",
        page="lesion-segmentation.md",
        title="Lesions on chest CT",
        read="medai.inference.lesions.study:read_row",
        run="medai.inference.lesions.segmentation:segment_lesions",
        result_types=("medai.inference.lesions.result:LesionResult",),
        write="medai.reports.lesions:write_lesions",
        summary="medai.reports.lesions:summary_of",
        summary_file="summary.json",
        results="medai.inference.lesions.tables:RESULTS",
        show="medai.scene.lesions:lesions_in_steps",
        message_types={
            "medai.inference.lesions.result": "LesionOptions LesionResult RoiTable",
            "medai.measures.correction": "Correction",
            "medai.measures.lesions": "Lesion LesionBurden",
        },
        demonstrate="medai.commands.demonstrations.lesions:demonstrate",
        list_columns=("model", "lungs", "series"),
        path_columns=("lungs",),
    ),
    Task(
        name="measure",
        command="measure",
        page="lesion-segmentation.md",
        title="Lesions on chest CT",
        read="medai.inference.lesions.given_masks:read_row",
        run="medai.inference.lesions.given_masks:measure_given",
        # Its result is a LesionResult, which the task above writes and shows.
        result_types=(),
        write="medai.reports.lesions:write_lesions",
        summary="medai.reports.lesions:summary_of",
        summary_file="summary.json",
        results="medai.inference.lesions.tables:RESULTS",
        needs_model=False,
        list_columns=("lesions", "lungs", "series"),
        path_columns=("lesions", "lungs"),
    ),
    Task(
        name="covid",
        command="classify",
        page="covid-classification.md",
        title="COVID-19 on chest CT",
        read="medai.inference.covid.study:read_row",
        run="medai.inference.covid.assess:assess_covid",
        result_types=("medai.inference.covid.assessment:CovidAssessment",),
        write="medai.reports.covid:write_covid",
        summary="medai.reports.covid:summary_of",
        summary_file="classification.json",
        results="medai.inference.covid.tables:RESULTS",
        show="medai.scene.covid:covid_in_steps",
        message_types={
            "medai.inference.covid.assessment": "CovidAssessment CovidChoices",
            "medai.inference.covid.result": "CovidOptions CovidResult RankedRegions SliceScores",
            "medai.measures.follow_up": "FollowUp",
            "medai.measures.severity": "Severity",
        },
        demonstrate="medai.commands.demonstrations.covid:demonstrate",
        option_models={"lesion_model": "lesions"},
        list_columns=("model", "series", "prior", "prior_date", "date"),
        path_columns=("prior",),
    ),
    Task(
        name="cataract",
        command="cataract",
        page="cataract.md",
        title="Cataract on anterior-segment OCT",
        read="medai.inference.cataract.study:read_row",
        run="medai.inference.cataract.mapping:map_cataract",
        result_types=("medai.inference.cataract.result:CataractResult",),
        write="medai.reports.cataract:write_cataract",
        summary="medai.reports.cataract:summary_of",
        summary_file="cataract.json",
        results="medai.inference.cataract.tables:RESULTS",
        show="medai.scene.cataract:show_cataract",
        message_types={
            "medai.inference.cataract.result": "CataractOptions CataractResult EyeMap",
            "medai.measures.cataract": "EyeMeasure ScanMeasure",
            "medai.measures.correction": "EyeCorrection",
            "medai.measures.lens_depth": "DepthProfile",
        },
        demonstrate="medai.commands.demonstrations.cataract:demonstrate",
        list_columns=("model", "eye"),
    ),
    Task(
        name="xray",
        command="xray",
        page="chest-xray.md",
        title="Chest X-ray",
        read="medai.inference.xray.assessment:read_row",
        run="medai.inference.xray.assessment:assess_radiographs",
        result_types=("medai.inference.xray.result:XrayResult",),
        write="medai.reports.xray:write_xray",
        summary="medai.reports.xray:summary_of",
        summary_file="xray.json",
        results="medai.inference.xray.tables:RESULTS",
        show="medai.scene.xray:show_xray",
        message_types={
            "medai.inference.xray.result": "Film XrayOptions XrayResult",
            "medai.measures.radiograph": "RadiographMeasure SideMeasure",
            "medai.measures.zone_scores": "SixZoneScore",
        },
        demonstrate="medai.commands.demonstrations.xray:demonstrate",
        list_columns=("model", "reader"),
    ),
    Task(
        name="agreement",
        command="agree",
        page="agreement.md",
        title="Agreement of raters",
        read="medai.reports.agreement_task:read_row",
        run="medai.reports.agreement_task:measure",
        result_types=(
            "medai.reports.rater_agreement:RaterAgreement",
            "medai.agreement.cohort:CohortResult",
            "medai.agreement.scores:ScoresResult",
        ),
        write="medai.reports.agreement_task:write",
        summary="medai.reports.agreement_task:summary",
        summary_file="agreement.json",
        results="medai.agreement.results_table:RESULTS",
        demonstrate="medai.commands.demonstrations.raters:demonstrate",
        needs_model=False,
        list_columns=("label", "candidates", "level", "categories"),
    ),
    Task(
        name="prognosis",
        command="prognosis",
        page="prognosis.md",
        title="Clinical scores",
        read="medai.prognosis.assessment:read_row",
        run="medai.prognosis.assessment:assess_prognosis",
        result_types=("medai.prognosis.assessment:PrognosisResult",),
        write="medai.reports.prognosis:write_prognosis",
        summary="medai.reports.prognosis:summary_of",
        summary_file="prognosis.json",
        results="medai.prognosis.tables:RESULTS",
        demonstrate="medai.commands.demonstrations.prognosis:demonstrate",
        needs_model=False,
        list_columns=("ct", "xray"),
        path_columns=("ct", "xray"),
    ),
)


def task_named(name: str) -> Task:
    """The task of this name. Raises InputError when there is none."""
    return _found(name, {task.name: task for task in TASKS})


def task_of_command(command: str) -> Task:
    """The task that a command runs. Raises InputError when there is none."""
    return _found(command, {task.command: task for task in TASKS})


def task_of_result(result: object) -> Task | None:
    """The task whose result this is; None for any other object."""
    kind = f"{type(result).__module__}:{type(result).__qualname__}"
    return next((task for task in TASKS if kind in task.result_types), None)


def part(reference: str) -> Any:
    """Import what ``"module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def with_models(task: Task, options: Any, load: Callable[[str, str], Any]) -> Any:
    """The options with each model that they name by its id loaded by ``load(id, its task)``."""
    for name, model_task in task.option_models.items():
        named = getattr(options, name)
        if isinstance(named, str):
            options = replace(options, **{name: load(named, model_task)})
    return options


def _found(word: str, known: Mapping[str, Task]) -> Task:
    if word not in known:
        raise InputError(f"Task {word!r} is unknown, expected one of {', '.join(known)}.")
    return known[word]
