"""Eight views of a picture: all different, each turned back to where it came from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medai.errors import ModelCardError
from medai.inference.running.flips import turned, turned_back
from medai.models import ModelStore
from Testing.model_folders import write_model
from training.judging import find_lesions


def test_the_eight_views_are_all_there_is_and_turn_back() -> None:
    picture = torch.arange(12.0).reshape(1, 1, 3, 4)
    views = [turned(picture, view) for view in range(8)]
    assert len({(tuple(v.shape), tuple(v.flatten().tolist())) for v in views}) == 8
    for view in range(8):
        assert torch.equal(turned_back(views[view], view), picture)


def answers(folder, image, views: str) -> np.ndarray:
    card = folder / "card.toml"
    text = card.read_text().replace("std = 0.3\n", f"std = 0.3\nviews = {views}\n")
    card.write_text(text)
    model = ModelStore((folder.parent,)).load(folder.name, task="lesions")
    return find_lesions(model, image, "cpu").probability.astype(float)


def test_a_unets_answers_to_its_views_are_averaged(tmp_path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)

    def model(name: str):
        def sure(network: torch.nn.Module) -> None:
            network.outc.conv.weight.data *= 50

        return write_model(tmp_path / name, "unet", ("lesion",), classes=2, width=4, change=sure)

    plain = answers(model("plain"), image, "[0]")
    turned_picture = np.ascontiguousarray(turned(torch.from_numpy(image), 5).numpy())
    other = answers(model("other"), turned_picture, "[0]")
    other = turned_back(torch.from_numpy(other), 5).numpy()
    both = answers(model("both"), image, "[0, 5]")
    assert np.abs(plain - other).max() > 0.1
    assert np.abs(both - (plain + other) / 2).max() < 0.02


@pytest.mark.parametrize("views", ["[]", "[0, 0]", "[8]", "[-1]"])
def test_views_that_are_none_are_refused(tmp_path, views: str) -> None:
    folder = write_model(tmp_path / "bad", "unet", ("lesion",), classes=2, width=4)
    card = folder / "card.toml"
    card.write_text(card.read_text().replace("std = 0.3\n", f"std = 0.3\nviews = {views}\n"))
    with pytest.raises(ModelCardError, match="views is"):
        ModelStore((tmp_path,)).card("bad")
