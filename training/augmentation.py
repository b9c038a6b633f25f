"""Augmentation by torchvision.transforms.v2: image, masks and boxes move together."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F


class RandomTranspose(v2.Transform):
    """Rows and columns swapped with probability ``p``: with the flips, all eight orientations."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"swap": bool(torch.rand(()) < self.p)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params["swap"]:
            return inpt
        return F.vertical_flip(F.rotate(inpt, 90, expand=True))


class WindowJitter(v2.Transform):
    """Another lung window: gain, shift and gamma of a float image in 0..1."""

    def __init__(self, gain: float = 0.25, shift: float = 0.12, gamma: float = 0.3) -> None:
        super().__init__()
        self.gain, self.shift, self.gamma = gain, shift, gamma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        gain, shift, gamma = (2 * torch.rand(3) - 1).tolist()
        return {
            "gain": 1 + self.gain * gain,
            "shift": self.shift * shift,
            "gamma": 2.0 ** (self.gamma * gamma),
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        moved = (inpt - 0.5) * params["gain"] + 0.5 + params["shift"]
        return tv_tensors.wrap(moved.clamp(0, 1) ** params["gamma"], like=inpt)


class TextMark(v2.Transform):
    """A bright or dark bar, cross or arrow-like mark, as journal figures and screenshots carry."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        draw = torch.rand(7).tolist()
        return {
            "draw": draw[0] < self.p,
            "place": draw[1:5],
            "bright": draw[5] < 0.6,
            "thin": draw[6],
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image) or not params["draw"]:
            return inpt
        height, width = inpt.shape[-2:]
        y, x, h, w = params["place"]
        top, left = int(y * height), int(x * width)
        long, short = max(2, int(0.12 * h * height) + 2), max(1, int(0.04 * w * width) + 1)
        if params["thin"] < 0.5:
            long, short = short, long
        marked = inpt.clone()
        marked[..., top : top + long, left : left + short] = 1.0 if params["bright"] else 0.0
        return tv_tensors.wrap(marked, like=inpt)


class Screenshot(v2.Transform):
    """What figures and screenshots do to CT: made smaller and larger again, then JPEG (uint8)."""

    def __init__(self, p: float = 0.25) -> None:
        super().__init__()
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        draw, scale = torch.rand(2).tolist()
        quality = int(torch.randint(35, 96, ()))
        return {"apply": draw < self.p, "scale": 0.5 + 0.5 * scale, "quality": quality}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image) or not params["apply"]:
            return inpt
        height, width = inpt.shape[-2:]
        small = [max(8, int(height * params["scale"])), max(8, int(width * params["scale"]))]
        return F.jpeg(
            F.resize(F.resize(inpt, small, antialias=True), [height, width]), params["quality"]
        )


def slice_augmentation(crop: int, fill: int = 0, strength: float = 1.0) -> v2.Compose:
    """For CT slices with masks: uint8 (1, y, x) in, float 0..1 (1, crop, crop) out.

    crop: px. fill: grey value outside the picture. strength: of everything; 0 leaves only the crop.
    """
    fills = {tv_tensors.Image: fill, tv_tensors.Mask: 0}
    cut = v2.RandomCrop(crop, pad_if_needed=True, fill=fills)
    if strength == 0:
        return v2.Compose([cut, _scaled()])
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            RandomTranspose(),
            v2.RandomApply(
                [
                    v2.RandomAffine(
                        degrees=25 * strength,
                        scale=(1 - 0.3 * strength, 1 + 0.4 * strength),
                        shear=8 * strength,
                        interpolation=v2.InterpolationMode.BILINEAR,
                        fill=fills,
                    )
                ],
                p=0.8,
            ),
            cut,
            v2.RandomApply(
                [v2.ElasticTransform(alpha=60.0, sigma=6.0, fill=fills)], p=0.2 * strength
            ),
            Screenshot(0.25 * strength),
            *_intensity(strength),
        ]
    )


def picture_augmentation(strength: float = 1.0) -> v2.Compose:
    """For whole framed pictures without masks: uint8 (1, y, x) in, float 0..1 of that size out.

    strength: of everything; 0 changes nothing.
    """
    if strength == 0:
        return v2.Compose([_scaled()])
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(
                degrees=12 * strength,
                translate=(0.08 * strength, 0.08 * strength),
                scale=(1 - 0.15 * strength, 1 + 0.35 * strength),
                shear=6 * strength,
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            Screenshot(0.3 * strength),
            *_intensity(strength),
            v2.RandomErasing(p=0.2 * strength, scale=(0.01, 0.08)),
        ]
    )


def oct_augmentation(strength: float | None) -> v2.Compose:
    """For OCT scans with labels: uint8 (1, y, x) in, float 0..1 of the same size out.

    Rotation of ±15° and horizontal flip are the source paper's (S5, ``strength`` 0); more shift,
    scale, gain, noise and blur come with ``strength``. None: no change, for validation.
    """
    if strength is None:
        return v2.Compose([_scaled()])
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(
                degrees=15,
                translate=(0.1 * strength, 0.1 * strength),
                scale=(1 - 0.15 * strength, 1 + 0.2 * strength),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            _scaled(),
            WindowJitter(0.2 * strength, 0.03 * strength, 0.25 * strength),
            v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.0))], p=0.2 * strength),
            v2.RandomApply([v2.GaussianNoise(sigma=0.03)], p=0.3 * strength),
        ]
    )


def _intensity(strength: float) -> list[v2.Transform]:
    return [
        _scaled(),
        WindowJitter(0.25 * strength, 0.12 * strength, 0.3 * strength),
        v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.2))], 0.15 * strength),
        v2.RandomApply([v2.GaussianNoise(sigma=0.04)], 0.3 * strength),
        TextMark(0.1 * strength),
    ]


def _scaled() -> v2.Transform:
    return v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)
