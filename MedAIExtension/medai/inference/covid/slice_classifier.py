"""Running one classifier, or an ensemble of them, over grey slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.inference.covid.explanation import grad_cam, score_map
from medai.inference.covid.mask_net import mask_net_logits, mask_net_regions
from medai.inference.covid.result import COVID_CLASS
from medai.inference.running.acceleration import accelerated, release
from medai.inference.running.batches import BatchRunner
from medai.inference.running.device import choose_device, describe_device
from medai.inference.running.letterbox import Frame, normalise
from medai.models import Model, ModelCard
from medai.networks import CovidMaskNet
from medai.progress import Progress, ProgressCallback, ignore_progress

NOT_COVID = "no COVID-19"
_BATCH = 8
# Test-time variants: how much is cut from each border, and whether left and right are exchanged.
_VARIANTS = ((0.0, False), (0.0, True), (0.04, False), (0.04, True))


@dataclass(frozen=True, eq=False)
class Why:
    """Why one slice was answered as it was.

    map: (rows, columns), 0 and more, on one scale for all slices of a network. box (k, 4), score
    (k,): the ranked regions of Mask-Nets.
    """

    map: NDArray[np.float32]
    box: NDArray[np.float32] | None = None
    score: NDArray[np.float32] | None = None


class SliceClassifier:
    """A loaded "covid" model on a device.

    classes: what ``run`` gives probabilities of.
    """

    def __init__(self, model: Model, device: str, batch_size: int | None) -> None:
        self._models = model.singles
        self._runner = BatchRunner(choose_device(device), batch_size or _BATCH)
        named = model.classes
        self.classes = named if len(named) > 1 else (NOT_COVID, COVID_CLASS)

    @property
    def device_name(self) -> str:
        """ "CPU", or the GPU's name."""
        return describe_device(self._runner.device)

    @property
    def notes(self) -> list[str]:
        """What the user should hear about the run."""
        return self._runner.notes

    @property
    def reference_card(self) -> ModelCard:
        """The card whose training greys an input is held against."""
        return self._models[0].card

    @property
    def explanation_kind(self) -> str:
        """What ``explain`` draws."""
        return "score map" if self.ranks_regions else "Grad-CAM"

    @property
    def ranks_regions(self) -> bool:
        """Whether ``explain`` tells of regions (COVID-CT-Mask-Net)."""
        return isinstance(self._models[0].network, CovidMaskNet)

    def run(
        self,
        pictures: NDArray[np.uint8],
        pixel_mm: tuple[float, float],
        progress: ProgressCallback = ignore_progress,
        cancelled: CancelCallback = never_cancelled,
        *,
        what: str = "slices",
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities (n, classes) of grey pictures (n, rows, columns), and the spread (n,).

        The mean, and the standard deviation of p(COVID-19), over test-time variants and members.
        what: how progress calls the pictures.
        """
        covid = self.classes.index(COVID_CLASS)
        mean = np.empty((len(pictures), len(self.classes)))
        spread = np.empty(len(pictures))

        def step(numbers: range, device: torch.device) -> None:
            batch = torch.tensor(pictures[numbers.start : numbers.stop])
            batch = _square_pixels(batch.to(device), pixel_mm)
            with torch.inference_mode():
                answers = torch.stack(
                    [
                        _probabilities(model, variant, device)
                        for variant in _variants(batch)
                        for model in self._models
                    ]
                )
            chosen = slice(numbers.start, numbers.stop)
            mean[chosen] = answers.mean(dim=0).cpu().numpy()
            spread[chosen] = answers[:, :, covid].std(dim=0, correction=0).cpu().numpy()

        self._runner.run(
            len(pictures),
            step,
            done=lambda count: progress(Progress(count / len(pictures), f"classifying {what}")),
            cancelled=cancelled,
            release=self._release,
        )
        return mean, spread

    def explain(
        self, picture: NDArray[np.uint8], pixel_mm: tuple[float, float], cancelled: CancelCallback
    ) -> Why:
        """Why the first member answers as it does on a grey picture (rows, columns)."""
        raise_if_cancelled(cancelled)
        model = self._models[0]
        assert model.network is not None
        size = picture.shape[:2]
        device = self._runner.device
        network = model.network.to(device).eval()
        batch = torch.tensor(picture)[None].to(device)
        batch = _square_pixels(batch, pixel_mm)
        images, frame = _framed(model, batch)
        if isinstance(network, CovidMaskNet):
            with torch.inference_mode():
                found = mask_net_regions(network, images[:, :1], device)[0]
            rows, columns = (n / f for n, f in zip(size, frame.fitted, strict=True))
            boxes = found["boxes"] * found["boxes"].new_tensor([columns, rows, columns, rows])
            drawn = score_map(boxes, found["scores"], size)
            return Why(drawn.numpy(), boxes.numpy(), found["scores"].numpy())
        output = 0 if len(model.classes) == 1 else model.classes.index(COVID_CLASS)
        maps = frame.back(grad_cam(network, images, output)[:, None])
        maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return Why(maps[0, 0].cpu().numpy())

    def _release(self) -> None:
        for model in self._models:
            assert model.network is not None
            release(model.network)
            model.network.cpu()


def _probabilities(model: Model, batch: Tensor, device: torch.device) -> Tensor:
    assert model.network is not None
    images, _ = _framed(model, batch)
    if isinstance(model.network, CovidMaskNet):
        logits = mask_net_logits(model.network, images[:, :1], device)
    else:
        fast = accelerated(model.network, device)
        images = images.to(next(fast.parameters()).dtype, memory_format=torch.channels_last)
        logits = fast(images).float()
    logits = logits / (model.card.decision.temperature or 1.0)
    if logits.shape[1] == 1:
        covid = torch.sigmoid(logits)
        return torch.cat([1.0 - covid, covid], dim=1)
    return torch.softmax(logits, dim=1)


def _framed(model: Model, batch: Tensor) -> tuple[Tensor, Frame]:
    given = model.card.input
    assert given is not None
    frame = Frame.fit((batch.shape[1], batch.shape[2]), (given.size[0], given.size[1]))
    return normalise(frame.into(batch), given.mean, given.std).expand(-1, 3, -1, -1), frame


def _variants(batch: Tensor) -> Iterator[Tensor]:
    for cut, mirrored in _VARIANTS:
        rows, columns = (int(cut * n) for n in batch.shape[1:])
        part = batch[:, rows : batch.shape[1] - rows, columns : batch.shape[2] - columns]
        yield part.flip(-1) if mirrored else part


def _square_pixels(batch: Tensor, pixel_mm: tuple[float, float]) -> Tensor:
    """Pictures (n, rows, columns) resampled so that a pixel is as high as it is wide."""
    if abs(pixel_mm[0] / pixel_mm[1] - 1.0) < 0.01:
        return batch
    least = min(pixel_mm)
    size = [max(1, round(n * mm / least)) for n, mm in zip(batch.shape[1:], pixel_mm, strict=True)]
    return F.interpolate(batch[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0]
