"""A trained classifier judged on pictures: confusion matrix, accuracy, each class's sensitivity."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import normalise
from medai.measures import diagnostics
from training.bootstrap import bootstrap
from training.classifier import PictureSettings
from training.export import network_weights
from training.fit import training_minutes
from training.judging import classifier_measures
from training.pictures import ClassifiedPicture, FramedPictures

_BATCH = 16
_RESAMPLES = 1000


def judge_network(
    network: nn.Module, settings: PictureSettings, pictures: Sequence[ClassifiedPicture]
) -> dict[str, Any]:
    """The best checkpoint of the run ``settings`` in ``network``, judged on ``pictures``.

    Two classes: ``judging.classifier_measures`` at 0.5. More: overall accuracy and the sensitivity
    of each class, the likeliest one called. Intervals resample patients. Beside: confusion matrix
    (rows truth, columns called), minutes of training, milliseconds a picture. Raises
    TrainingDataError where the run has no checkpoint.
    """
    checkpoint = settings.output / "best.ckpt"
    if not checkpoint.is_file():
        raise TrainingDataError(f"{settings.output} holds no best.ckpt: train first.")
    network.load_state_dict(network_weights(checkpoint))
    started = time.perf_counter()
    p = probabilities(network, settings, pictures)
    milliseconds = 1000 * (time.perf_counter() - started) / len(pictures)
    truth = np.array([picture.label for picture in pictures])
    groups = [picture.patient for picture in pictures]
    names = list(settings.classes)
    if len(names) == 2:
        called = (p[:, 1] >= 0.5).astype(int)
        measures = classifier_measures(truth, p[:, 1], groups, 0.5, resamples=_RESAMPLES)
    else:
        called = p.argmax(axis=1)
        measures = bootstrap(
            lambda chosen: class_sensitivities(truth[chosen], called[chosen], names),
            groups,
            resamples=_RESAMPLES,
        )
    matrix = diagnostics.confusion_matrix(truth.tolist(), called.tolist(), len(names))
    return {
        "n": len(pictures),
        "classes": names,
        "measures": {name: vars(value) for name, value in measures.items()},
        "confusion matrix": matrix.tolist(),
        "training_minutes": training_minutes(checkpoint),
        "milliseconds_per_picture": milliseconds,
    }


def class_sensitivities(
    truth: NDArray[np.int_], called: NDArray[np.int_], names: Sequence[str]
) -> dict[str, float]:
    """Overall accuracy, and of each class the share called right; nan for a class not there."""
    found = {"accuracy": float((truth == called).mean())}
    for label, name in enumerate(names):
        of_class = truth == label
        share = float((called[of_class] == label).mean()) if of_class.any() else float("nan")
        found[f"sensitivity, {name}"] = share
    return found


@torch.inference_mode()
def probabilities(
    network: nn.Module, settings: PictureSettings, pictures: Sequence[ClassifiedPicture]
) -> NDArray[np.float64]:
    """Probabilities (n, classes) of pictures, each seen once as validation sees it."""
    network.eval()
    framed = FramedPictures(pictures, (settings.size, settings.size))
    found = []
    for start in range(0, len(framed), _BATCH):
        numbers = range(start, min(start + _BATCH, len(framed)))
        images = torch.stack([framed[index][0].as_subclass(Tensor) for index in numbers]).float()
        logits = network(normalise(images, settings.mean, settings.std).expand(-1, 3, -1, -1))
        if logits.shape[1] == 1:
            disease = logits.sigmoid()
            found.append(torch.cat([1 - disease, disease], dim=1))
        else:
            found.append(logits.softmax(dim=1))
    return torch.cat(found).double().numpy()
