"""Networks that others trained on pictures normalised by ImageNet's statistics, fed grey/255."""

from __future__ import annotations

from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class ImageNetConv2d(nn.Conv2d):
    """A network's first convolution; takes grey/255, one channel or three, and normalises it first.

    The three channels differ in mean and deviation, and what lies outside a picture is 0 *after*
    normalisation, so this can't be folded into the kernels.
    """

    def forward(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return super().forward((images - mean) / std)


def take_imagenet_input(network: nn.Module) -> None:
    """Replace the first convolution of ``network`` by an ``ImageNetConv2d``; names stay."""
    name, first = next(
        (name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d)
    )
    parent, _, last = name.rpartition(".")
    replacing = ImageNetConv2d(
        first.in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(network.get_submodule(parent), last, replacing)
