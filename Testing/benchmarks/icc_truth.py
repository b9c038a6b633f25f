"""Exact and Laplace ICCs against simulated truth: bias, coverage, and the documentation's figure.

``python -m Testing.benchmarks.icc_truth`` prints a table and draws
``Resources/Documentation/icc-truth.svg``. Variances are known; the link's variance is π²/3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medai.agreement import rating_patterns
from medai.agreement.area_icc import AreaCounts, area_iccs
from medai.agreement.icc_estimate import IccEstimate
from medai.agreement.pixel_icc import pixel_iccs
from medai.palette import BLUE, VERMILLION, hex_color
from medai.reports.charts import new_figure, save_figure
from Testing.agreement.simulated import simulated_masks

FIGURE = Path(__file__).resolve().parents[2] / "Resources" / "Documentation" / "icc-truth.svg"
IMAGES = 60
PIXELS = 2000
_LINK = np.pi**2 / 3


@dataclass(frozen=True)
class Case:
    """A kind of image. intercept: −5 marks 2 to 12 % of the pixels, −1 about 35 %."""

    name: str
    raters: int
    variance_unit: float
    variance_rater: float
    intercept: float
    missing: bool = False

    @property
    def truth(self) -> float:
        """The ICC that the variances give."""
        return self.variance_unit / (self.variance_unit + self.variance_rater + _LINK)


CASES = (
    *(
        Case(f"{name}, {raters} raters", raters, unit, 0.3, intercept)
        for name, unit, intercept in (("sparse", 6.0, -5.0), ("dense", 4.0, -1.0))
        for raters in (2, 4, 8, 16)
    ),
    Case("dense, 4 raters, one saw half", 4, 4.0, 0.3, -1.0, missing=True),
)
SWEEP = tuple(
    Case(f"{unit:g}", 4, unit, 0.3, intercept)
    for intercept in (-5.0, -1.0)
    for unit in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
)


def main() -> None:
    """Print bias and coverage of each case, and draw the figure."""
    print(f"{'case':32} truth  exact (bias)    Laplace (bias)  95 % intervals that cover")
    for case in CASES:
        masks = _images(case, IMAGES)
        exact = pixel_iccs(masks, link_variance="liability")
        laplace = pixel_iccs(masks, method="laplace", link_variance="liability")
        print(_row(case.name, case.truth, exact, laplace))
    for over in (0.0, 2.0):
        cells = [_cells(4, 4.0, 0.3, over, seed) for seed in range(IMAGES)]
        truth = 4.0 / (4.3 + over + _LINK)
        exact = area_iccs(cells, link_variance="liability")
        laplace = area_iccs(cells, method="laplace", link_variance="liability")
        print(_row(f"areas, 4 raters, V_over {over:g}", truth, exact, laplace))
    draw()


def draw() -> None:
    """Estimate against truth, four raters, sparse and dense."""
    figure, axes = new_figure(6.4, 5.4)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="right")
    for method, color in (("exact", BLUE), ("laplace", VERMILLION)):
        for intercept, mark, words in ((-5.0, "o", "2–12 % marked"), (-1.0, "s", "30–40 % marked")):
            cases = [case for case in SWEEP if case.intercept == intercept]
            found = [
                [one.icc for one in pixel_iccs(
                    _images(case, 15), method=method, link_variance="liability", intervals=False
                )]
                for case in cases
            ]  # fmt: skip
            name = "exact" if method == "exact" else "Laplace"
            axes.errorbar(
                [case.truth for case in cases],
                [np.mean(values) for values in found],
                yerr=[np.std(values) for values in found],
                marker=mark,
                linestyle="-" if mark == "s" else "--",
                color=hex_color(color),
                capsize=3,
                label=f"{name}, {words}",
            )
    axes.set(
        xlabel="true ICC of the simulated images",
        ylabel="estimated ICC, mean ± SD over 15 images",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.legend(frameon=False, loc="lower right")
    save_figure(figure, FIGURE, format="svg", metadata={"Date": None})
    print(FIGURE.name)


def _images(case: Case, count: int) -> list:
    seen = np.ones((case.raters, PIXELS), bool)
    if case.missing:
        seen[-1, : PIXELS // 2] = False
    return [
        rating_patterns(
            simulated_masks(
                PIXELS,
                case.raters,
                case.variance_unit,
                case.variance_rater,
                case.intercept,
                1000 * case.raters + seed,
            ),
            seen=seen,
        )
        for seed in range(count)
    ]


def _cells(raters: int, unit: float, rater: float, over: float, seed: int) -> AreaCounts:
    """100 cells of 60 pixels whose marked counts are over-dispersed by V_over."""
    random = np.random.default_rng(seed)
    eta = (
        -1.5
        + np.sqrt(unit) * random.standard_normal((100, 1))
        + np.sqrt(rater) * random.standard_normal((1, raters))
        + np.sqrt(over) * random.standard_normal((100, raters))
    )
    units = np.full(100, 60)
    return AreaCounts(random.binomial(units[:, None], 1 / (1 + np.exp(-eta))), units)


def _row(
    name: str, truth: float, exact: Sequence[IccEstimate], laplace: Sequence[IccEstimate]
) -> str:
    values = [np.array([one.icc for one in found]) for found in (exact, laplace)]
    told = [f"{v.mean():.3f} ({v.mean() - truth:+.3f})" for v in values]
    covered = sum(one.low <= truth <= one.high for one in exact)
    return f"{name:32} {truth:.3f}  {told[0]:14}  {told[1]:14}  {covered} of {len(exact)}"


if __name__ == "__main__":
    main()
