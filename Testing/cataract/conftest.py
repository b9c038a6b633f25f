"""A model whose network is plain arithmetic, so that every expected pixel is known."""

from __future__ import annotations

from pathlib import Path

import pytest

CARD = """
id = "grey-levels"
name = "Grey levels"
version = "1.0"
task = "cataract"
modality = "OPT"
[network]
name = "unet"
arguments = { width = 4, classes = 3 }
classes = ["normal lens", "cataract"]
[input]
window = "none"
size = [SIDE, SIDE]
mean = 0.0
std = 1.0
[weights]
file = "weights.pt"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[licence]
code = "Apache-2.0"
data = "none"
weights = "Apache-2.0"
commercial_use = true
[training]
data = "nothing, a test"
patients = 0
slices = 1
cost = "none"
[[performance]]
measured_on = "nothing"
measure = "AUC"
value = 0.5
low = 0.4
high = 0.6
n = 1
[maturity]
peer_review = "none"
dataset_size = "none"
complexity = "none"
clinical_use = "none"
[use]
intended = "Tests."
limits = "It only knows grey levels."
never_seen = "anything."
[decision]
threshold = 0.2
"""

LENS_GREY, CATARACT_GREY = 120, 240


@pytest.fixture
def grey_model(tmp_path: Path):
    """``grey_model(side)``: grey 0 is background, 120 lens, 240 cataract; sees 1100 px as side."""
    import torch
    from torch import nn

    from medai.models import Model, read_card

    class GreyLevels(nn.Module):
        in_channels = 1

        def __init__(self) -> None:
            super().__init__()
            self.levels = nn.Parameter(torch.tensor([0.0, LENS_GREY, CATARACT_GREY]) / 255)

        def forward(self, x):
            return -80 * (x - self.levels.view(1, 3, 1, 1)).abs()

    def make(side: int = 550) -> Model:
        path = tmp_path / f"card-{side}.toml"
        path.write_text(CARD.replace("SIDE", str(side)), encoding="utf-8")
        return Model(read_card(path), GreyLevels())

    return make
