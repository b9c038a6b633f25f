"""Weights to start from, given as a file; nothing is ever downloaded.

A file holds a state dict (``training.export --output network.pt``), is a checkpoint of a trainer
(``best.ckpt``) or of the S2 authors' code, or comes from torchvision: ImageNet weights of a
classification network, or COCO weights of its Mask R-CNN. Of torchvision's files what fits is
taken, and what is left out is said.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from medai.errors import TrainingDataError
from medai.models.foreign_weights import as_torchvision_now
from medai.networks import CovidMaskNet, LesionMaskRCNN
from training.export import trained_network

# Below this share of a network's numbers a file is another network's.
_LEAST_SHARE = 0.05


def read_initial(file: Path) -> dict[str, Tensor]:
    """The state dict in ``file``, floats as float32. Raises TrainingDataError where none is."""
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise TrainingDataError(f"initial = {file}: {error.strerror}.") from None
    except Exception:
        # torch raises many types on files that are something else.
        raise TrainingDataError(f"initial = {file} holds no state dict of torch.save.") from None
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = trained_network(loaded["state_dict"]) or loaded
    if isinstance(loaded, dict) and isinstance(loaded.get("model_weights"), dict):
        loaded = loaded["model_weights"]  # as the S2 authors' programs save them
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise TrainingDataError(f"initial = {file} holds no state dict of torch.save.")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in loaded.items()}
    return as_torchvision_now(floats)


def load_initial(network: nn.Module, file: Path) -> None:
    """Put the weights in ``file`` into ``network``.

    Into a region network torchvision's ImageNet weights (its backbone) and COCO weights (all but
    the heads of other sizes) go as far as they fit; any other file must fit in every name and
    shape. Raises TrainingDataError where it does not.
    """
    weights = read_initial(file)
    if isinstance(network, (LesionMaskRCNN, CovidMaskNet)):
        start = from_torchvision(weights)
        if start is not None:
            load_fitting(network, start, file)
            return
    own = network.state_dict()
    unlike = [k for k in own | weights if k not in weights or k not in own]
    unlike += [k for k in own if k in weights and own[k].shape != weights[k].shape]
    if unlike:
        raise TrainingDataError(
            f"initial = {file} does not fit the network: {len(unlike)} entries differ, the first "
            f"is {sorted(unlike)[0]}."
        )
    network.load_state_dict(weights)


def from_torchvision(weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """torchvision's ImageNet or COCO weights by a region network's names; None for other files."""
    if "conv1.weight" in weights and "fc.weight" in weights:
        return {f"backbone.body.{k}": v for k, v in weights.items() if not k.startswith("fc.")}
    score = weights.get("roi_heads.box_predictor.cls_score.weight")
    if score is not None and score.shape[0] == 91:
        return as_torchvision_now(weights)
    return None


def load_fitting(network: nn.Module, weights: Mapping[str, Tensor], file: Path) -> None:
    """Take every entry of ``weights`` that fits in name and shape; say on stderr what was left.

    Raises TrainingDataError where hardly anything fits.
    """
    own = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    taken = sum(v.numel() for v in fitting.values())
    share = taken / sum(v.numel() for v in own.values())
    if share < _LEAST_SHARE:
        raise TrainingDataError(
            f"initial = {file} is another network's: {len(fitting)} of {len(own)} entries fit."
        )
    left = sorted({k.rsplit(".", 1)[0] for k in own if k not in fitting})
    words = f"; started anew: {', '.join(left[:8])}{' …' if len(left) > 8 else ''}" if left else ""
    print(
        f"initial: {len(fitting)} of {len(own)} entries, {100 * share:.0f} % of the network's "
        f"numbers, from {file}{words}",
        file=sys.stderr,
    )
    network.load_state_dict(own | fitting)
