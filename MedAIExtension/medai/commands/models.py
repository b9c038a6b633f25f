"""``medai models``: which networks there are, what their cards say, and adding one's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer
from medai.commands.options import JsonOption
from medai.reports.json_text import json_text

app = typer.Typer(help="List, show, verify and add models.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models: id, task, fitness and one line of each card; a star: recommended."""
    from medai.models import ModelStore
    from medai.models.fitness import DEMONSTRATION

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
        ]
    }
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
        print(json_text(asdict(card)))
    else:
        print((store.folder(model_id) / "card.toml").read_text(encoding="utf-8").strip())


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
