"""What each task does with one study: read, run, write; the same files as its own command's.

Only the scene file is left out: it takes longer than the rest and can be made from the others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medai.batch.outcome import StudyRequest

if TYPE_CHECKING:
    from medai.models import Model, ModelCard

# Task -> the task of the models it needs; None for none.
MODEL_TASKS = {"segment": "lesions", "classify": "covid", "cataract": "cataract", "agree": None}


def write_study(request: StudyRequest, folder: Path) -> None:
    """Run ``request`` and write its results into ``folder``, which exists.

    Raises the typed errors of reading, models and inference.
    """
    {
        "segment": _segment,
        "classify": _classify,
        "cataract": _cataract,
        "agree": _agree,
    }[request.task](request, folder)


def cards_of(request: StudyRequest) -> list[ModelCard]:
    """The cards of all models that a request uses. Raises as ModelStore.card."""
    from medai.models import ModelStore

    task = MODEL_TASKS[request.task]
    if task is None:
        return []
    store = ModelStore()
    cards = [store.card(_model_id(request, task))]
    if request.task == "classify":
        cards.append(store.recommended("lesions"))
    members = [m for card in cards if card.ensemble for m in card.ensemble.members]
    return cards + [store.card(member) for member in members]


def _segment(request: StudyRequest, folder: Path) -> None:
    from medai.images import read_volume
    from medai.inference import LesionOptions, segment_lesions
    from medai.reports.write import write_files

    lungs = request.options.get("lungs")
    options = LesionOptions(
        device=request.device, lungs=None if lungs is None else read_volume(Path(lungs))
    )
    volume = replace(
        read_volume(request.study, series=request.options.get("series")), name=request.name
    )
    write_files(segment_lesions(volume, _model(request, "lesions"), options), folder)


def _classify(request: StudyRequest, folder: Path) -> None:
    from medai.images import read_volume
    from medai.inference.covid.assess import assess_covid
    from medai.inference.covid.assessment import CovidChoices
    from medai.inference.covid.result import CovidOptions
    from medai.inference.covid.study import read_covid_study
    from medai.inference.lesions.result import LesionOptions
    from medai.reports.write import write_files

    said = request.options
    choices = CovidChoices(
        classification=CovidOptions(device=request.device),
        lesion_model=_loaded(_recommended("lesions"), "lesions"),
        lesions=LesionOptions(device=request.device),
        prior=read_volume(Path(said["prior"])) if "prior" in said else None,
        prior_date=_date(said.get("prior_date")),
        study_date=_date(said.get("date")),
    )
    study = read_covid_study(request.study, said.get("series"), names="aliases")
    write_files(assess_covid(study, _model(request, "covid"), choices), folder)


def _cataract(request: StudyRequest, folder: Path) -> None:
    from medai.images.oct_scans import parse_eye, read_eyes
    from medai.inference.cataract.mapping import map_cataract
    from medai.inference.cataract.result import CataractOptions
    from medai.reports.write import write_files

    scans = read_eyes([request.study], eye=parse_eye(request.options.get("eye")))
    options = CataractOptions(device=request.device)
    write_files(map_cataract(scans, _model(request, "cataract"), options), folder)


def _agree(request: StudyRequest, folder: Path) -> None:
    from medai.reports.folder_agreement import write_folder_agreement
    from medai.studies.rater_folder import open_rater_folder

    names = request.options.get("candidates", "").split(",")
    write_folder_agreement(
        open_rater_folder(request.study, label=request.options.get("label")),
        folder,
        candidates=[name.strip() for name in names if name.strip()],
    )


def _date(text: str | None):  # type: ignore[no-untyped-def]
    from datetime import date

    from medai.errors import InputError

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(f"Date {text!r} in the list: expected one like 2026-01-31.") from None


def _model(request: StudyRequest, task: str) -> Model:
    return _loaded(_model_id(request, task), task)


def _model_id(request: StudyRequest, task: str) -> str:
    return request.options.get("model") or _recommended(task)


def _recommended(task: str) -> str:
    from medai.models import ModelStore

    return ModelStore().recommended(task).id


@cache
def _loaded(model_id: str, task: str) -> Model:
    from medai.models import ModelStore

    return ModelStore().load(model_id, task=task)
