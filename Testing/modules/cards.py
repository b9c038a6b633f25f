"""Model cards for panels to show; no weights lie beside them."""

from __future__ import annotations

from pathlib import Path

from medai.models import ModelStore

_LESIONS = """
id = "{id}"
name = "{name}"
version = "1.0"
task = "{task}"
modality = "CT"
recommended = {recommended}
[network]
name = "lesion_mask_rcnn"
arguments = {{ backbone = "resnet18", truncation = 1, lesion_classes = 1 }}
classes = ["lesion"]
[input]
window = "lung"
size = [512, 512]
mean = 0.4
std = 0.3
[weights]
file = "weights.pt"
sha256 = "{sha256}"
[licence]
code = "Apache-2.0"
data = "Non-commercial use only"
weights = "Non-commercial use only"
commercial_use = false
[training]
data = "40 slices of one collection"
patients = 40
slices = 40
cost = "2 CPU cores, 1 h"
[[performance]]
measured_on = "10 held-out slices"
measure = "Dice"
value = 0.6
low = 0.5
high = 0.7
n = 10
[maturity]
peer_review = "none"
dataset_size = "40 slices: far too few"
complexity = "light Mask R-CNN, 6.1 M parameters"
clinical_use = "none"
[use]
intended = "Research on lesions"
limits = "Few training slices"
never_seen = "children"
[decision]
score_threshold = {score_threshold}
mask_threshold = 0.5
"""


def store_with(folder: Path, *models: dict) -> ModelStore:
    """A store of lesion models that have cards alone; each dict overrides parts of the card."""
    for model in models:
        values = {
            "name": model["id"].title(),
            "task": "lesions",
            "recommended": "false",
            "sha256": 64 * "0",
            "score_threshold": 0.6,
            **model,
        }
        (folder / model["id"]).mkdir(parents=True)
        text = _LESIONS.format(**values).strip()
        (folder / model["id"] / "card.toml").write_text(text + "\n", encoding="utf-8")
    return ModelStore([folder])
