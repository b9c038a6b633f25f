"""Training a classifier of CT pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import normalise
from medai.measures import diagnostics
from training.fit import RunSettings, Task
from training.normalization import Normalization

LOSSES = ("cross_entropy", "binary_cross_entropy")


class ClassificationTask(Task):
    """Cross-entropy of one logit (disease or not) or of classes; validation is the AUC.

    With several classes the AUC is that of the last one (COVID-19) against all others. loss:
    "cross_entropy", or "binary_cross_entropy" of each class's own logit, as the S2 authors' code
    trains S. l1, l2: penalties weight·Σ|w| and weight·Σw² on the kernels of the layers they name
    (Inception-V3 of S4). smoothing: of the labels. mixup: of pairs of pictures, the parameter of
    its beta distribution, 0 for none.
    """

    judged = "auc"

    def __init__(
        self,
        network: nn.Module,
        settings: RunSettings,
        normal: Normalization,
        classes: int,
        *,
        loss: str = "cross_entropy",
        smoothing: float = 0.0,
        mixup: float = 0.0,
        l1: Mapping[str, float] | None = None,
        l2: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(network, settings)
        self.normal, self.classes = normal, classes
        if loss not in LOSSES:
            raise TrainingDataError(f"loss = {loss!r}, expected {' or '.join(LOSSES)}.")
        self.loss, self.smoothing, self.mixup = loss, smoothing, mixup
        self._l1 = _kernels(network, l1 or {})
        self._l2 = _kernels(network, l2 or {})
        self._seen: list[tuple[Tensor, Tensor]] = []

    def on_train_epoch_start(self) -> None:
        # A frozen batch norm keeps its statistics as well as its weights.
        for module in self.network.modules():
            own = list(module.parameters(recurse=False))
            if isinstance(module, nn.BatchNorm2d) and not any(p.requires_grad for p in own):
                module.eval()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        images, labels = batch
        soft = F.one_hot(labels, self.classes).float()
        soft = soft * (1 - self.smoothing) + self.smoothing / self.classes
        if self.mixup:
            share = torch.distributions.Beta(self.mixup, self.mixup).sample().item()
            images = share * images + (1 - share) * images.flip(0)
            soft = share * soft + (1 - share) * soft.flip(0)
        logits = self.network(self._fed(images)).float()
        if logits.shape[1] == 1:
            loss = F.binary_cross_entropy_with_logits(logits[:, 0], soft[:, 1])
        elif self.loss == "binary_cross_entropy":
            loss = F.binary_cross_entropy_with_logits(logits, soft)
        else:
            loss = F.cross_entropy(logits, soft)
        for kernel, weight in self._l1:
            loss = loss + weight * kernel.abs().sum()
        for kernel, weight in self._l2:
            loss = loss + weight * kernel.square().sum()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        images, labels = batch
        network = self.best_network
        training = network.training
        network.eval()
        logits = network(self._fed(images)).float()
        network.train(training)
        self._seen.append((probability(logits).cpu(), labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        p = torch.cat([p for p, _ in self._seen]).numpy()
        truth = torch.cat([labels for _, labels in self._seen]).numpy() == self.classes - 1
        self._seen.clear()
        area = diagnostics.auc(truth.astype(int), p).value
        self.log("auc", area, sync_dist=True)
        self.log("accuracy", float(np.mean((p >= 0.5) == truth)), sync_dist=True)

    def _fed(self, images: Tensor) -> Tensor:
        grey = images.float() if images.dtype == torch.uint8 else 255 * images
        images = normalise(grey, self.normal.mean, self.normal.std).expand(-1, 3, -1, -1)
        if self.settings.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images


def _kernels(
    network: nn.Module, penalties: Mapping[str, float]
) -> list[tuple[nn.Parameter, float]]:
    found = []
    own = dict(network.named_parameters())
    for name, weight in penalties.items():
        if f"{name}.weight" not in own:
            raise TrainingDataError(f"A penalty on the layer {name!r}, which the network has not.")
        found.append((own[f"{name}.weight"], weight))
    return found


def probability(logits: Tensor) -> Tensor:
    """p(disease) (n,) of logits (n, 1), or of the last class of logits (n, classes)."""
    if logits.shape[1] == 1:
        return logits[:, 0].sigmoid()
    return logits.softmax(dim=1)[:, -1]
