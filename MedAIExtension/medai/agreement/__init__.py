"""How well raters agree: numbers only, no images, no torch, no Slicer.

Everything takes arrays of 0 and 1 (or categories, or measures) and gives frozen results; masks
are (raters, *grid). ``cohort`` runs the whole analysis of a study.
"""

from medai.agreement.alpha import alpha_interval, krippendorff_alpha
from medai.agreement.alternative_annotator import AlternativeAnnotator, alternative_annotator
from medai.agreement.area_icc import area_icc
from medai.agreement.classical_icc import ClassicalIcc, classical_icc
from medai.agreement.cohort import CohortResult, cohort
from medai.agreement.consensus import (
    Consensus,
    band_staple,
    dawid_skene,
    disagreement,
    majority,
    staple,
)
from medai.agreement.correlation import Correlation, pearson
from medai.agreement.extent_icc import ExtentIcc, adjusted_extent, extent_icc
from medai.agreement.icc_estimate import IccEstimate
from medai.agreement.icc_intervals import bootstrap_interval, profile_interval
from medai.agreement.interval import Interval
from medai.agreement.kappa import cohen_kappa, fleiss_kappa, gwet_ac, pairwise_cohen
from medai.agreement.lesion_agreement import LesionAgreement, lesion_agreement
from medai.agreement.lesion_matching import ImageLesions, image_lesions
from medai.agreement.local_extent import local_extent
from medai.agreement.overlap import Overlap, dice, pairwise_overlap
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.performance import PerformanceTable, Scores, performance, score_against
from medai.agreement.pixel_icc import pixel_icc
from medai.agreement.ratings import ImageRatings
from medai.agreement.regression import Regression, linear_model
from medai.agreement.reliability import mean_reliability, raters_needed

__all__ = [
    "AlternativeAnnotator",
    "ClassicalIcc",
    "CohortResult",
    "Consensus",
    "Correlation",
    "ExtentIcc",
    "IccEstimate",
    "ImageLesions",
    "ImageRatings",
    "Interval",
    "LesionAgreement",
    "Overlap",
    "PerformanceTable",
    "RatingPatterns",
    "Regression",
    "Scores",
    "adjusted_extent",
    "alpha_interval",
    "alternative_annotator",
    "area_icc",
    "band_staple",
    "bootstrap_interval",
    "classical_icc",
    "cohen_kappa",
    "cohort",
    "dawid_skene",
    "dice",
    "disagreement",
    "extent_icc",
    "fleiss_kappa",
    "gwet_ac",
    "image_lesions",
    "krippendorff_alpha",
    "lesion_agreement",
    "linear_model",
    "local_extent",
    "majority",
    "mean_reliability",
    "pairwise_cohen",
    "pairwise_overlap",
    "pearson",
    "performance",
    "pixel_icc",
    "profile_interval",
    "raters_needed",
    "rating_patterns",
    "score_against",
    "staple",
]
