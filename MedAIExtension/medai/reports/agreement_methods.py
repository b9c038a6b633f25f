"""The methods paragraph of an agreement analysis, to paste into a manuscript."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import medai
from medai.agreement.cohort import CohortResult

REFERENCES = (
    "Bates D, Mächler M, Bolker B, Walker S. Fitting linear mixed-effects models using lme4. "
    "J Stat Softw 2015;67(1).",
    "Calderon N, Reichart R, Dror R. The alternative annotator test for LLM-as-a-judge. 2025.",
    "Hurault G, Pan K, Mokhtari R, et al. Detecting eczema areas in digital images: an impossible "
    "task? JID Innov 2022;2(5):100133.",
    "Koo TK, Li MY. A guideline of selecting and reporting intraclass correlation coefficients for "
    "reliability research. J Chiropr Med 2016;15(2):155–163.",
    "Krippendorff K. Content analysis, 4th ed. Sage 2018, chapter 12.",
    "Nakagawa S, Schielzeth H. Repeatability for Gaussian and non-Gaussian data. Biol Rev "
    "2010;85(4):935–956.",
    "Stoffel MA, Nakagawa S, Schielzeth H. rptR. Methods Ecol Evol 2017;8(11):1639–1644.",
)


def methods_text(result: CohortResult, further: str = "") -> str:
    """What was computed, with formulas, rules, seed and versions, in prose.

    further: sentences on measures beside the cohort's own, each with a space before it.
    """
    exact = result.method == "exact"
    fit = (
        "maximum likelihood, pixel effects integrated by quadrature and rater effects by Laplace's "
        "approximation"
        if exact
        else "maximum likelihood under the Laplace approximation"
    )
    intervals = (
        " 95 % intervals of single images are from the restricted likelihood with Bartlett's "
        "factor."
        if exact
        else ""
    )
    link = "1/(p(1−p)) with p the mean rating" if result.link_variance == "meanobs" else "π²/3"
    grids = ", ".join(f"{grid} × {grid}" for grid in result.grids)
    areas = (
        f" Area-level ICCs used the marked proportion in {grids} cells with a binomial mixed model "
        "that adds one random effect per observation for over-dispersion"
        + (", cell and observation effects integrated by quadrature." if exact else ".")
        if result.grids
        else ""
    )
    resamples = result.extent.resamples if result.extent is not None else 0
    candidates = (
        " Candidates were put in each rater's place by the alternative-annotator test (Calderon "
        f"et al. 2025; ε = {result.candidates[0].epsilon:g}; mean Dice as closeness; paired t "
        "test, Wilcoxon's signed-rank test below 30 images; Benjamini–Yekutieli at 5 %)."
        if result.candidates
        else ""
    )
    confounders = (
        " What agreement depends on was estimated by one Gaussian linear model per measure with "
        "all covariates; p values are given raw and adjusted by Holm."
        if result.confounder_rows
        else ""
    )
    measured = {row["measure"] for row in result.image_rows}
    distances = " ".join(
        f" Hausdorff, 95 % Hausdorff and mean surface distances of pairs are in {unit}."
        for unit in ("mm", "pixels")
        if f"hausdorff_{unit}" in measured
    )
    return (
        f"Delineations of {result.given} images by {len(result.raters)} raters were compared"
        f"{_where(result)}. The pixel-level intraclass correlation coefficient (ICC) was "
        "estimated for each image by a logistic mixed model with crossed random effects of pixel "
        f"and rater, fitted by {fit}, as V_pixel / (V_pixel + V_rater + V_link) on the logit "
        f"scale with V_link = {link}.{intervals}{areas} Krippendorff's alpha was computed at the "
        "nominal level. The ICC of the total extent used the logit of (marked + 1)/(region + 2) "
        "in a linear mixed model with random effects of image and rater (REML), with a 95 % "
        f"interval from {resamples} parametric bootstrap resamples (seed {result.seed}). Each "
        "rater was compared with the majority of the others (accuracy, IoU, sensitivity, "
        "precision, F1, specificity, Matthews correlation), beside a naive rater who marks the "
        "whole region."
        f"{distances}{further}{candidates}{confounders} ICCs below 0.5 were read as poor and above "
        f"0.9 as excellent (Koo and Li 2016).{_left_out(result)} Computed with MedAI "
        f"{medai.__version__} (numpy {_version('numpy')}, scipy {_version('scipy')}). Cite as: "
        f"MedAI, version {medai.__version__}, a 3D Slicer extension for measuring lesions and "
        "rater agreement."
    )


def _where(result: CohortResult) -> str:
    read = len(result.images)
    if not result.regions:
        return " over the whole image"
    if result.regions == read:
        return " inside the region of interest"
    return (
        f" inside the region of interest on the {result.regions} images that had one, and over the "
        f"whole image on the other {read - result.regions}"
    )


def _left_out(result: CohortResult) -> str:
    rule = (
        " Images were to be left out of the summaries of agreement where more than half of the "
        f"raters marked more than {100 * result.exclude_above:g} % or less than "
        f"{100 * result.exclude_below:g} % of the region, or where fewer than two raters took part"
    )
    number = len(result.exclusions)
    if not number:
        return f"{rule}: none was."
    were = "was" if number == 1 else "were"
    return f"{rule}: {number} of {result.given} {were} (reasons in exclusions.csv)."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
