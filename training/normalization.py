"""The mean and the standard deviation that a network's pictures are normalised by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from medai.errors import TrainingDataError

GIVEN, TRAINING_SET = "given", "training set"
Settings = TypeVar("Settings", bound=Any)


@dataclass(frozen=True)
class Normalization:
    """Grey values 0..1 become (value − mean) / std."""

    mean: float
    std: float


def global_statistics(images: Iterable[NDArray[np.uint8]]) -> Normalization:
    """Mean and standard deviation of grey/255 over every pixel of ``images`` (y, x), uint8.

    Raises TrainingDataError where all pixels are equal.
    """
    counts = np.zeros(256)
    for image in images:
        counts += np.bincount(image.ravel(), minlength=256)
    grey = np.arange(256) / 255.0
    mean = float(counts @ grey / counts.sum())
    std = math.sqrt(float(counts @ (grey - mean) ** 2 / counts.sum()))
    if std == 0.0:
        raise TrainingDataError(
            f"Every pixel of the training pictures is {255 * mean:g}, expected different greys."
        )
    return Normalization(mean, std)


def with_statistics(settings: Settings, images: Iterable[NDArray[np.uint8]]) -> Settings:
    """``settings`` with the ``mean`` and ``std`` that their ``normalization`` asks for.

    "given": as they are. "training set": those of ``images``, the training pictures (S2:
    "subtraction of the global mean and division by the global standard deviation").
    """
    if settings.normalization == GIVEN:
        return settings
    if settings.normalization != TRAINING_SET:
        raise TrainingDataError(
            f"normalization = {settings.normalization!r}, expected {GIVEN} or {TRAINING_SET}."
        )
    found = global_statistics(images)
    return dataclasses.replace(settings, mean=found.mean, std=found.std, normalization=GIVEN)
