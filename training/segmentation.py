"""Training a U-Net on pictures with masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision import tv_tensors

from medai.errors import TrainingDataError
from medai.inference.running.flips import turned, turned_back
from medai.inference.running.letterbox import Frame, normalise
from training.fit import RunSettings, Task
from training.lesion_slices import LesionSlice
from training.losses import LOSSES, one_hot
from training.normalization import Normalization


class SegmentationTask(Task):
    """Dice + cross-entropy, or another loss of ``losses.LOSSES``.

    Validation is the mean Dice, lesion against not, of whole pictures.
    """

    judged = "dice"

    def __init__(
        self,
        network: nn.Module,
        settings: RunSettings,
        normal: Normalization,
        size: tuple[int, int],
        loss: str = "dice_cross_entropy",
    ) -> None:
        super().__init__(network, settings)
        if loss not in LOSSES:
            raise TrainingDataError(f"loss = {loss!r}, expected {' or '.join(LOSSES)}.")
        self.normal, self.size, self.loss = normal, size, LOSSES[loss]

    def training_step(self, batch, batch_index: int) -> Tensor:
        images, target = batch
        images = normalise(255 * images, self.normal.mean, self.normal.std)
        if self.settings.channels_last:
            images = images.to(memory_format=torch.channels_last)
        loss = self.loss(self.network(images).float(), target)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: list[tuple[NDArray, NDArray]], batch_index: int) -> None:
        for image, mask in batch:
            probability = predict(self.best_network, image, self.normal, self.size, self.device)
            score = dice(probability[0] < 0.5, mask > 0)
            self.log("dice", score, batch_size=1, on_epoch=True, sync_dist=True)


def framed(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """Image (1, y, x) and mask (y, x) scaled as inference does to fit ``size``, without padding."""
    frame = Frame.fit(image.shape, size)
    rows, columns = frame.fitted
    picture = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None])
    labels = frame.into_labels(torch.from_numpy(np.ascontiguousarray(mask))[None])
    return (
        tv_tensors.Image(picture[0, :, :rows, :columns].round().to(torch.uint8)),
        tv_tensors.Mask(labels[0, :rows, :columns]),
    )


@torch.inference_mode()
def predict(
    network: nn.Module,
    image: NDArray[np.uint8],
    normal: Normalization,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    views: Sequence[int] = (0,),
) -> NDArray[np.float32]:
    """Class probabilities (classes, y, x) of one picture (y, x), at the picture's own size.

    views: which of the eight orientations (``medai.inference.running.flips``) are averaged.
    """
    training = network.training
    network.eval()
    frame = Frame.fit(image.shape, size)
    grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None].to(device))
    pixels = normalise(grey, normal.mean, normal.std)
    total: Tensor | None = None
    for view in views:
        p = turned_back(network(turned(pixels, view).contiguous()).float().softmax(1), view)
        total = p if total is None else total + p
    network.train(training)
    return frame.back(total / len(views))[0].cpu().numpy()


def dice(found: NDArray, truth: NDArray) -> float:
    """Dice of two masks; 1 where both are empty."""
    both = np.count_nonzero(found & truth)
    total = np.count_nonzero(found) + np.count_nonzero(truth)
    return 2 * both / total if total else 1.0


class Crops:
    """Slices at one size as items for augmentation: (image, mask) tv_tensors, kept in memory."""

    def __init__(self, slices: Sequence[LesionSlice], size: tuple[int, int]) -> None:
        self.items = [framed(item.image, item.mask, size) for item in slices]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int):
        return self.items[index]


class AsShares:
    """An augmentation of (image, labels), then labels as class shares (classes, y, x) in 0..1.

    Labels are class numbers (y, x), or shares already, uint8 (classes, y, x) in 0..255: several
    raters, or a network's own probabilities.
    """

    def __init__(self, augment: Callable, classes: int) -> None:
        self.augment, self.classes = augment, classes

    def __call__(self, item) -> tuple[Tensor, Tensor]:
        image, labels = self.augment(item)
        labels = labels.as_subclass(Tensor)
        if labels.ndim == 2:
            return image.as_subclass(Tensor), one_hot(labels[None], self.classes)[0]
        shares = labels.float()
        # Outside the picture nothing is there: background.
        shares[0] += 255.0 * (shares.sum(dim=0) == 0)
        return image.as_subclass(Tensor), shares / shares.sum(dim=0)
