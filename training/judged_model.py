"""The network of a run as the model that users' code runs, so that it is judged by that code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch

from medai import networks
from medai.errors import TrainingDataError
from medai.models import Model, ModelCard
from medai.models.card import (
    InputSection,
    LicenceSection,
    MaturitySection,
    NetworkSection,
    TrainingSection,
    UseSection,
)
from training.export import network_weights

_UNSAID = "not said: a run being judged"


class RunLike(Protocol):
    """What is needed of a run's settings."""

    output: Path
    size: int
    mean: float
    std: float


def model_of_run(
    run: RunLike, task: str, network: str, arguments: dict[str, Any], classes: tuple[str, ...]
) -> Model:
    """The best checkpoint of ``run`` in the network ``medai.networks.<network>(**arguments)``.

    Raises TrainingDataError where the run has no checkpoint, or another network's.
    """
    checkpoint = run.output / "best.ckpt"
    if not checkpoint.is_file():
        raise TrainingDataError(f"{run.output} holds no best.ckpt: train first.")
    made = getattr(networks, network)(**arguments)
    try:
        made.load_state_dict(network_weights(checkpoint))
    except RuntimeError:
        raise TrainingDataError(
            f"{checkpoint} does not fit the network of this configuration."
        ) from None
    card = ModelCard(
        id="run",
        name=run.output.name,
        version="0",
        task=task,
        modality="OPT" if task == "cataract" else "CT",
        licence=LicenceSection(_UNSAID, _UNSAID, _UNSAID, False),
        training=TrainingSection(_UNSAID, 0, 1, _UNSAID),
        performance=(),
        maturity=MaturitySection(_UNSAID, _UNSAID, _UNSAID, _UNSAID),
        use=UseSection(_UNSAID, _UNSAID, _UNSAID),
        network=NetworkSection(network, arguments, classes),
        input=InputSection("none", (run.size, run.size), run.mean, run.std),
    )
    with torch.no_grad():
        return Model(card, made.eval().requires_grad_(False))
