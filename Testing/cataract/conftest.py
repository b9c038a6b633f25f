"""A model whose network is plain arithmetic, so that every expected pixel is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.cataract.cards import grey_card

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
        path.write_text(grey_card("grey-levels", side), encoding="utf-8")
        return Model(read_card(path), GreyLevels())

    return make
