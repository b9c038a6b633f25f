"""Judge a cataract model as the source paper judged its own (S5).

``python -m training.judge_cataract --model ID -o FOLDER [--run RUN]`` prints and writes
``judged.json``, the paper's figures (Dice curves, ROC, distribution of the cataract fraction) and a
table beside the paper's numbers; on unseen phantom eyes, or with ``--data SCANS --patients CSV`` on
your own scans, ``SCANS/<patient>/<eye>/*.png`` (``oct_cohort``), with the age and acuity tests and,
where the table has grades, cataract fraction by grade. ``--repeats SCANS``, with
``<patient>/<eye>/<visit>/*.png``, measures repeatability instead.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medai.images.oct_scans import eye_from_volume
from medai.inference.cataract.mapping import map_cataract
from medai.measures.diagnostics import auc, compare_auc, rates, roc_curve
from medai.models import ModelStore
from medai.output import write_text
from medai.palette import BLUE, ORANGE, hex_color
from medai.phantoms.lens_oct import lens_patient
from medai.reports.charts import figure_png, new_figure
from medai.reports.json_text import json_text
from training.bootstrap import bootstrap
from training.command import run_guarded
from training.figures_cataract import draw_dice_curves, judged_epochs
from training.oct_cohort import (
    CohortEye,
    age_and_acuity,
    grading,
    measure_cohort,
    measure_repeats,
    read_patients,
)

UNSEEN = 100_000  # first phantom patient that no training run draws
PAPER = {
    "clear mean ± SD": "0.024 ± 0.077",
    "cataract mean ± SD": "0.479 ± 0.230",
    "AUC": "0.98",
    "threshold": "0.14",
    "sensitivity": "0.944",
    "specificity": "0.947",
}
PAPER_DEVELOPMENT = {
    "clear mean ± SD": "0.002 ± 0.003",
    "cataract mean ± SD": "0.625 ± 0.236",
    "AUC": "1.00",
    "threshold": "0.19",
    "sensitivity": "1.000",
    "specificity": "1.000",
}


@dataclass(frozen=True)
class JudgedEye:
    """One eye: its patient, truth, and what the model made of it (means over scans).

    Clinical eyes have no true fraction and no outlines: nan. average_lens_density: mean grey value
    of the lens, the measure that the paper compares with.
    """

    patient: int | str
    diseased: bool
    true_fraction: float
    cataract_fraction: float
    lens_dice: float
    cataract_dice: float
    average_lens_density: float = math.nan


def judge_eyes(model_id: str, eyes: int, scans: int, shape: tuple[int, int]) -> list[JudgedEye]:
    """Run the model on ``eyes`` phantom eyes, half of them with cataract."""
    model = ModelStore().load(model_id, task="cataract")
    judged = []
    for patient in range(UNSEEN, UNSEEN + eyes // 2):
        diseased = patient % 2 == 1
        for phantom in lens_patient(patient, cataract=diseased, shape=shape, scans=scans):
            found = map_cataract(eye_from_volume(phantom.volume), model).eyes[0]
            judged.append(
                JudgedEye(
                    patient,
                    diseased,
                    float(phantom.fractions.mean()),
                    found.summary.cataract_fraction,
                    _dice(found.lens, phantom.lens),
                    _dice(found.cataract, phantom.cataract) if diseased else math.nan,
                    found.summary.average_lens_density,
                )
            )
    return judged


def judged_eyes(eyes: list[CohortEye]) -> list[JudgedEye]:
    """Clinical eyes as ``figures_of`` takes them; eyes without a fraction are left out."""
    return [
        JudgedEye(
            eye.patient,
            eye.row.cataract,
            math.nan,
            eye.measure.cataract_fraction,
            math.nan,
            math.nan,
            eye.measure.average_lens_density,
        )
        for eye in eyes
        if eye.measure.scans_used
    ]


def figures_of(judged: list[JudgedEye], resamples: int = 2000) -> dict[str, Any]:
    """The paper's figures of judged eyes, intervals by bootstrap over patients.

    Beside them DeLong's comparison with average lens density; with outlines Dice and correlation.
    """
    truth = np.array([eye.diseased for eye in judged])
    fraction = np.array([eye.cataract_fraction for eye in judged])
    true_fraction = np.array([eye.true_fraction for eye in judged])
    patient = np.array([str(eye.patient) for eye in judged])
    threshold = roc_curve(truth, fraction).best_threshold
    at = rates(truth, fraction, threshold)
    sick = truth

    outlined = bool(np.isfinite(true_fraction).all())

    def everyone(i: NDArray[np.intp]) -> dict[str, float]:
        both = 0 < truth[i].sum() < len(i)
        area = {"AUC": auc(truth[i], fraction[i]).value if both else math.nan}
        if not outlined:
            return area
        return area | {
            "correlation": float(np.corrcoef(true_fraction[i], fraction[i])[0, 1]),
            "lens Dice": float(np.mean([judged[k].lens_dice for k in i])),
        }

    def diseased(i: NDArray[np.intp]) -> dict[str, float]:
        chosen = np.flatnonzero(sick)[i]
        return {
            "correlation, cataract eyes": float(
                np.corrcoef(true_fraction[chosen], fraction[chosen])[0, 1]
            ),
            "cataract Dice": float(np.mean([judged[k].cataract_dice for k in chosen])),
        }

    ranks = stats.mannwhitneyu(fraction[sick], fraction[~sick], alternative="two-sided")
    measured = bootstrap(everyone, patient, resamples=resamples)
    if outlined:
        measured |= bootstrap(diseased, patient[sick], resamples=resamples)
    density = np.array([eye.average_lens_density for eye in judged])
    compared = {}
    if np.isfinite(density).all():
        compared["AUC against average lens density"] = asdict(compare_auc(truth, fraction, density))
    return {
        "eyes": len(judged),
        "patients": len(set(patient.tolist())),
        "clear mean ± SD": _mean_sd(fraction[~sick]),
        "cataract mean ± SD": _mean_sd(fraction[sick]),
        "threshold": threshold,
        "sensitivity": asdict(at.sensitivity),
        "specificity": asdict(at.specificity),
        "D'Agostino-Pearson p (clear)": _normality(fraction[~sick]),
        "D'Agostino-Pearson p (cataract)": _normality(fraction[sick]),
        "Mann-Whitney U": float(ranks.statistic),
        "Mann-Whitney p": float(ranks.pvalue),
        **compared,
    } | {name: asdict(interval) for name, interval in measured.items()}


def write_figures(judged: list[JudgedEye], run: Path | None, folder: Path) -> None:
    """Write the paper's figures as PNG: ROC, distribution, and with ``run`` the Dice curves."""
    truth = np.array([eye.diseased for eye in judged])
    fraction = np.array([eye.cataract_fraction for eye in judged])
    figure, axes = new_figure(4.2, 4.0)
    curve = roc_curve(truth, fraction)
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=hex_color(BLUE))
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.02, 1), ylim=(0, 1.02))
    (folder / "roc.png").write_bytes(figure_png(figure))
    figure, axes = new_figure()
    bins = np.linspace(0, 1, 41)
    for name, chosen, color in (("clear", ~truth, BLUE), ("cataract", truth, ORANGE)):
        axes.hist(fraction[chosen], bins=bins, alpha=0.7, color=hex_color(color), label=name)
    axes.set(xlabel="cataract fraction", ylabel="eyes")
    axes.legend(frameon=False)
    (folder / "fractions.png").write_bytes(figure_png(figure))
    if run is not None:
        figure, axes = new_figure()
        draw_dice_curves(axes, judged_epochs(run / "logs" / "csv"))
        (folder / "dice.png").write_bytes(figure_png(figure))


def _normality(values: NDArray[np.float64]) -> float:
    """p of D'Agostino and Pearson's test; nan for fewer than eight values or equal ones."""
    if len(values) < 8 or np.ptp(values) == 0:
        return math.nan
    return float(stats.normaltest(values).pvalue)


def _mean_sd(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    both = np.count_nonzero(found & truth)
    total = np.count_nonzero(found) + np.count_nonzero(truth)
    return 2 * both / total if total else 1.0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="id of an installed model")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--run", type=Path, help="the training run, for the Dice curves")
    parser.add_argument("--eyes", type=int, default=100)
    parser.add_argument("--scans", type=int, default=6)
    parser.add_argument("--rows", type=int, default=912, help="of a scan; columns in proportion")
    parser.add_argument("--data", type=Path, help="your own scans: <patient>/<eye>/*.png")
    parser.add_argument("--patients", type=Path, help="CSV: patient, cataract, age, logmar, …")
    parser.add_argument("--repeats", type=Path, help="<patient>/<eye>/<visit>/*.png")
    given = parser.parse_args()
    if (given.data is None) != (given.patients is None):
        parser.error("--data and --patients belong together")

    def work() -> None:
        given.output.mkdir(parents=True, exist_ok=True)
        if given.repeats is not None:
            model = ModelStore().load(given.model, task="cataract")
            measured: dict[str, Any] = {"repeatability": measure_repeats(model, given.repeats)}
            write_text(given.output / "judged.json", json_text(measured) + "\n", overwrite=True)
            print(json_text(measured))
            return
        judged, more = _judged(given)
        measured = {"data": str(given.data or "phantoms"), "measures": figures_of(judged)} | more
        write_figures(judged, given.run, given.output)
        papers = {"paper, validation": PAPER, "paper, development": PAPER_DEVELOPMENT}
        each = {"each": [asdict(eye) for eye in judged]}
        text = json_text(measured | papers | each)
        write_text(given.output / "judged.json", text + "\n", overwrite=True)
        print(json_text(measured | papers))

    run_guarded(work)


def _judged(given: argparse.Namespace) -> tuple[list[JudgedEye], dict[str, Any]]:
    """The judged eyes, of phantoms or of the user's scans, and what only a clinical set has."""
    if given.data is None:
        shape = (given.rows, round(given.rows * 2150 / 1824))
        return judge_eyes(given.model, given.eyes, given.scans, shape), {}
    rows = read_patients(given.patients)
    eyes = measure_cohort(ModelStore().load(given.model, task="cataract"), given.data, rows)
    more: dict[str, Any] = {"patients": age_and_acuity(rows)}
    graded = grading(eyes)
    if graded is not None:
        more["grading"] = graded
    return judged_eyes(eyes), more


if __name__ == "__main__":
    main()
