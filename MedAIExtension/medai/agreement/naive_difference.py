"""How far the average rater is above a naive one: what tells a metric worth choosing."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import stdtrit

from medai.agreement.cohort import CohortResult
from medai.agreement.performance import MEASURES
from medai.tables import Column, Table, translatable

# What the source discourages, whatever the study at hand shows.
DISCOURAGED = ("f1", "iou")
FIXED_FOR_THE_NAIVE = ("tpr", "specificity")


def naive_differences(result: CohortResult) -> tuple[dict[str, Any], ...]:
    """Rows measure, images, rater, naive, difference, se, low, high.

    difference: the average rater's value minus the naive rater's, who marks the whole region, image
    by image; its mean over images, standard error and 95 % interval. A metric with a narrow
    difference leaves an algorithm little room between the two, so that its progress is hard to see.
    Source: Hurault et al. 2022, who discourage F1 and IoU for it.
    """
    values: dict[str, dict[str, float]] = {}
    for row in result.image_rows:
        values.setdefault(row["measure"], {})[row["image"]] = row["value"]
    rows = []
    for measure in MEASURES:
        raters, naive = values.get(measure, {}), values.get(f"naive_{measure}", {})
        pairs = np.array([(raters[i], naive[i]) for i in raters if i in naive]).reshape(-1, 2)
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        n = len(pairs)
        if not n:
            continue
        difference = pairs[:, 0] - pairs[:, 1]
        mean = float(difference.mean())
        se = float(difference.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        half = float(stdtrit(n - 1, 0.975)) * se if n > 1 else float("nan")
        rows.append(
            {
                "measure": measure,
                "images": n,
                "rater": float(pairs[:, 0].mean()),
                "naive": float(pairs[:, 1].mean()),
                "difference": mean,
                "se": se,
                "low": mean - half,
                "high": mean + half,
            }
        )
    return tuple(rows)


NAIVE_DIFFERENCES = Table(
    items=naive_differences,
    columns=(
        Column("measure", translatable("measure")),
        Column("images", translatable("images"), format="d"),
        Column("rater", translatable("average rater"), format=".3f"),
        Column("naive", translatable("naive rater"), format=".3f"),
        Column("difference", translatable("difference"), format="+.3f"),
        Column("se", translatable("SE"), format=".3f"),
        Column("low", translatable("95 % from"), format="+.3f"),
        Column("high", translatable("to"), format="+.3f"),
    ),
)
