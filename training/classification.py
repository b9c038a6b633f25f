"""Training a classifier of CT pictures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medai.inference.running.letterbox import normalise
from medai.measures import diagnostics
from training.fit import RunSettings, Task
from training.normalization import Normalization


class ClassificationTask(Task):
    """Cross-entropy of one logit (disease or not) or of classes; validation is the AUC.

    With several classes the AUC is that of the last one (COVID-19) against all others. smoothing:
    of the labels. mixup: of pairs of pictures, the parameter of its beta distribution, 0 for none.
    """

    judged = "auc"

    def __init__(
        self,
        network: nn.Module,
        settings: RunSettings,
        normal: Normalization,
        classes: int,
        *,
        smoothing: float = 0.0,
        mixup: float = 0.0,
    ) -> None:
        super().__init__(network, settings)
        self.normal, self.classes = normal, classes
        self.smoothing, self.mixup = smoothing, mixup
        self._seen: list[tuple[Tensor, Tensor]] = []

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
        else:
            loss = F.cross_entropy(logits, soft)
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


def probability(logits: Tensor) -> Tensor:
    """p(disease) (n,) of logits (n, 1), or of the last class of logits (n, classes)."""
    if logits.shape[1] == 1:
        return logits[:, 0].sigmoid()
    return logits.softmax(dim=1)[:, -1]
