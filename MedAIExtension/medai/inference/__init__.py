"""Image to result: device, batches, progress, cancel.

torch is imported only when a network runs: results and thresholds work without it.
"""

from __future__ import annotations

from medai.inference.lesion_result import LOWEST_SCORE, LesionOptions, LesionResult, RoiTable
from medai.inference.lesions import segment_lesions
from medai.inference.rethreshold import rethreshold

__all__ = [
    "LOWEST_SCORE",
    "LesionOptions",
    "LesionResult",
    "RoiTable",
    "rethreshold",
    "segment_lesions",
]
