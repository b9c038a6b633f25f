"""Fit the six-zone scores of a radiograph network: its own weights stay as they are.

``python -m training.zone_scores --checkpoint best.ckpt --scored DIR --opacities DIR --output FILE``
writes a checkpoint that ``training.export`` takes. Patients kept for judging are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medai.errors import TrainingDataError, UnsuitableImageError
from medai.inference.running.letterbox import Frame, normalise
from medai.inference.xray.assessment import zone_masks
from medai.inference.xray.contrast import even_contrast
from medai.measures.radiograph import six_zones, two_lungs
from medai.networks import RadiographNet, radiograph_net
from medai.networks.radiograph_net import ZoneHead
from training.command import run_guarded
from training.export import network_weights
from training.lesion_slices import split_folds
from training.normalization import Normalization
from training.radiographs import (
    ScoredRadiograph,
    kept_patients,
    read_opacity_radiographs,
    read_scored_radiographs,
)

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS = 5
_STEPS = 60


@dataclass(frozen=True, eq=False)
class DescribedFilms:
    """Features (films, 6, n) and scores of two raters (films, 2, 6), and whose films they are."""

    features: Tensor
    scores: Tensor
    patients: tuple[str, ...]

    def of(self, chosen: NDArray[np.bool_]) -> DescribedFilms:
        """The chosen films alone."""
        places = torch.from_numpy(np.flatnonzero(chosen))
        patients = tuple(p for p, c in zip(self.patients, chosen, strict=True) if c)
        return DescribedFilms(self.features[places], self.scores[places], patients)


@torch.no_grad()
def describe(
    network: RadiographNet, films: Sequence[ScoredRadiograph], normal: Normalization, size: int
) -> DescribedFilms:
    """The zone features of films as users' code finds the zones; films without lungs are left
    out."""
    features, scores, patients = [], [], []
    for film in films:
        grey = even_contrast(film.pixels)
        frame = Frame.fit(grey.shape, (size, size))
        images = normalise(frame.into(torch.from_numpy(grey)[None]), normal.mean, normal.std)
        logits = network(images).float()
        background = frame.back(logits.softmax(1))[0, 0].numpy()
        try:
            zones = six_zones(two_lungs(background < 0.5, film.name))
        except UnsuitableImageError:
            continue
        masks = zone_masks(zones, frame, images.device)
        features.append(network.zone_features(images, logits, masks)[0].float())
        scores.append([film.senior, film.junior])
        patients.append(film.patient)
    if not features:
        raise TrainingDataError("No film shows lungs, expected scored chest radiographs.")
    return DescribedFilms(torch.stack(features), torch.tensor(scores), tuple(patients))


def fit_head(films: DescribedFilms, penalty: float) -> ZoneHead:
    """The ordinal model of both raters' scores, its squared weights held down by ``penalty``."""
    flat = films.features.flatten(0, 1)
    head = ZoneHead(flat.shape[1])
    head.mean, head.scale = flat.mean(dim=0), flat.std(dim=0).clamp(min=1e-3)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -log_likelihood(head, films) + penalty * (head.weight**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return head.requires_grad_(False)


def log_likelihood(head: ZoneHead, films: DescribedFilms) -> Tensor:
    """Mean log-probability of the raters' scores."""
    p = head(films.features)[:, None].expand(-1, films.scores.shape[1], -1, -1)
    return p.gather(-1, films.scores[..., None]).clamp(min=1e-6).log().mean()


def cross_validated(films: DescribedFilms, penalty: float) -> tuple[float, float]:
    """Mean log-probability of scores by models that saw no film of the patient, and by how much
    the totals spread beyond what six independent zones would."""
    folds = np.array(split_folds(films.patients, _FOLDS))
    likelihoods, ratios = [], []
    for fold in range(_FOLDS):
        kept = films.of(folds == fold)
        head = fit_head(films.of(folds != fold), penalty)
        likelihoods += [float(log_likelihood(head, kept))] * len(kept.patients)
        p = head(kept.features).double()
        grade = torch.arange(p.shape[-1], dtype=p.dtype)
        mean = p @ grade
        variance = (p @ grade**2 - mean**2).sum(dim=1)
        off = kept.scores.sum(dim=2).double() - mean.sum(dim=1)[:, None]
        ratios += (off**2).mean(dim=1).div(variance).tolist()
    return float(np.mean(likelihoods)), float(np.sqrt(np.mean(ratios)))


def fit_zone_scores(
    checkpoint: Path, films: Sequence[ScoredRadiograph], size: int
) -> tuple[RadiographNet, Normalization, float]:
    """A radiograph network with the checkpoint's weights and fitted scores; its normalization and
    the penalty chosen."""
    network = radiograph_net().eval()
    head = {f"zone_head.{k}": v for k, v in network.zone_head.state_dict().items()}
    network.load_state_dict(head | network_weights(checkpoint))
    found = torch.load(checkpoint, map_location="cpu", weights_only=True)["normalization"]
    normal = Normalization(found["mean"], found["std"])
    described = describe(network, films, normal, size)
    judged = {penalty: cross_validated(described, penalty) for penalty in PENALTIES}
    penalty = max(judged, key=lambda each: judged[each][0])
    network.zone_head = fit_head(described, penalty)
    network.zone_head.spread = torch.tensor(judged[penalty][1])
    return network, normal, penalty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="of training.xray")
    parser.add_argument("--scored", type=Path, required=True, help="films with scores.csv")
    parser.add_argument("--opacities", type=Path, required=True, help="as in the run")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--all", action="store_true", help="also the patients kept for judging")
    parser.add_argument("--output", type=Path, required=True, help="checkpoint to write")
    given = parser.parse_args()
    films = read_scored_radiographs(given.scored)
    if not given.all:
        outlined = read_opacity_radiographs(given.opacities)
        kept = kept_patients([item.patient for item in (*outlined, *films)])
        films = [film for film in films if film.patient not in kept]
    network, normal, penalty = fit_zone_scores(given.checkpoint, films, given.size)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "normalization": vars(normal)}, given.output)
    print(f"{given.output}: penalty {penalty:g}, spread {float(network.zone_head.spread):.2f}")


if __name__ == "__main__":
    run_guarded(main)
