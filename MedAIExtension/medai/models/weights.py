"""Reading weights files that may come from anywhere, and putting them into a network."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medai.errors import (
    InputError,
    MissingDependencyError,
    ModelCardError,
    ModelHashError,
    ModelNotFoundError,
    ModelShapeError,
    UnsafeWeightsError,
)
from medai.models.card import ModelCard
from medai.models.torch_version import require_safe_torch

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a weights file whose SHA-256 is ``sha256``.

    The file is read once, so what is checked is what is loaded. Raises ModelNotFoundError,
    ModelHashError, or UnsafeWeightsError for anything but a plain state dict.
    """
    content = read_verified(path, sha256)
    _refuse_inflating(content, path)
    import pickle

    torch = _torch()
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UnsafeWeightsError(
            f"Weights {path.name} carry code or objects besides tensors: not loaded. "
            "Expected a state dict saved by torch.save."
        ) from None
    except Exception as error:
        # torch raises many types on damaged archives.
        raise UnsafeWeightsError(
            f"Weights {path.name} are damaged ({type(error).__name__}), expected a state dict "
            "saved by torch.save."
        ) from None
    tensors = (
        {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
        if isinstance(loaded, dict)
        else {}
    )
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise UnsafeWeightsError(
            f"Weights {path.name} hold no state dict, expected names and their tensors."
        )
    _refuse_unstored(tensors, len(content), path)
    return tensors


def read_verified(path: Path, sha256: str) -> bytes:
    """The bytes of ``path``. Raises ModelNotFoundError, ModelHashError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(f"Weights {path.name}: {error.strerror}.") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelHashError(
            f"Weights {path.name} have SHA-256 {found}, the card says {sha256}: the file is "
            "damaged, or not the one the card was written for."
        )
    return content


def network_with_weights(
    card: ModelCard, tensors: dict[str, Tensor], base: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """The card's network with these weights: float32, evaluation mode, no gradients.

    base: weights of the model this one builds on, for what ``tensors`` has not. Half-precision
    weights become float32. Raises ModelCardError when the card's arguments don't make a network,
    ModelShapeError when the weights don't fit it.
    """
    torch = _torch()
    # Shapes first, without memory: a card could ask for a network of any size.
    with torch.device("meta"):
        skeleton = _build(card).state_dict()
    if base is not None:
        tensors = {name: base[name] for name in skeleton if name in base} | tensors
    _compare_shapes(card, skeleton, tensors)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelShapeError(
                f"Weights of {card.id}: {name} holds numbers that are not finite."
            )
    network = _build(card)
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def _build(card: ModelCard) -> nn.Module:
    assert card.network is not None
    try:
        from medai import networks
    except ImportError as error:
        raise _missing_torch() from error
    try:
        return getattr(networks, card.network.name)(**card.network.arguments)
    except (InputError, TypeError, ValueError, RuntimeError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelCardError(
            f"Card of {card.id}: {card.network.name} does not take these arguments: {first_line}"
        ) from None


def _compare_shapes(card: ModelCard, wanted: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    for name, tensor in wanted.items():
        if name not in found:
            raise ModelShapeError(f"Weights of {card.id} have no {name}, which the network needs.")
        if found[name].shape != tensor.shape:
            raise ModelShapeError(
                f"Weights of {card.id}: {name} is {tuple(found[name].shape)}, "
                f"expected {tuple(tensor.shape)}."
            )
    for name in found:
        if name not in wanted:
            raise ModelShapeError(f"Weights of {card.id} have {name}, which the network has not.")


def _refuse_inflating(content: bytes, path: Path) -> None:
    """torch.save stores without compression; a compressed entry could unpack to any size."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            stored = all(e.compress_type == zipfile.ZIP_STORED for e in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        stored = False
    if not stored:
        raise UnsafeWeightsError(
            f"Weights {path.name} are not a file of torch.save, expected a state dict."
        )


def _refuse_unstored(tensors: Mapping[str, Tensor], stored_bytes: int, path: Path) -> None:
    """A tensor may name one stored number any number of times, or none: it grows when copied."""
    torch = _torch()
    plain = all(
        tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        for tensor in tensors.values()
    )
    size = sum(t.numel() * t.element_size() for t in tensors.values()) if plain else 0
    if not plain or size > stored_bytes:
        raise UnsafeWeightsError(
            f"Weights {path.name} hold tensors that are not stored as plain numbers "
            f"({size:,} bytes in a file of {stored_bytes:,}), expected a state dict saved by "
            "torch.save."
        )


def _torch():  # type: ignore[no-untyped-def]
    try:
        import torch
    except ImportError as error:
        raise _missing_torch() from error
    require_safe_torch(torch.__version__)
    return torch


def _missing_torch() -> MissingDependencyError:
    return MissingDependencyError(
        "This model needs PyTorch and torchvision. In Slicer: install them with the PyTorch "
        "extension; elsewhere: pip install 'medai[ai]'."
    )
