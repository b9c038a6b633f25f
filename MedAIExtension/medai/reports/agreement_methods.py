"""The methods paragraph of an agreement analysis, to paste into a manuscript."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import medai
from medai.agreement.cohort import CohortResult

REFERENCES = (
    "Bates D, Mächler M, Bolker B, Walker S. Fitting linear mixed-effects models using lme4. "
    "J Stat Softw 2015;67(1).",
    "Hurault G, Pan K, Mokhtari R, et al. Detecting eczema areas in digital images: an impossible "
    "task? medRxiv 2022.",
    "Koo TK, Li MY. A guideline of selecting and reporting intraclass correlation coefficients for "
    "reliability research. J Chiropr Med 2016;15(2):155–163.",
    "Krippendorff K. Content analysis, 4th ed. Sage 2018, chapter 12.",
    "Nakagawa S, Schielzeth H. Repeatability for Gaussian and non-Gaussian data. Biol Rev "
    "2010;85(4):935–956.",
    "Stoffel MA, Nakagawa S, Schielzeth H. rptR. Methods Ecol Evol 2017;8(11):1639–1644.",
)


def methods_text(result: CohortResult) -> str:
    """What was computed, with formulas and versions, in prose."""
    fit = (
        "maximum likelihood under the Laplace approximation"
        if result.method == "laplace"
        else "maximum likelihood, pixel effects integrated by quadrature (no Laplace approximation)"
    )
    link = "1/(p(1−p)) with p the mean rating" if result.link_variance == "meanobs" else "π²/3"
    grids = ", ".join(f"{grid} × {grid}" for grid in result.grids)
    areas = (
        f" Area-level ICCs used the marked proportion in {grids} cells with a binomial mixed model "
        "that adds one random effect per observation for over-dispersion."
        if result.grids
        else ""
    )
    left_out = (
        f" {len(result.exclusions)} of {len(result.images)} images were excluded from the "
        "summaries of agreement (reasons in exclusions.csv)."
        if result.exclusions
        else ""
    )
    resamples = result.extent.resamples if result.extent is not None else 0
    return (
        f"Delineations of {len(result.images)} images by {len(result.raters)} raters were compared "
        "inside the region of interest. The pixel-level intraclass correlation coefficient (ICC) "
        "was estimated for each image by a logistic mixed model with crossed random effects of "
        f"pixel and rater, fitted by {fit}, as V_pixel / (V_pixel + V_rater + V_link) on the logit "
        f"scale with V_link = {link}.{areas} Krippendorff's alpha was computed at the nominal "
        "level. The ICC of the total extent used the logit of (marked + 1)/(region + 2) in a "
        "linear mixed model with random effects of image and rater (REML), with a 95 % interval "
        f"from {resamples} parametric bootstrap resamples. Each rater was compared with the "
        "majority of the others (accuracy, IoU, sensitivity, precision, F1, specificity, Matthews "
        "correlation), beside a naïve rater who marks the whole region. ICCs below 0.5 were read "
        f"as poor and above 0.9 as excellent (Koo and Li 2016).{left_out} Computed with MedAI "
        f"{medai.__version__} (numpy {_version('numpy')}, scipy {_version('scipy')})."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
