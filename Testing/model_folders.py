"""Model folders with random weights, made on the spot for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch

from medai import networks

CARD = """
id = "{id}"
name = "Test model {id}"
version = "1.0"
task = "{task}"
modality = "{modality}"
{sections}
[licence]
code = "Apache-2.0"
data = "made up"
weights = "Apache-2.0"
commercial_use = true
[training]
data = "nothing at all"
patients = 0
slices = 1
cost = "none"
[[performance]]
measured_on = "nothing"
measure = "Dice"
value = 0.1
low = 0.0
high = 0.2
n = 1
[maturity]
peer_review = "none"
dataset_size = "none"
complexity = "none"
clinical_use = "none"
[use]
intended = "tests"
limits = "random weights"
never_seen = "anything"
{more}
"""
SINGLE = """
[network]
name = "{network}"
arguments = {{ {arguments} }}
classes = [{classes}]
[input]
window = "{window}"
size = [{size}, {size}]
mean = {mean}
std = {std}
[weights]
file = "weights.pt"
sha256 = "{sha256}"
"""


def write_model(
    folder: Path,
    network: str,
    findings: tuple[str, ...],
    *,
    change: Callable[[torch.nn.Module], object] = lambda network: None,
    size: int = 64,
    task: str = "lesions",
    modality: str = "CT",
    window: str = "lung",
    more: str = "",
    **arguments: object,
) -> Path:
    """Write card and weights of a randomly initialised network into ``folder``; its name is the id.

    change: called with the network before it is saved. more: further lines of the card.
    """
    torch.manual_seed(1)
    made = getattr(networks, network)(**arguments)
    change(made)
    state = {k: v.half() if v.is_floating_point() else v for k, v in made.state_dict().items()}
    folder.mkdir(parents=True)
    torch.save(state, folder / "weights.pt")
    sections = SINGLE.format(
        network=network,
        arguments=", ".join(f"{k} = {_toml(v)}" for k, v in arguments.items()),
        classes=", ".join(_toml(name) for name in findings),
        window=window,
        size=size,
        mean=0.4,
        std=0.3,
        sha256=hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest(),
    )
    _write_card(folder, task, modality, sections, more)
    return folder


def card_text(
    model_id: str, task: str, modality: str, *, decision: str = "", **sections: object
) -> str:
    """A card's text. sections: what SINGLE leaves open. decision: lines of that section."""
    more = f"[decision]\n{decision}\n" if decision else ""
    single = SINGLE.format(**sections)
    return CARD.format(id=model_id, task=task, modality=modality, sections=single, more=more)


def write_ensemble(
    folder: Path, *members: str, task: str = "lesions", modality: str = "CT"
) -> Path:
    """Write the card of an ensemble of ``members``."""
    folder.mkdir(parents=True)
    names = ", ".join(_toml(member) for member in members)
    _write_card(folder, task, modality, f"[ensemble]\nmembers = [{names}]\n", "")
    return folder


def _write_card(folder: Path, task: str, modality: str, sections: str, more: str) -> None:
    card = CARD.format(id=folder.name, task=task, modality=modality, sections=sections, more=more)
    (folder / "card.toml").write_text(card, encoding="utf-8")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
