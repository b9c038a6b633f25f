"""Figures 1 and 2 of S5: Dice over the epochs, and ROC curves of the cataract fraction."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medai.errors import TrainingDataError
from medai.measures.diagnostics import auc, roc_curve
from medai.palette import BLUE, ORANGE, hex_color
from medai.reports.charts import new_figure
from training.tables import RUNS, read_judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES = (("normal lens", BLUE), ("cataract", ORANGE))
# Phantom eyes that are judged when no file is given.
_EYES, _SCANS, _ROWS = 20, 2, 456


def dice_curves(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 1: Dice of normal lens and cataract on training and test scans, epoch by epoch."""
    run = given.run or _latest_run()
    rows = judged_epochs(run / "logs" / "csv")
    figure, axes = new_figure()
    draw_dice_curves(axes, rows)
    return figure, f"{run}, {len(rows)} epochs"


def draw_dice_curves(axes: Axes, rows: list[dict[str, str]]) -> None:
    """The curves of S5, Fig. 1, of the rows of a run's metrics.csv that hold validation figures."""
    epochs = range(1, len(rows) + 1)
    for name, color in _CLASSES:
        for part, style in (("train", "--"), ("test", "-")):
            values = [float(row[f"{part} {name} dice"]) for row in rows]
            label = f"{name}, {part}"
            axes.plot(epochs, values, style, color=hex_color(color), label=label, marker=".")
    axes.set(xlabel="epoch", ylabel="Dice", ylim=(0, 1.02))
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False, fontsize="small", loc="lower right")


def roc_curves(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 2: ROC of the cataract fraction, of one set or of development and validation set."""
    sets = []
    if given.judged is None:
        sets.append(("20 phantom eyes", *_phantom_eyes()))
    else:
        sets.append(("validation" if given.development else "judged eyes", *_eyes(given.judged)))
        if given.development is not None:
            sets.insert(0, ("development", *_eyes(given.development)))
    figure, axes = new_figure(4.2, 4.2)
    for (name, truth, fraction), color, style in zip(
        sets, (ORANGE, BLUE), ("--", "-"), strict=False
    ):
        curve = roc_curve(truth, fraction)
        area = auc(truth, fraction).value
        label = f"{name}, AUC {area:.2f}, n {len(truth)}"
        x, y = curve.false_positive_rate, curve.true_positive_rate
        axes.plot(x, y, style, color=hex_color(color), label=label, clip_on=False)
    axes.plot([0, 1], [0, 1], ":", color="0.6", zorder=0)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    return figure, "; ".join(f"{name}: {len(truth)} eyes" for name, truth, _ in sets)


def _eyes(file: Path) -> tuple[np.ndarray, np.ndarray]:
    eyes = read_judged(file).get("each")
    if not isinstance(eyes, list) or not eyes or "cataract_fraction" not in eyes[0]:
        raise TrainingDataError(f"{file} lists no judged eyes: write it by judge_cataract.")
    truth = np.array([bool(eye["diseased"]) for eye in eyes])
    return truth, np.array([float(eye["cataract_fraction"]) for eye in eyes])


def _phantom_eyes() -> tuple[np.ndarray, np.ndarray]:
    from medai.models import ModelStore
    from training.judge_cataract import judge_eyes

    model = ModelStore().recommended("cataract")
    judged = judge_eyes(model.id, _EYES, _SCANS, (_ROWS, round(_ROWS * 2150 / 1824)))
    truth = np.array([eye.diseased for eye in judged])
    return truth, np.array([eye.cataract_fraction for eye in judged])


def _latest_run() -> Path:
    """The last training run of a cataract network in this folder."""
    found = sorted(RUNS.glob("cataract*/logs/csv/metrics.csv"), key=lambda f: f.stat().st_mtime)
    if not found:
        raise TrainingDataError(
            f"No cataract run in {RUNS}: train one (training.cataract), or give --run FOLDER."
        )
    return found[-1].parents[2]


def judged_epochs(folder: Path) -> list[dict[str, str]]:
    """The rows of all logs of a run that hold validation figures, in the order of their steps."""
    by_step: dict[int, dict[str, str]] = {}
    earlier = sorted(folder.glob("metrics-*.csv"), key=lambda f: int(f.stem.split("-")[1]))
    for file in [*earlier, folder / "metrics.csv"]:
        if not file.is_file():
            raise TrainingDataError(f"{file} is not there, expected the log of a training run.")
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                if row.get("test cataract dice"):
                    by_step[int(row["step"])] = row
    if not by_step:
        raise TrainingDataError(f"{folder} holds no epoch of a cataract run.")
    return [by_step[step] for step in sorted(by_step)]


FIGURES: dict[str, Callable[[argparse.Namespace], tuple[Figure, str]]] = {
    "1": dice_curves,
    "2": roc_curves,
}
