"""Average precision of single lesions: COCO's, and that of the S2 authors, averaged over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Interval, bootstrap
from training.detection import instances
from training.lesion_slices import CLASSES, LesionSlice

LEAST_LESION_PX = 100
# S2: only regions of at least this score count.
PAPER_LEAST_SCORE = 0.75
PAPER_NAME = f"per image, scores ≥ {PAPER_LEAST_SCORE:g}"
_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
_COCO_NAMES = {"map_50": "AP@0.5", "map_75": "AP@0.75", "map": "mAP[.5:.95]"}


@dataclass(frozen=True, eq=False)
class SingleLesions:
    """Lesions of one picture: masks (n, y, x), labels (n,) from 1, and scores (n,) if found."""

    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32] | None = None

    def of(self, chosen: NDArray[np.bool_]) -> SingleLesions:
        """Those ``chosen`` (n,)."""
        scores = None if self.scores is None else self.scores[chosen]
        return SingleLesions(self.masks[chosen], self.labels[chosen], scores)


def true_lesions(item: LesionSlice, classes: int) -> SingleLesions:
    """The outlined lesions of a slice: 8-connected, of 100 pixels and more.

    classes: 1 joins all labels into "lesion", 2 keeps them apart.
    """
    assert item.mask is not None
    target = instances(item.mask, classes, LEAST_LESION_PX)
    return SingleLesions(target["masks"].bool().numpy(), target["labels"].numpy())


def average_precisions(
    found: Sequence[SingleLesions],
    truths: Sequence[SingleLesions],
    groups: Sequence[str],
    resamples: int,
) -> dict[str, Interval]:
    """Both average precisions, with intervals that resample ``groups``.

    "AP@0.5", "AP@0.75" and "mAP[.5:.95]" are COCO's: all scores, precision and recall over all
    pictures together. The same names followed by PAPER_NAME are those of S2: the mean over pictures
    of ``image_average_precision``, regions of at least 0.75. Where the truths have several labels,
    a lesion must be of the same class, the names end in ", classes apart", and figures of each
    class join in.
    """
    labels = sorted({int(label) for item in truths for label in item.labels})
    sure = [item.of(_scores(item) >= PAPER_LEAST_SCORE) for item in found]
    apart = ", classes apart" if len(labels) > 1 else ""
    tables = {apart: _per_image(sure, truths)}
    for label in labels if apart else ():
        of_class = [[item.of(item.labels == label) for item in items] for items in (sure, truths)]
        tables[f", {CLASSES[label - 1]}"] = _per_image(*of_class)

    def of(chosen: NDArray[np.intp]) -> dict[str, float]:
        values = _coco([found[i] for i in chosen], [truths[i] for i in chosen], apart)
        for ending, table in tables.items():
            means = table[chosen].mean(axis=0)
            for name, value in (
                ("AP@0.5", means[_THRESHOLDS.index(0.5)]),
                ("AP@0.75", means[_THRESHOLDS.index(0.75)]),
                ("mAP[.5:.95]", means.mean()),
            ):
                values[f"{name}, {PAPER_NAME}{ending}"] = float(value)
        return values

    return bootstrap(of, groups, resamples=resamples)


def image_average_precision(
    found: SingleLesions, truth: SingleLesions, thresholds: Sequence[float]
) -> list[float]:
    """Average precision of one picture at each IoU threshold, as the authors of S2 count it.

    Each outlined lesion takes the region of its class that overlaps it most, if by more than the
    threshold; a region may be taken twice. Precision over the regions by falling score is made
    non-increasing and summed over the steps of recall. A picture without lesions counts 1 when
    nothing was found and 0 otherwise.
    """
    if not len(truth.masks) or not len(found.masks):
        return [float(len(truth.masks) == len(found.masks))] * len(thresholds)
    order = np.argsort(-_scores(found), kind="stable")
    overlap = _overlaps(found.masks[order], truth.masks)
    overlap[found.labels[order][:, None] != truth.labels[None]] = 0.0
    best = overlap.argmax(axis=0)
    values = []
    for threshold in thresholds:
        taken = np.zeros(len(order), bool)
        taken[best[overlap.max(axis=0) > threshold]] = True
        values.append(_area(taken, len(truth.masks)))
    return values


def _area(taken: NDArray[np.bool_], lesions: int) -> float:
    """Area under precision over recall of regions in the order of their scores."""
    hits = np.cumsum(taken)
    precision = np.append(hits / np.arange(1, len(taken) + 1), 0.0)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0.0], hits / lesions, [1.0]])
    return float(np.sum(np.diff(recall) * precision))


def _overlaps(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    a = found.reshape(len(found), -1).astype(np.float32)
    b = truth.reshape(len(truth), -1).astype(np.float32)
    both = (a @ b.T).astype(np.float64)
    either = a.sum(axis=1)[:, None] + b.sum(axis=1)[None] - both
    return both / np.maximum(either, 1.0)


def _per_image(
    found: Sequence[SingleLesions], truths: Sequence[SingleLesions]
) -> NDArray[np.float64]:
    return np.array(
        [image_average_precision(f, t, _THRESHOLDS) for f, t in zip(found, truths, strict=True)]
    )


def _scores(lesions: SingleLesions) -> NDArray[np.float32]:
    assert lesions.scores is not None
    return lesions.scores


def _coco(
    found: Sequence[SingleLesions], truths: Sequence[SingleLesions], apart: str
) -> dict[str, float]:
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision(iou_type="segm", class_metrics=bool(apart))
    metric.warn_on_many_detections = False
    for answer, truth in zip(found, truths, strict=True):
        regions = {
            "masks": torch.from_numpy(answer.masks),
            "scores": torch.from_numpy(_scores(answer)),
            "labels": torch.from_numpy(answer.labels),
        }
        wanted = {
            "masks": torch.from_numpy(truth.masks),
            "labels": torch.from_numpy(truth.labels),
        }
        metric.update([regions], [wanted])
    computed = metric.compute()
    values = {f"{name}{apart}": float(computed[key]) for key, name in _COCO_NAMES.items()}
    if apart:
        classes = np.atleast_1d(computed["classes"].numpy()).tolist()
        precisions = np.atleast_1d(computed["map_per_class"].numpy()).tolist()
        of_class = dict(zip(classes, precisions, strict=True))
        for label, name in enumerate(CLASSES, start=1):
            value = of_class.get(label, -1.0)
            values[f"mAP[.5:.95], {name}"] = value if value >= 0 else float("nan")
    return values
