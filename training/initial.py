"""Weights to start from, given as a file; nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from medai.errors import TrainingDataError


def read_initial(file: Path) -> dict[str, Tensor]:
    """The state dict in ``file``, floats as float32. Raises TrainingDataError where none is."""
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise TrainingDataError(f"initial = {file}: {error.strerror}.") from None
    except Exception:
        # torch raises many types on files that are something else.
        raise TrainingDataError(f"initial = {file} holds no state dict of torch.save.") from None
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise TrainingDataError(f"initial = {file} holds no state dict of torch.save.")
    return {k: v.float() if v.is_floating_point() else v for k, v in loaded.items()}


def load_initial(network: nn.Module, file: Path) -> None:
    """Put the state dict in ``file`` into ``network``; it must fit in every name and shape."""
    weights, own = read_initial(file), network.state_dict()
    unlike = [k for k in own | weights if k not in weights or k not in own]
    unlike += [k for k in own if k in weights and own[k].shape != weights[k].shape]
    if unlike:
        raise TrainingDataError(
            f"initial = {file} does not fit the network: {len(unlike)} entries differ, the first "
            f"is {sorted(unlike)[0]}."
        )
    network.load_state_dict(weights)
