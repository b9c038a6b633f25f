"""A small film and the result that a perfect model would give for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from medai.images.volume import Volume
from medai.inference.xray.result import Film, XrayOptions, XrayResult
from medai.measures.radiograph import measure_radiograph, six_zones
from medai.measures.zone_scores import six_zone_score
from medai.models import ModelCard, ModelStore
from medai.phantoms import chest_ct
from medai.phantoms.chest_radiograph import RadiographPhantom, project_chest

_CARD = """
id = "films"
name = "Films"
version = "1.0"
task = "xray"
modality = "DX"
fitness = "demonstration"
[network]
name = "radiograph_net"
arguments = { encoder = "lite0" }
classes = ["clear lung", "ground-glass opacity", "consolidation"]
[input]
window = "none"
size = [64, 64]
mean = 0.5
std = 0.3
[weights]
file = "weights.pt"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[licence]
code = "Apache-2.0"
data = "none"
weights = "none"
commercial_use = true
[training]
data = "nothing"
patients = 0
slices = 1
cost = "none"
[[performance]]
measured_on = "one film"
measure = "Dice"
value = 0.5
low = 0.4
high = 0.6
n = 1
[maturity]
peer_review = "low"
dataset_size = "low"
complexity = "low"
clinical_use = "low"
[use]
intended = "Tests."
limits = "Made up."
never_seen = "a film."
"""


def store_of_films(folder: Path) -> ModelStore:
    """A store with one radiograph model that has a card alone."""
    (folder / "films").mkdir(parents=True)
    (folder / "films" / "card.toml").write_text(_CARD.strip() + "\n", encoding="utf-8")
    return ModelStore([folder])


@cache
def small_film() -> RadiographPhantom:
    """A projected chest with opacities, 160 pixels across."""
    return project_chest(chest_ct((44, 40, 56), (6.6, 6.6, 6.6), seed=4), picture_px=160)


def truth_result(films: tuple[Volume, ...], card: ModelCard, options: XrayOptions) -> XrayResult:
    """The result of a model that knows the truth of the small film: each zone scored 1."""
    truth = small_film()
    zones = six_zones(truth.lungs)
    (film,) = films
    found = Film(
        volume=film,
        lungs=truth.lungs[None],
        opacities=truth.opacities[None],
        zones=zones[None],
        probability=(truth.opacities > 0).astype(np.float16)[None],
        measure=measure_radiograph(truth.lungs, truth.opacities, zones),
        score=six_zone_score(np.tile([0.1, 0.8, 0.1, 0.0], (6, 1))),
        reader=options.readers.get(0),
    )
    return XrayResult((found,), card, options, "cpu", 0.5, ("About the model: phantoms only.",))
