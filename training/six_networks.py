"""The six networks of S4 from random initialisation, under one recipe, judged side by side.

``python -m training.six_networks --config training/configs/covid_six.toml`` trains one after the
other (each run can be stopped and continued) and writes what their best checkpoints reach on the
validation part to ``training/results/covid_six.json``, which ``training.tables shah`` prints.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from medai.output import write_text
from training.classifier import ClassifierSettings, network_of, split_pictures, train
from training.command import run_trainer
from training.export import network_weights
from training.judge_pictures import probabilities
from training.judging import classifier_measures
from training.tables import RESULTS

# Cheapest first, so that the first figures are there soon.
NETWORKS = ("ctnet10", "resnet50", "inception_v3", "densenet169", "vgg16", "vgg19")


def train_all(settings: ClassifierSettings, results: Path = RESULTS) -> Path:
    """Train and judge the six networks; ``results`` is written after each, whole."""
    measured = {}
    for name in NETWORKS:
        own = replace(settings, network=name, output=settings.output / name)
        last = own.output / "last.ckpt"
        done = last.exists() and _epochs(last) >= own.epochs
        best = own.output / "best.ckpt" if done else train(own)
        measured[name] = judge(own, best)
        text = json.dumps(
            {
                "measured_on": f"{settings.validation.parent.name}'s {settings.validation.name} "
                "part, on which the checkpoint was chosen",
                "recipe": f"random initialisation, {settings.size} px, {settings.total_steps} "
                f"steps of {settings.batch_size}",
                "networks": measured,
            },
            indent=1,
        )
        write_text(results, text + "\n", overwrite=True)
    return results


@torch.inference_mode()
def judge(settings: ClassifierSettings, checkpoint: Path) -> dict[str, dict[str, float]]:
    """Accuracy, AUC and the like of a checkpoint on the validation part, with intervals."""
    _, kept = split_pictures(settings)
    network = network_of(settings)
    network.load_state_dict(network_weights(checkpoint))
    p = probabilities(network, settings, kept)[:, 1]
    truth = np.array([picture.label for picture in kept])
    groups = [picture.patient for picture in kept]
    measures = classifier_measures(truth, p, groups, 0.5)
    return {name: vars(value) for name, value in measures.items()}


def _epochs(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["epoch"]) + 1


if __name__ == "__main__":
    run_trainer(ClassifierSettings, train_all)
