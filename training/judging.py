"""Shipped models judged on pictures with known truth, run by the very code that users run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.inference.covid.slice_classifier import SliceClassifier
from medai.inference.lesions.rethreshold import lesions_from_probability, lesions_from_regions
from medai.inference.lesions.slice_networks import SliceAnswer, run_networks
from medai.measures import diagnostics
from medai.models import Model
from training.average_precision import SingleLesions, average_precisions, true_lesions
from training.bootstrap import Interval, bootstrap
from training.calibration import LEAST_PICTURES, best_temperature, interval_probability
from training.lesion_slices import CLASSES, LesionSlice
from training.pictures import ClassifiedPicture

# Of pasted regions, for average precision; a card can't change it.
_MASK_THRESHOLD = 0.5
# Average precision looks at regions down to this score.
_LEAST_SCORE = 0.05


@dataclass(frozen=True, eq=False)
class FoundLesions:
    """What a model found in one picture: lesions (y, x) 0 or 1 + class, probability (y, x), and
    single lesions as masks (n, y, x) with scores (n,).

    labels: (n,) from 1, the class of each region of a Mask R-CNN; None where single lesions are
    connected pixels, whatever their class.
    """

    lesions: NDArray[np.uint8]
    probability: NDArray[np.float32]
    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None

    @property
    def joined(self) -> SingleLesions:
        """The single lesions, whatever their class."""
        return SingleLesions(self.masks, np.ones(len(self.masks), np.int64), self.scores)

    @property
    def apart(self) -> SingleLesions:
        """The single lesions of each class."""
        if self.labels is None:
            return connected_lesions(self.lesions, self.probability)
        return SingleLesions(self.masks, self.labels, self.scores)


class _Pictures:
    """One 8-bit picture in place of the lung slices of a study; it is its own crop."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._image = image
        self.axial = SimpleNamespace(grid_shape=(1, *image.shape), spacing_mm=(1.0, 1.0, 1.0))
        self.pixel_mm = (1.0, 1.0)

    def __len__(self) -> int:
        return 1

    def place(self, number: int) -> tuple[int, slice, slice]:
        rows, columns = self._image.shape
        return 0, slice(0, rows), slice(0, columns)

    def picture(self, number: int) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self._image)


def run_on_picture(model: Model, image: NDArray[np.uint8], device: str = "auto") -> SliceAnswer:
    """What the networks of a lesion model say of one picture (y, x) uint8, as a single slice."""
    return run_networks(
        model,
        _Pictures(image),  # type: ignore[arg-type]
        device=device,
        score_threshold=_LEAST_SCORE,
    )


def find_lesions(model: Model, image: NDArray[np.uint8], device: str = "auto") -> FoundLesions:
    """Run a lesion model on one picture (y, x) uint8 that is already cropped to the lungs."""
    answer = run_on_picture(model, image, device)
    lesions = _thresholded(model, answer)[0]
    probability = answer.probability[0].astype(np.float32)
    if answer.rois is not None:
        return FoundLesions(lesions, probability, *_regions(answer))
    joined = connected_lesions((lesions > 0).astype(np.uint8), probability)
    assert joined.scores is not None
    return FoundLesions(lesions, probability, joined.masks, joined.scores)


def judge_lesions(
    model: Model,
    slices: Sequence[LesionSlice],
    *,
    device: str = "auto",
    resamples: int = 1000,
) -> dict[str, Any]:
    """Dice, IoU, sensitivity, precision and average precision of a lesion model.

    Dice and the like are means over pictures, lesion against not, at the picture's own size;
    classes are judged where the truth has both. Average precisions: see ``average_precisions``.
    Intervals resample patients. Returns measures by name, temperature and interval probability
    (``training.calibration``), and every picture's own figures.
    """
    found = [find_lesions(model, item.image, device) for item in slices]
    rows = _overlaps(len(model.classes), slices, found)
    return _judged(len(model.classes), slices, found, rows, resamples)


def judge_cross_validated(
    model: Model,
    slices: Sequence[LesionSlice],
    folds: list[int],
    *,
    device: str = "auto",
    resamples: int = 1000,
) -> dict[str, Any]:
    """``judge_lesions`` of an ensemble, each slice by the one member that never saw it.

    folds: for each slice, the number of the member that had it held out. Beside the measures over
    all slices the result has each fold's mean Dice, and their mean and standard deviation.
    """
    members = model.singles
    found = [
        find_lesions(members[fold], item.image, device)
        for item, fold in zip(slices, folds, strict=True)
    ]
    rows = _overlaps(len(model.classes), slices, found)
    judged = _judged(len(model.classes), slices, found, rows, resamples)
    dice = np.array([row["Dice"] for row in rows])
    means = np.array([dice[np.asarray(folds) == fold].mean() for fold in range(len(members))])
    return {
        "folds": [
            {"held out by": member.card.id, "n": folds.count(fold), "Dice": float(mean)}
            for fold, (member, mean) in enumerate(zip(members, means, strict=True))
        ],
        "Dice over folds": {"mean": float(means.mean()), "SD": float(means.std(ddof=1))},
    } | judged


def _overlaps(
    classes: int, slices: Sequence[LesionSlice], found: Sequence[FoundLesions]
) -> list[dict[str, float]]:
    rows = []
    for item, answer in zip(slices, found, strict=True):
        assert item.mask is not None
        row = overlap(answer.lesions > 0, item.mask > 0)
        if classes == len(CLASSES):
            for index, name in enumerate(CLASSES, start=1):
                if (item.mask == index).any():
                    row[f"Dice, {name}"] = overlap(answer.lesions == index, item.mask == index)[
                        "Dice"
                    ]
        rows.append(row)
    return rows


def _judged(
    classes: int,
    slices: Sequence[LesionSlice],
    found: Sequence[FoundLesions],
    rows: list[dict[str, float]],
    resamples: int,
) -> dict[str, Any]:
    groups = [item.patient for item in slices]
    names = list(dict.fromkeys(name for row in rows for name in row))

    def means(chosen: NDArray[np.intp]) -> dict[str, float]:
        return {name: _mean(rows, name, chosen) for name in names}

    measures = bootstrap(means, groups, resamples=resamples)
    resamples = min(resamples, 200)
    truths = [true_lesions(item, 1) for item in slices]
    measures |= average_precisions([item.joined for item in found], truths, groups, resamples)
    truths = [true_lesions(item, classes) for item in slices]
    if any((truth.labels > 1).any() for truth in truths):
        measures |= average_precisions([item.apart for item in found], truths, groups, resamples)
    sure = [answer.probability for answer in found]
    masks = [item.mask > 0 for item in slices if item.mask is not None]
    enough = len(slices) >= LEAST_PICTURES
    return {
        "measures": {name: vars(value) for name, value in measures.items()},
        "calibration": {
            "temperature": best_temperature(sure, masks),
            "interval_probability": interval_probability(sure, masks) if enough else None,
        },
        "pictures": [
            {"name": item.name} | {k: round(v, 4) for k, v in row.items()}
            for item, row in zip(slices, rows, strict=True)
        ],
    }


def overlap(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Dice, IoU, sensitivity and precision of two masks; a share of nothing is 1."""
    both = int(np.count_nonzero(found & truth))
    extra = int(np.count_nonzero(found)) - both
    missed = int(np.count_nonzero(truth)) - both
    return {
        "Dice": _share(2 * both, 2 * both + extra + missed),
        "IoU": _share(both, both + extra + missed),
        "sensitivity": _share(both, both + missed),
        "precision": _share(both, both + extra),
    }


def judge_classifier(
    model: Model,
    pictures: Sequence[ClassifiedPicture],
    *,
    device: str = "auto",
    resamples: int = 1000,
) -> dict[str, Any]:
    """Accuracy, sensitivity, specificity, F1, AUC, confusion matrix and calibration.

    Label 1 (of 0 and 1) is COVID-19. The decision is at the card's threshold, else 0.5. Intervals
    resample patients; the AUC has DeLong's interval beside.
    """
    classifier = SliceClassifier(model, device, None)
    column = classifier.classes.index("COVID-19")
    p = np.array([_covid_probability(classifier, item.image, column) for item in pictures])
    truth = np.array([item.label for item in pictures])
    threshold = 0.5 if model.card.decision.threshold is None else model.card.decision.threshold
    groups = [item.patient for item in pictures]

    measures = classifier_measures(truth, p, groups, threshold, resamples=resamples)
    area = diagnostics.auc(truth, p)
    return {
        "threshold": threshold,
        "measures": {name: vars(value) for name, value in measures.items()},
        "AUC, DeLong": vars(area),
        "confusion matrix": {
            "rows": "truth: no COVID-19, COVID-19",
            "columns": "called: no COVID-19, COVID-19",
            "counts": diagnostics.confusion_matrix(truth, (p >= threshold).astype(int), 2).tolist(),
        },
        "pictures": [
            {"name": item.name, "truth": item.label, "probability": round(float(value), 4)}
            for item, value in zip(pictures, p, strict=True)
        ],
    }


def classifier_measures(
    truth: NDArray[np.int_],
    p: NDArray[np.floating],
    groups: Sequence[str],
    threshold: float,
    *,
    resamples: int = 1000,
) -> dict[str, Interval]:
    """Accuracy, sensitivity, specificity, F1, AUC and ECE with intervals that resample ``groups``.

    truth: (n,) 0 or 1. p: (n,) probability of 1, called 1 from ``threshold`` on.
    """

    def of(chosen: NDArray[np.intp]) -> dict[str, float]:
        rates = diagnostics.rates(truth[chosen], p[chosen], threshold)
        both = 0 < truth[chosen].sum() < len(chosen)
        return {
            "accuracy": rates.accuracy.value,
            "sensitivity": rates.sensitivity.value,
            "specificity": rates.specificity.value,
            "F1": rates.f1,
            "AUC": diagnostics.auc(truth[chosen], p[chosen]).value if both else float("nan"),
            "ECE": diagnostics.calibration(truth[chosen], p[chosen]).ece,
        }

    return bootstrap(of, groups, resamples=resamples)


def _covid_probability(classifier: SliceClassifier, image: NDArray[np.uint8], column: int) -> float:
    p, _ = classifier.run(image[None], (1.0, 1.0))
    return float(p[0, column])


def _thresholded(model: Model, answer: SliceAnswer) -> NDArray[np.uint8]:
    decision = model.card.decision
    mask = decision.voxel_probability
    score = decision.region_score
    if answer.rois is None:
        return lesions_from_probability(answer.probability, answer.likeliest, mask)
    everywhere = np.ones(answer.probability.shape, np.uint8)
    return lesions_from_regions(answer.rois, everywhere, score, mask)


def connected_lesions(
    lesions: NDArray[np.uint8], probability: NDArray[np.float32]
) -> SingleLesions:
    """The 8-connected lesions of a label map (y, x), scored by their mean probability."""
    from scipy import ndimage

    masks: list[NDArray[np.bool_]] = []
    labels: list[int] = []
    for label in np.unique(lesions[lesions > 0]).tolist():
        components, count = ndimage.label(lesions == label, structure=np.ones((3, 3), int))
        masks += [components == index for index in range(1, count + 1)]
        labels += [label] * count
    return SingleLesions(
        np.array(masks, bool).reshape(-1, *lesions.shape),
        np.array(labels, np.int64),
        np.array([probability[mask].mean() for mask in masks], np.float32),
    )


def _regions(
    answer: SliceAnswer,
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.int64]]:
    """Masks, scores and labels of a Mask R-CNN's best hundred regions with a mask."""
    import torch
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    rois = answer.rois
    assert rois is not None
    best = rois.masked[:100]
    logits = torch.from_numpy(rois.mask_logits[:100].astype(np.float32))
    boxes = torch.from_numpy(rois.box[best])
    pasted = paste_masks_in_image(logits.sigmoid()[:, None], boxes, answer.probability.shape[1:])
    masks = (pasted[:, 0] >= _MASK_THRESHOLD).numpy()
    return masks, rois.score[best], rois.class_index[best].astype(np.int64) + 1


def _mean(rows: Sequence[dict[str, float]], name: str, chosen: NDArray[np.intp]) -> float:
    values = [rows[index][name] for index in chosen if name in rows[index]]
    return float(np.mean(values)) if values else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
