"""Whether a picture is an upright frontal chest film, by how sure the network is of the lungs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from medai.errors import UnsuitableImageError
from medai.inference.running.letterbox import Frame, normalise
from medai.models.card import InputSection
from medai.networks import RadiographNet

# Between these probabilities a pixel is doubtful, above the second it is lung for sure.
_DOUBTFUL, _SURE = 0.2, 0.8
# Doubtful area over sure area. On 111 films that no network was trained on it was 0.49 at most, and
# in each less than when the film was turned; pictures of other things mostly lie higher.
_LARGEST_DOUBT = 0.55
# The lungs' share of the picture: 0.44 at most on those films.
_LARGEST_SHARE = 0.6
_QUARTER_TURNS = {1: "a quarter turn", 2: "upside down", 3: "a quarter turn"}


@torch.inference_mode()
def require_upright_film(
    network: RadiographNet, grey: NDArray[np.uint8], entry: InputSection, name: str
) -> None:
    """Refuse a picture (y, x) in which the network is unsure of the lungs, or surer when it is
    turned. Raises UnsuitableImageError."""
    doubt, share = _doubt(network, grey, entry)
    turned = {turns: _doubt(network, np.rot90(grey, turns), entry)[0] for turns in _QUARTER_TURNS}
    best = min(turned, key=lambda turns: turned[turns])
    if share > _LARGEST_SHARE or min(doubt, turned[best]) > _LARGEST_DOUBT:
        raise UnsuitableImageError(f"{name}: no lungs are seen, expected a frontal chest X-ray.")
    if turned[best] < doubt:
        raise UnsuitableImageError(
            f"{name}: the film seems to lie turned ({_QUARTER_TURNS[best]}), expected an upright "
            "chest X-ray; turn it."
        )


def _doubt(
    network: RadiographNet, grey: NDArray[np.uint8], entry: InputSection
) -> tuple[float, float]:
    """Doubtful over sure area, and the sure area's share of the picture."""
    frame = Frame.fit((grey.shape[0], grey.shape[1]), (entry.size[0], entry.size[1]))
    device = next(network.parameters()).device
    picture = frame.into(torch.from_numpy(np.ascontiguousarray(grey))[None].to(device))
    logits = network(normalise(picture, entry.mean, entry.std)).float()
    lung = 1 - logits.softmax(1)[0, 0, : frame.fitted[0], : frame.fitted[1]]
    sure = int((lung > _SURE).sum())
    doubtful = int(((lung > _DOUBTFUL) & (lung <= _SURE)).sum())
    return doubtful / max(1, sure), sure / lung.numel()
