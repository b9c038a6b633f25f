"""Fit a linear classifier on a lesion network's features: ``python -m training.probe --config``.

The encoder stays as the lesions taught it. Each training picture goes through it a few times, once
as it is and then augmented; a logistic regression with a quadratic penalty does the rest. On a few
hundred pictures this is better than training more, and takes minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import normalise
from medai.measures import diagnostics
from medai.networks import UNetClassifier
from medai.output import atomic_file
from training.augmentation import picture_augmentation
from training.classifier import ClassifierSettings, network_of, split_pictures
from training.command import run_trainer
from training.pictures import FramedPictures
from training.sampling import step_seed


@dataclass(frozen=True)
class ProbeSettings(ClassifierSettings):
    """Configuration of ``training.probe``: that of the classifier, and

    views: how often each training picture is looked at, the first time unchanged. penalty: of the
    squared weights on standardised features.
    """

    network: str = "unet_classifier"
    views: int = 4
    penalty: float = 1e-4


def train(settings: ProbeSettings) -> Path:
    """Fit the classifier; returns the path of its state dict, ``network.pt``."""
    network = network_of(settings)
    if not isinstance(network, UNetClassifier):
        raise TrainingDataError(
            f"network = {settings.network!r}, expected unet_classifier: only it has an encoder "
            "that lesions have taught."
        )
    if settings.threads:
        torch.set_num_threads(settings.threads)
    network = network.eval().to(memory_format=torch.channels_last)
    learn, kept = split_pictures(settings)
    size = (settings.size, settings.size)
    features, labels = seen(network, FramedPictures(learn, size), settings, settings.views)
    weight, bias = logistic_regression(features, labels, settings.penalty)
    with torch.no_grad():
        network.classifier.weight.copy_(weight[None])
        network.classifier.bias.copy_(bias[None])
    held, truth = seen(network, FramedPictures(kept, size), settings, 1)
    scores = held @ weight + bias
    area = diagnostics.auc(truth.int().numpy(), scores.numpy())
    print(f"validation AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f}), n {area.n}")
    settings.output.mkdir(parents=True, exist_ok=True)
    with atomic_file(settings.output / "network.pt", overwrite=True) as temporary:
        torch.save(network.state_dict(), temporary)
    return settings.output / "network.pt"


@torch.no_grad()
def seen(
    network: UNetClassifier, pictures: FramedPictures, settings: ProbeSettings, views: int
) -> tuple[Tensor, Tensor]:
    """Features (views·n, f) and labels (views·n,) of pictures, the first view unchanged."""
    augment = picture_augmentation(settings.strength)
    features, labels = [], []
    for number, (image, label) in enumerate(pictures):
        for view in range(views):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(step_seed(settings.seed, views * number + view))
                grey = 255 * augment((image, label))[0] if view else image.float()
            x = normalise(grey.as_subclass(Tensor)[None], settings.mean, settings.std)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision != "32-true"):
                maps = network.statistics(x)
            features.append(maps[0].float())
            labels.append(label)
    return torch.stack(features), torch.tensor(labels, dtype=torch.float32)


def logistic_regression(features: Tensor, labels: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights (f,) and bias of p = sigmoid(features @ weights + bias), features as they are.

    The mean log loss plus ``penalty`` times the sum of squared weights on standardised features,
    minimised to convergence; both classes weigh the same.
    """
    mean, scale = features.mean(dim=0), features.std(dim=0) + 1e-3
    x = (features - mean) / scale
    share = labels.mean()
    weights = torch.where(labels > 0, 0.5 / share, 0.5 / (1 - share))
    w = torch.zeros(x.shape[1], requires_grad=True)
    b = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([w, b], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = F.binary_cross_entropy_with_logits(x @ w + b, labels, weight=weights)
        value = fit + penalty * (w * w).sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    weight = (w / scale).detach()
    return weight, (b - (mean / scale * w).sum()).detach()


if __name__ == "__main__":
    run_trainer(ProbeSettings, train)
