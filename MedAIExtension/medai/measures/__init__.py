"""Numbers read off images and masks: lungs, zones, lesion burden."""

from medai.measures.lesions import Lesion, LesionBurden, burden_sentence, measure_lesions
from medai.measures.lungs import LungMask, segment_lungs
from medai.measures.zones import ZONE_NAMES, lung_zones

__all__ = [
    "ZONE_NAMES",
    "Lesion",
    "LesionBurden",
    "LungMask",
    "burden_sentence",
    "lung_zones",
    "measure_lesions",
    "segment_lungs",
]
