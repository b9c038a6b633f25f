"""Judge a cataract model on unseen phantom eyes as the source paper judged its own (S5).

``python -m training.judge_cataract --model ID -o FOLDER [--run RUN] [--eyes 100]``: prints and
writes ``judged.json``, the paper's figures (Dice curves, ROC, distribution of the cataract
fraction) and a table beside the paper's numbers.
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medai.images.oct_scans import eye_from_volume
from medai.inference.cataract.mapping import map_cataract
from medai.measures.diagnostics import auc, rates, roc_curve
from medai.models import ModelStore
from medai.output import write_text
from medai.palette import BLUE, ORANGE, hex_color
from medai.phantoms.lens_oct import lens_patient
from medai.reports.charts import figure_png, new_figure
from medai.reports.json_text import json_text
from training.bootstrap import bootstrap
from training.command import run_guarded

UNSEEN = 100_000  # first phantom patient that no training run draws
PAPER = {
    "clear mean ± SD": "0.024 ± 0.077",
    "cataract mean ± SD": "0.479 ± 0.230",
    "AUC": "0.98",
    "threshold": "0.14",
    "sensitivity": "0.944",
    "specificity": "0.947",
}


@dataclass(frozen=True)
class JudgedEye:
    """One phantom eye: its patient, truth, and what the model made of it (means over scans)."""

    patient: int
    diseased: bool
    true_fraction: float
    cataract_fraction: float
    lens_dice: float
    cataract_dice: float


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
                )
            )
    return judged


def figures_of(judged: list[JudgedEye], resamples: int = 2000) -> dict[str, Any]:
    """The paper's figures of judged eyes, intervals by bootstrap over patients."""
    truth = np.array([eye.diseased for eye in judged])
    fraction = np.array([eye.cataract_fraction for eye in judged])
    true_fraction = np.array([eye.true_fraction for eye in judged])
    patient = np.array([str(eye.patient) for eye in judged])
    threshold = roc_curve(truth, fraction).best_threshold
    at = rates(truth, fraction, threshold)
    sick = truth

    def everyone(i: NDArray[np.intp]) -> dict[str, float]:
        return {
            "AUC": auc(truth[i], fraction[i]).value,
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

    normal = stats.normaltest(fraction[sick])
    ranks = stats.mannwhitneyu(fraction[sick], fraction[~sick], alternative="two-sided")
    measured = bootstrap(everyone, patient, resamples=resamples)
    measured |= bootstrap(diseased, patient[sick], resamples=resamples)
    return {
        "eyes": len(judged),
        "patients": len(set(patient.tolist())),
        "clear mean ± SD": _mean_sd(fraction[~sick]),
        "cataract mean ± SD": _mean_sd(fraction[sick]),
        "threshold": threshold,
        "sensitivity": asdict(at.sensitivity),
        "specificity": asdict(at.specificity),
        "D'Agostino-Pearson p (cataract)": float(normal.pvalue),
        "Mann-Whitney U": float(ranks.statistic),
        "Mann-Whitney p": float(ranks.pvalue),
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
        _write_curves(run / "logs" / "csv" / "metrics.csv", folder / "dice.png")


def _write_curves(metrics: Path, path: Path) -> None:
    with metrics.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["test cataract dice"]]
    figure, axes = new_figure()
    for name, color in (("normal lens", BLUE), ("cataract", ORANGE)):
        for part, style in (("train", "--"), ("test", "-")):
            values = [float(row[f"{part} {name} dice"]) for row in rows]
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, style, color=hex_color(color), label=f"{name}, {part}")
    axes.set(xlabel="epoch", ylabel="Dice")
    axes.legend(frameon=False, fontsize="small")
    path.write_bytes(figure_png(figure))


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
    given = parser.parse_args()

    def work() -> None:
        shape = (given.rows, round(given.rows * 2150 / 1824))
        judged = judge_eyes(given.model, given.eyes, given.scans, shape)
        figures = figures_of(judged)
        given.output.mkdir(parents=True, exist_ok=True)
        write_figures(judged, given.run, given.output)
        both = {"phantoms": figures, "paper": PAPER, "each": [asdict(eye) for eye in judged]}
        write_text(given.output / "judged.json", json_text(both) + "\n", overwrite=True)
        print(json_text({"phantoms": figures, "paper": PAPER}))

    run_guarded(work)


if __name__ == "__main__":
    main()
