"""Do raters mark the same lesions? Over the images of a study, apart from where borders lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from medai.agreement.lesion_matching import THRESHOLDS, ImageLesions, image_lesions
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError
from medai.tables import Column, Place, Table, translatable

Row = dict[str, Any]

# From this positive agreement on, lesions (or borders) are called the same: MedAI's own reading.
ALIKE_FROM = 0.8
_SHOWN: frozenset[Place] = frozenset({"csv", "page", "panel"})


@dataclass(frozen=True, eq=False)
class LesionAgreement:
    """See ``lesion_agreement`` for the rows."""

    summary_rows: tuple[Row, ...]
    pair_rows: tuple[Row, ...]
    found_rows: tuple[Row, ...]
    image_rows: tuple[Row, ...]

    def f1(self, threshold: float) -> float:
        """Positive agreement at a threshold over all images and pairs; nan without lesions."""
        return next(
            (float(row["f1"]) for row in self.summary_rows if row["iou"] == threshold),
            float("nan"),
        )

    @property
    def sentence(self) -> str:
        """Whether raters differ in lesions or in borders, in one sentence."""
        loose, strict = self.f1(THRESHOLDS[0]), self.f1(THRESHOLDS[-1])
        if not np.isfinite(loose):
            return "Nobody marked a lesion: there are none to compare."
        same_lesions = loose >= ALIKE_FROM
        # Borders are judged on the lesions that two raters share at all.
        same_borders = loose > 0 and strict / loose >= ALIKE_FROM
        if same_lesions:
            found = (
                "Raters mark the same lesions with much the same borders"
                if same_borders
                else "Raters mark the same lesions, but draw different borders"
            )
        elif loose == 0:
            found = "Raters mark different lesions"
        else:
            found = "Raters mark different lesions" + (
                "; those they share have much the same borders"
                if same_borders
                else ", and draw different borders around those they share"
            )
        return (
            f"{found}: positive agreement (F1) is {loose:.2f} where lesions need an IoU of "
            f"{THRESHOLDS[0]:g} to be the same, {strict:.2f} at {THRESHOLDS[-1]:g}."
        )


def lesion_agreement(
    images: Iterable[ImageRatings | ImageLesions], leave_out: Sequence[str] = ()
) -> LesionAgreement:
    """Positive agreement on lesions over many images.

    Lesions are connected parts of masks inside the region; two of different raters are the same
    where their IoU is at least 0.1, 0.3 or 0.5, one to one, so that the sum of IoUs is highest.
    leave_out: names of models among the raters.

        summary_rows: iou, images, lesions (mean a rater and image), f1 (2 · matched / lesions of
            both, summed over pairs and images), se, low, high (jackknifed over images),
            matched_iou (mean IoU of lesions that are the same).
        pair_rows: iou, first, second, images, first_lesions, second_lesions, matched, f1.
        found_rows: iou, raters, k, lesions, share: of the distinct lesions of images with so many
            raters, how many exactly k of them marked.
        image_rows: image, iou, raters, lesions, distinct, f1.
    Raises RatingError when no image has two raters.

    >>> masks = np.zeros((2, 3, 8), dtype=np.uint8)
    >>> masks[:, 1, 1:3] = 1; masks[0, 1, 5:7] = 1
    >>> round(lesion_agreement([ImageRatings("a", masks, ("x", "y"))]).f1(0.5), 3)
    0.667
    """
    found = []
    for image in images:
        if isinstance(image, ImageRatings):
            image = image_lesions(without(image, leave_out))
        if len(image.raters) >= 2:
            found.append(image)
    if not found:
        raise RatingError("No image with two raters: agreement on lesions needs one.")
    return LesionAgreement(
        tuple(_summary(found, t) for t in THRESHOLDS),
        tuple(row for t in THRESHOLDS for row in _pairs(found, t)),
        tuple(row for t in THRESHOLDS for row in _found(found, t)),
        tuple(
            {
                "image": image.name,
                "iou": t,
                "raters": len(image.raters),
                "lesions": float(image.lesions.mean()),
                "distinct": int(image.found_by[t].sum()),
                "f1": image.f1(t),
            }
            for image in found
            for t in THRESHOLDS
        ),
    )


def without(image: ImageRatings, leave_out: Sequence[str]) -> ImageRatings:
    """The image without the raters of these names."""
    kept = [k for k, rater in enumerate(image.raters) if rater not in leave_out]
    if len(kept) == len(image.raters):
        return image
    return ImageRatings(
        image.name,
        image.masks[kept],
        tuple(image.raters[k] for k in kept),
        image.roi,
        image.spacing_mm,
        image.covariates,
    )


def _summary(images: list[ImageLesions], threshold: float) -> Row:
    parts = np.array([_sums(image, threshold) for image in images])
    f1, se, low, high = jackknifed_ratio(2.0 * parts[:, 0], parts[:, 1])
    matched = parts[:, 0].sum()
    return {
        "iou": threshold,
        "images": len(images),
        "lesions": float(np.mean([image.lesions.mean() for image in images])),
        "f1": f1,
        "se": se,
        "low": low,
        "high": high,
        "matched_iou": float(parts[:, 2].sum() / matched) if matched else float("nan"),
    }


def _sums(image: ImageLesions, threshold: float) -> tuple[float, float, float]:
    """Over pairs: matched lesions, lesions of both, and the sum of the matched ones' IoU."""
    pairs = np.triu_indices(len(image.raters), 1)
    both = (image.lesions[:, None] + image.lesions[None, :])[pairs].sum()
    return (
        float(image.matched[threshold][pairs].sum()),
        float(both),
        float(image.iou_sum[threshold][pairs].sum()),
    )


def jackknifed_ratio(
    above: NDArray[np.float64], below: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Σ above / Σ below, its standard error over the parts, and its 95 % interval within 0..1."""
    nan = float("nan")
    total = below.sum()
    if not total:
        return nan, nan, nan, nan
    ratio = float(above.sum() / total)
    counted = below > 0
    n = int(counted.sum())
    left = total - below[counted]
    if n < 2 or not left.all():
        return ratio, nan, nan, nan
    others = (above.sum() - above[counted]) / left
    se = float(np.sqrt((n - 1.0) / n * ((others - others.mean()) ** 2).sum()))
    half = float(stdtrit(n - 1, 0.975)) * se
    return ratio, se, max(ratio - half, 0.0), min(ratio + half, 1.0)


def _pairs(images: list[ImageLesions], threshold: float) -> list[Row]:
    rows: dict[tuple[str, str], Row] = {}
    for image in images:
        for a, first in enumerate(image.raters):
            for b, second in enumerate(image.raters):
                if not first < second:
                    continue
                row = rows.setdefault(
                    (first, second),
                    {"iou": threshold, "first": first, "second": second, "images": 0,
                     "first_lesions": 0, "second_lesions": 0, "matched": 0},
                )  # fmt: skip
                row["images"] += 1
                row["first_lesions"] += int(image.lesions[a])
                row["second_lesions"] += int(image.lesions[b])
                row["matched"] += int(image.matched[threshold][a, b])
    for row in rows.values():
        both = row["first_lesions"] + row["second_lesions"]
        row["f1"] = 2.0 * row["matched"] / both if both else float("nan")
    return [rows[key] for key in sorted(rows)]


def _found(images: list[ImageLesions], threshold: float) -> list[Row]:
    totals: dict[int, NDArray[np.int64]] = {}
    for image in images:
        counts = image.found_by[threshold]
        totals[len(counts)] = totals.get(len(counts), np.zeros(len(counts), np.int64)) + counts
    return [
        {
            "iou": threshold,
            "raters": raters,
            "k": k,
            "lesions": int(count),
            "share": float(count / counts.sum()) if counts.sum() else float("nan"),
        }
        for raters, counts in sorted(totals.items())
        for k, count in enumerate(counts, start=1)
    ]


_IOU = Column(
    "iou",
    translatable("IoU from"),
    format=".1f",
    meaning=translatable("How far two lesions must overlap to be the same."),
    places=_SHOWN,
)
_F1 = Column(
    "f1",
    translatable("F1"),
    format=".2f",
    meaning=translatable("Positive agreement: 2 · matched / lesions of both raters."),
    places=_SHOWN,
)


def _count(key: str, title: str, number_format: str = "d", meaning: str = "") -> Column:
    return Column(key, translatable(title), format=number_format, meaning=meaning, places=_SHOWN)


LESION_SUMMARY = Table(
    items=lambda result: result.summary_rows,
    columns=(
        _IOU,
        _count("images", "images"),
        _count("lesions", "lesions a rater and image", ".1f"),
        _F1,
        _count("se", "SE", ".3f", translatable("Jackknifed over images.")),
        _count("low", "95 % from", ".2f"),
        _count("high", "to", ".2f"),
        _count(
            "matched_iou",
            "mean IoU of the same",
            ".2f",
            translatable("How far lesions that are the same overlap."),
        ),
    ),
)
LESION_PAIRS = Table(
    items=lambda result: result.pair_rows,
    columns=(
        _IOU,
        _count("first", "first", ""),
        _count("second", "second", ""),
        _count("images", "images"),
        _count("first_lesions", "lesions of the first"),
        _count("second_lesions", "lesions of the second"),
        _count("matched", "matched"),
        _F1,
    ),
)
LESIONS_FOUND = Table(
    items=lambda result: result.found_rows,
    columns=(
        _IOU,
        _count("raters", "raters of the image"),
        _count("k", "marked by"),
        _count("lesions", "distinct lesions"),
        _count("share", "share", ".2f"),
    ),
)
LESION_IMAGES = Table(
    items=lambda result: result.image_rows,
    columns=(
        _count("image", "image", ""),
        _IOU,
        _count("raters", "raters"),
        _count("lesions", "lesions a rater", ".1f"),
        _count("distinct", "distinct lesions"),
        _F1,
    ),
)
