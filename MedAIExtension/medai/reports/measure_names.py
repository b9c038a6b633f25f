"""What measures of agreement are called in figures and tables."""

from __future__ import annotations

from medai.agreement.cohort import CohortResult


def measure_label(measure: str) -> str:
    """A measure's name as figures and tables show it."""
    names = {
        "pixel_icc": "pixel ICC",
        "krippendorff_alpha": "Krippendorff's alpha",
        "extent": "marked share",
        "accuracy": "accuracy",
        "iou": "IoU",
        "tpr": "sensitivity",
        "ppv": "precision",
        "f1": "F1",
        "specificity": "specificity",
        "mcc": "Matthews corr.",
        "dice": "Dice of pairs",
        "iou_pairs": "IoU of pairs",
    }
    if measure.startswith("area_icc_"):
        grid = measure.removeprefix("area_icc_")
        return f"area ICC, {grid} × {grid}"
    if measure.endswith("_laplace"):
        return f"{measure_label(measure.removesuffix('_laplace'))} as published (Laplace)"
    if measure.startswith("naive_"):
        return f"naive {measure_label(measure.removeprefix('naive_'))}"
    return names.get(measure, measure.replace("_", " "))


def agreement_measures(result: CohortResult) -> list[str]:
    """The chance-corrected measures, pixels first."""
    return ["pixel_icc", "krippendorff_alpha", *(f"area_icc_{grid}" for grid in result.grids)]
