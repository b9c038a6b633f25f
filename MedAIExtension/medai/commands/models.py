"""``medai models``: which networks there are, what their cards say, adding and importing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_text
from medai.commands.options import JsonOption
from medai.reports.json_text import json_text

app = typer.Typer(help="List, show, verify, add and import models.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models: id, task, fitness and one line of each card; a star: recommended."""
    from medai.models import ModelStore
    from medai.models.fitness import DEMONSTRATION
    from medai.models.store import own_models_folder

    cards = ModelStore().cards()
    lines = [
        f"{card.id:<24} {card.task:<9} {card.fitness or DEMONSTRATION:<13} "
        f"{'★' if card.recommended else ' '} {card.summary}"
        for card in cards
    ]
    summary = {
        "models": [
            {
                "id": card.id,
                "task": card.task,
                "fitness": card.fitness or DEMONSTRATION,
                "recommended": card.recommended,
                "summary": card.summary,
            }
            for card in cards
        ],
        "own_models_folder": str(own_models_folder()),
    }
    lines.append(f"Models of your own are kept in {own_models_folder()}.")
    print_answer("\n".join(lines), summary, as_json=as_json)


@app.command("show")
def show_model(
    model_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the model.")],
    as_json: JsonOption = False,
) -> None:
    """Show a model's whole card."""
    from medai.models import ModelStore

    store = ModelStore()
    card = store.card(model_id)
    if as_json:
        print_text(json_text(asdict(card)))
    else:
        print_text((store.folder(model_id) / "card.toml").read_text(encoding="utf-8").strip())


@app.command("accept")
def accept_model(
    model_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the model.")],
    as_json: JsonOption = False,
) -> None:
    """Record that you have read and accept a model's terms (see medai models show)."""
    from medai.models import ModelStore
    from medai.models.terms import FREE, acceptance_of, record_acceptance, record_file

    card = ModelStore().card(model_id)
    sentence = f"{card.id} has no restrictions to accept."
    if acceptance_of(card) != FREE:
        record_acceptance(card)
        sentence = (
            f"Recorded in {record_file()}: you accept the terms of {card.id} (weights: "
            f"{card.licence.weights}; data: {card.licence.data}; code: {card.licence.code})."
        )
    print_answer(sentence, {"id": card.id, "state": acceptance_of(card)}, as_json=as_json)


@app.command("verify")
def verify_models(as_json: JsonOption = False) -> None:
    """Check every model's weights against its card; the first that differs is an error."""
    from medai.models import ModelStore

    store = ModelStore()
    verified = [card.id for card in store.cards()]
    for model_id in verified:
        store.verify(model_id)
    print_answer(
        f"{len(verified)} models verified: {', '.join(verified) or 'none'}.",
        {"verified": verified},
        as_json=as_json,
    )


@app.command("add")
def add_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The weights: a state dict (.pt).")],
    card: Annotated[
        Path | None,
        typer.Option("--card", help="The model's card; default: card.toml beside the weights."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add your own model: its weights and card are checked, then copied to your MedAI folder."""
    from medai.models import ModelStore

    added = ModelStore().add(file, card if card is not None else file.parent / "card.toml")
    print_answer(
        f"Added {added.id}: {added.summary}", {"id": added.id, "task": added.task}, as_json=as_json
    )


@app.command("import")
def import_model(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A checkpoint that others trained (.pth, .pt).")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--as", help="What it is: lesion_mask_rcnn, covid_mask_net, unet or classifier."
        ),
    ],
    model_id: Annotated[str, typer.Option("--id", help="Id of the new model.")],
    licence: Annotated[
        str, typer.Option("--licence", help="License of the weights, as their authors state it.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder that the model folder is written into.")
    ],
    backbone: Annotated[
        str,
        typer.Option(
            "--backbone",
            help="resnet18, resnet34, resnet50; of a classifier its network: vgg16, vgg19, "
            "resnet50, densenet169, inception_v3, ctnet10.",
        ),
    ] = "resnet18",
    truncation: Annotated[
        int, typer.Option("--truncation", help="Blocks removed from the backbone: 0, 1 or 2.")
    ] = 1,
    classes: Annotated[
        str,
        typer.Option("--classes", help="Findings in the order of the outputs, with commas."),
    ] = "",
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            help="How it is fed. Region networks: code (as their published code does, default) or "
            "paper; classifiers: imagenet (default) or `grey`.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Pixels on a side of the input.")
    ] = None,
    mean: Annotated[
        float, typer.Option("--mean", help="Of gray/255, where the encoding leaves it open.")
    ] = 0.0,
    std: Annotated[
        float, typer.Option("--std", help="Of gray/255, where the encoding leaves it open.")
    ] = 1.0,
    source: Annotated[
        str, typer.Option("--source", help="Where the file comes from, for the card.")
    ] = "not stated",
    as_json: JsonOption = False,
) -> None:
    """Make a model folder of somebody else's checkpoint; its card says that it was not judged."""
    from medai.models.imported import ImportRequest, import_checkpoint

    request = ImportRequest(
        kind=kind,
        model_id=model_id,
        licence=licence,
        backbone=backbone,
        truncation=truncation,
        classes=tuple(name.strip() for name in classes.split(",") if name.strip()),
        encoding=encoding,
        size=size,
        mean=mean,
        std=std,
        source=source,
    )
    card, folder = import_checkpoint(file, request, output)
    print_answer(
        f"Imported {card.id} for {card.task} into {folder}. It was not judged: see its card.",
        {"id": card.id, "task": card.task, "folder": str(folder), "fitness": "unknown"},
        as_json=as_json,
    )
