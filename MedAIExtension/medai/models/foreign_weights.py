"""Checkpoints that others saved: what is in the file, and its names as our networks have them."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medai.errors import ModelNotFoundError, ModelShapeError, UnsafeWeightsError

if TYPE_CHECKING:
    from torch import Tensor

# Keys under which training programs keep the weights beside their own notes.
_WRAPPERS = ("model_weights", "state_dict", "model_state_dict", "model")
# Saved by every process of a parallel training.
_PARALLEL = "module."
# torchvision's detection parts before its version 0.13, and since.
_RENAMED = (
    (r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$", r"\1.0.\2"),
    (r"^rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1"),
)
_MASK_LAYER = re.compile(r"^roi_heads\.mask_head\.mask_fcn(\d+)\.(weight|bias)$")
# S of the COVID-CT-Mask-Net's published code, and ours.
_S_LAYERS = {"fc_scores": "s.0", "fc_scores_2": "s.2", "fc_scores_img": "s.4"}
_IMAGENET = ("fc.weight", "conv1.weight")
_COCO_BOX = "roi_heads.box_predictor.cls_score.weight"


def read_foreign(file: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of a checkpoint by name, wrappers taken off, and the file's SHA-256.

    Raises ModelNotFoundError, or UnsafeWeightsError: for a file that pickles other things than
    tensors and plain values it names the classes and says how to flatten it.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(f"Checkpoint {file.name}: {error.strerror}.") from None
    loaded = _load(content, file)
    for name in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
            break
    tensors = _tensors(loaded)
    if not tensors:
        raise UnsafeWeightsError(
            f"Checkpoint {file.name} holds no state dict, alone or as {', '.join(_WRAPPERS)}."
        )
    if all(name.startswith(_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(_PARALLEL): value for name, value in tensors.items()}
    return tensors, hashlib.sha256(content).hexdigest()


def as_torchvision_now(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of a detection network as torchvision has them since its version 0.13."""
    return {_new_name(name): value for name, value in tensors.items()}


def lesion_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a lesion Mask R-CNN by our names, from ours, torchvision's or the S2 authors'."""
    return as_torchvision_now(tensors)


def mask_net_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a COVID-CT-Mask-Net by our names, from ours or the S2 authors' (S: ``s2new``)."""
    renamed = {}
    for name, value in as_torchvision_now(tensors).items():
        if name.startswith(("roi_heads.mask_head.", "roi_heads.mask_predictor.")):
            continue
        module, _, part = name.removeprefix("s2new.").rpartition(".")
        is_s = name.startswith("s2new.") and module in _S_LAYERS
        renamed[f"{_S_LAYERS[module]}.{part}" if is_s else name] = value
    return renamed


def unet_weights(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and arguments of the common PyTorch U-Net as one of ``networks.unet``, grey input.

    Three equal channels become one: kernels are summed over them. Biases of convolutions that a
    batch norm follows (the first versions had them) become part of its mean. Raises ModelShapeError
    for another network.
    """
    found = {name: value for name, value in tensors.items() if not name.startswith("mask_values")}
    first, last = found.get("inc.double_conv.0.weight"), found.get("outc.conv.weight")
    if first is None or last is None:
        raise ModelShapeError(
            "The checkpoint is no common PyTorch U-Net: it has no inc.double_conv.0.weight or "
            "outc.conv.weight."
        )
    for name in [name for name in found if re.search(r"double_conv\.[03]\.bias$", name)]:
        bias = found.pop(name)
        head, layer = name.removesuffix(".bias").rsplit(".", 1)
        mean = f"{head}.{int(layer) + 1}.running_mean"
        found[mean] = found[mean] - bias
    found["inc.double_conv.0.weight"] = first.sum(dim=1, keepdim=True)
    arguments = {
        "in_channels": 1,
        "classes": int(last.shape[0]),
        "width": int(first.shape[0]),
        "bilinear": "up1.up.weight" not in found,
    }
    return found, arguments


def refuse_starting_weights(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Raise ModelShapeError for torchvision's ImageNet and COCO weights: no model, but a start."""
    box = tensors.get(_COCO_BOX)
    kind = "COCO" if box is not None and box.shape[0] == 91 else ""
    head = tensors.get(_IMAGENET[0])
    if head is not None and _IMAGENET[1] in tensors and head.shape[0] == 1000:
        kind = "ImageNet"
    if kind:
        raise ModelShapeError(
            f"Checkpoint {file.name} holds torchvision's {kind} weights, which know no lesions: "
            "start a training with them (--set initial=FILE)."
        )


def _new_name(name: str) -> str:
    mask = _MASK_LAYER.match(name)
    if mask:
        return f"roi_heads.mask_head.{int(mask[1]) - 1}.0.{mask[2]}"
    for old, new in _RENAMED:
        name = re.sub(old, new, name)
    return name


def _tensors(loaded: object) -> dict[str, Tensor]:
    import torch

    if not isinstance(loaded, dict):
        return {}
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in loaded.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }


def _load(content: bytes, file: Path) -> object:
    import torch

    _refuse_compressed(content, file)
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        classes = sorted(set(re.findall(r"GLOBAL ([\w.]+)", str(error))))
        if not classes:
            raise UnsafeWeightsError(
                f"Checkpoint {file.name} is damaged, expected a file of torch.save."
            ) from None
        raise UnsafeWeightsError(
            f"Checkpoint {file.name} pickles {', '.join(classes)} beside the weights: not loaded, "
            "as unpickling runs the file's code. Where you trust it, flatten it beside the code it "
            "came with: python -c \"import torch; f = torch.load('" + file.name + "', 'cpu', "
            "weights_only=False); torch.save(f['model_weights'], 'weights.pt')\""
        ) from None
    except Exception as error:
        # torch raises many types on damaged files.
        raise UnsafeWeightsError(
            f"Checkpoint {file.name} can't be read ({type(error).__name__}), expected a file of "
            "torch.save."
        ) from None


def _refuse_compressed(content: bytes, file: Path) -> None:
    """torch.save stores without compression; a compressed entry could unpack to any size."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return  # the format before torch 1.6
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise UnsafeWeightsError(
                f"Checkpoint {file.name} is compressed, expected a file of torch.save."
            )
