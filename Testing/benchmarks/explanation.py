"""Does the explanation point at a lesion? 50 synthetic chests, whose lesions are known.

``python -m Testing.benchmarks.explanation [MODEL_ID …] [--models FOLDER] [--count 50]``; without
ids every shipped classifier. A hit: the highest value of the study's map (Grad-CAM, or the score
map of a COVID-CT-Mask-Net) lies on a voxel of a true lesion. The id of a lesion Mask R-CNN stands
for the COVID-CT-Mask-Net on top of it before its classifier is trained.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from medai.inference.covid.classification import classify_covid
from medai.measures.diagnostics import wilson
from medai.models import Model, ModelStore
from medai.networks import LesionMaskRCNN, covid_mask_net
from medai.phantoms import ChestPhantom
from Testing.ill_chests import SPACING_MM, drawn_chest

FIRST_SEED = 1000
COUNT = 50
TARGET = 0.9


def classifier_of(model: Model) -> Model:
    """The model; a lesion network as a Mask-Net's region part."""
    if not isinstance(model.network, LesionMaskRCNN):
        return model
    named = model.card.network
    assert named is not None
    network = covid_mask_net(**named.arguments, classes=2).eval()
    network.copy_segmentation_weights(model.network.state_dict())
    classes = ("no COVID-19", "COVID-19")
    card = replace(model.card, task="covid", network=replace(named, classes=classes))
    return Model(card, network)


def miss_words(phantom: ChestPhantom, where: tuple[int, int, int]) -> str:
    """Where a maximum lies that is on no lesion: how far from one, how deep in the lung, its HU."""
    k, row, column = where
    lesions, lungs = phantom.lesions[k] > 0, phantom.lungs[k] > 0
    pixel_mm = SPACING_MM[1]
    far = "no lesion in the slice"
    if lesions.any():
        far = f"{pixel_mm * ndimage.distance_transform_edt(~lesions)[row, column]:.0f} mm off"
    depth = pixel_mm * ndimage.distance_transform_edt(lungs)[row, column]
    inside = f"{depth:.0f} mm below the pleura" if depth else "outside the lungs"
    return f"slice {k}, row {row}, column {column}: {far}, {inside}, " + (
        f"{phantom.volume.array[where]} HU"
    )


def measure(model: Model, count: int) -> None:
    """Print the share of hits with its interval, and every miss."""
    classifier = classifier_of(model)
    hits, misses = 0, []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        phantom = drawn_chest(seed)
        result = classify_covid(phantom.volume, classifier)
        why = result.explanation[0]
        where = tuple(int(n) for n in np.unravel_index(np.argmax(why), why.shape))
        if phantom.lesions[where] and why[where] > 0:
            hits += 1
        else:
            misses.append(f"  {seed}: {miss_words(phantom, where)}")
    share = wilson(hits, count)
    verdict = "met" if share.value >= TARGET else "MISSED"
    print(
        f"{model.card.id}: maximum of the {result.explanation_kind} on a lesion in {hits} of "
        f"{count} phantoms, {share.value:.2f} ({share.low:.2f} to {share.high:.2f}); target "
        f"{TARGET} {verdict}",
        *misses,
        sep="\n",
        flush=True,
    )


def main(ids: list[str] | None = None, folder: Path | None = None, count: int = COUNT) -> None:
    """Measure each model in turn."""
    store = ModelStore() if folder is None else ModelStore([folder])
    for model_id in ids or [card.id for card in store.cards("covid")]:
        measure(store.load(model_id), count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="MODEL_ID")
    parser.add_argument("--models", type=Path, help="folder of model folders, instead of the store")
    parser.add_argument("--count", type=int, default=COUNT)
    given = parser.parse_args(sys.argv[1:])
    main(given.ids, given.models, given.count)
