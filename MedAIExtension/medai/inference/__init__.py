"""Image to result: device, batches, progress, cancel.

torch is imported only when a network runs: results and thresholds work without it.
"""

from __future__ import annotations

from medai.inference.lesions.result import LOWEST_SCORE, LesionOptions, LesionResult, RoiTable
from medai.inference.lesions.rethreshold import rethreshold
from medai.inference.lesions.segmentation import segment_lesions

__all__ = [
    "LOWEST_SCORE",
    "LesionOptions",
    "LesionResult",
    "RoiTable",
    "rethreshold",
    "segment_lesions",
]
