"""Numbers read off images and masks: lungs, zones, lesion burden."""

from medai.measures.lesions import (
    Lesion,
    LesionBurden,
    burden_sentence,
    healthy_level,
    healthy_sentence,
    measure_lesions,
    opacity_sentence,
    without_small_regions,
)
from medai.measures.lungs import LungMask, label_lungs, segment_lungs
from medai.measures.zones import ALL_ZONE_NAMES, ZONE_NAMES, lung_zones

__all__ = [
    "ALL_ZONE_NAMES",
    "ZONE_NAMES",
    "Lesion",
    "LesionBurden",
    "LungMask",
    "burden_sentence",
    "healthy_level",
    "healthy_sentence",
    "label_lungs",
    "lung_zones",
    "measure_lesions",
    "opacity_sentence",
    "segment_lungs",
    "without_small_regions",
]
