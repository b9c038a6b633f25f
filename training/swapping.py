"""The swap test: does a classifier look at lungs, or at what lies around them?

What lies outside the lungs of a picture is exchanged with that of a picture of the other class. A
classifier of lungs keeps its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from medai.inference.covid.result import COVID_CLASS
from medai.inference.covid.slice_classifier import SliceClassifier
from medai.inference.running.letterbox import Frame, normalise
from medai.models import Model, ModelStore
from medai.networks import LungClassifier
from training.bootstrap import bootstrap
from training.pictures import ClassifiedPicture

# The lungs of every model's pictures are those that this model finds, so that models compare.
LUNG_MODEL = "covid-lungs"
# A picture with less lung than this share tells nothing.
_LEAST_LUNG_SHARE = 0.05


class LungFinder:
    """Lung masks of grey pictures by the U-Net inside a lung classifier."""

    def __init__(self, model: Model) -> None:
        assert isinstance(model.network, LungClassifier) and model.card.input is not None
        self._network, self._input = model.network, model.card.input

    @torch.inference_mode()
    def find(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Lungs (y, x) of a picture (y, x) uint8."""
        size = self._input.size
        frame = Frame.fit(image.shape, (size[0], size[1]))
        grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None])
        mask = self._network.lung_mask(normalise(grey, self._input.mean, self._input.std))
        return frame.back(mask)[0, 0].numpy() >= 0.5


def swapped(
    image: NDArray[np.uint8],
    lungs: NDArray[np.bool_],
    other: NDArray[np.uint8],
    other_lungs: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """``image`` inside ``lungs``, and outside them ``other``, resized to it, its lungs blanked.

    All (y, x). Where the other picture shows lung outside ``lungs``, the mean grey of what it
    shows outside its lungs stands.
    """
    shape = image.shape
    around = _resized(other, shape)
    inside = _resized(255 * other_lungs.astype(np.uint8), shape) >= 128
    outside = around[~inside]
    blank = np.uint8(outside.mean()) if outside.size else np.uint8(0)
    return np.where(lungs, image, np.where(inside, blank, around))


def judge_swaps(
    model: Model,
    pictures: Sequence[ClassifiedPicture],
    *,
    device: str = "auto",
    pairs: int = 100,
    seed: int = 0,
    finder: LungFinder | None = None,
) -> dict[str, Any]:
    """Median change of p(COVID-19) when what lies outside the lungs is exchanged.

    pairs: how many pictures are tried, drawn evenly from both classes. Intervals resample
    patients.
    """
    finder = finder or LungFinder(ModelStore().load(LUNG_MODEL, task="covid"))
    rng = np.random.default_rng(seed)
    chosen = [
        picture
        for label in (0, 1)
        for picture in _drawn(rng, [p for p in pictures if p.label == label], pairs // 2)
    ]
    lungs = [finder.find(picture.image) for picture in chosen]
    usable = [i for i, mask in enumerate(lungs) if mask.mean() >= _LEAST_LUNG_SHARE]
    classifier = SliceClassifier(model, device, None)
    column = classifier.classes.index(COVID_CLASS)

    def probability(image: NDArray[np.uint8]) -> float:
        p, _ = classifier.run(image[None], (1.0, 1.0))
        return float(p[0, column])

    shifts, groups = [], []
    for i in usable:
        others = [j for j in usable if chosen[j].label != chosen[i].label]
        if not others:
            continue
        j = int(rng.choice(others))
        changed = swapped(chosen[i].image, lungs[i], chosen[j].image, lungs[j])
        shifts.append(abs(probability(changed) - probability(chosen[i].image)))
        groups.append(chosen[i].patient)
    values = np.array(shifts)

    def median(drawn: NDArray[np.intp]) -> dict[str, float]:
        return {"median change of p(COVID-19)": float(np.median(values[drawn]))}

    measures = bootstrap(median, groups)
    return {
        "n": len(values),
        "without lungs": len(chosen) - len(usable),
        "measures": {name: vars(value) for name, value in measures.items()},
        "largest change": float(values.max()),
    }


def _drawn(
    rng: np.random.Generator, pictures: list[ClassifiedPicture], count: int
) -> list[ClassifiedPicture]:
    order = rng.permutation(len(pictures))[:count]
    return [pictures[i] for i in order]


def _resized(image: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    maps = torch.from_numpy(np.ascontiguousarray(image))[None, None].float()
    grown = F.interpolate(maps, shape, mode="bilinear", align_corners=False)
    return grown[0, 0].round().to(torch.uint8).numpy()
