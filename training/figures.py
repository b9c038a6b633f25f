"""The source papers' figures, drawn on your data when given, else on what is here.

python -m training.figures s2 1            the backbones: kept blocks, maps, parameters
python -m training.figures s2 2            found lesions, raw mask scores, truth, class scores
python -m training.figures s2 3            confidence and area of the ranked regions
    [--images DIR --masks DIR [--mask-values 0=background,1=lung,…] [--names A B …]]
    [--model ID] [--mask-net ID]
python -m training.figures shah 4|5        six confusion matrices; accuracies   [--runs FOLDER]
python -m training.figures cataract 1      Dice over epochs                     [--run RUN]
python -m training.figures cataract 2      ROC curves     [--judged FILE [--development FILE]]
python -m training.figures eczema 1|2|S4   outlines; mean agreement; pair plot  [--raters FOLDER]

Each writes one PNG into the folder of ``-o`` and prints where it is and what it was drawn on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from medai.errors import TrainingDataError
from medai.output import atomic_file
from medai.reports.charts import figure_png
from training import figures_cataract, figures_eczema, figures_s2, figures_shah
from training.command import run_guarded
from training.evaluate import named_values
from training.tables import RUNS

FIGURES = {
    "s2": figures_s2.FIGURES,
    "shah": figures_shah.FIGURES,
    "cataract": figures_cataract.FIGURES,
    "eczema": figures_eczema.FIGURES,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("paper", choices=FIGURES)
    top.add_argument("number", help="of the figure, as in the paper")
    top.add_argument("-o", "--output", type=Path, default=Path("figures"), help="folder")
    top.add_argument("--images", type=Path, help="s2: folder of slices")
    top.add_argument("--masks", type=Path, help="s2: folder of equally named masks")
    top.add_argument("--mask-values", type=named_values, help="s2: 0=background,1=lung,…")
    top.add_argument("--names", nargs="+", help="s2: which slices, without suffix; default: four")
    top.add_argument("--model", default="lesions-r18-t1", help="s2: id of a Mask R-CNN")
    top.add_argument("--mask-net", default="covid-mask-net-r18-t1", help="s2: id of a Mask-Net")
    top.add_argument("--runs", type=Path, default=RUNS, help="shah: folder of judged runs")
    top.add_argument("--run", type=Path, help="cataract 1: a training run")
    top.add_argument("--judged", type=Path, help="cataract 2: judged.json of judge_cataract")
    top.add_argument("--development", type=Path, help="cataract 2: the same of another set")
    top.add_argument("--raters", type=Path, help="eczema: folder of outlines, image/rater.png")
    return top


def draw(given: argparse.Namespace) -> tuple[Path, str]:
    """Draw the figure that the command line asks for; its file, and what it was drawn on."""
    numbers = FIGURES[given.paper]
    if given.number not in numbers:
        raise TrainingDataError(
            f"Figure {given.number} of {given.paper}, expected {' or '.join(numbers)}."
        )
    figure, where = numbers[given.number](given)
    file = given.output / f"{given.paper}_{given.number}.png"
    given.output.mkdir(parents=True, exist_ok=True)
    with atomic_file(file, overwrite=True) as temporary:
        temporary.write_bytes(figure_png(figure))
    return file, where


def main() -> None:
    given = parser().parse_args()

    def work() -> None:
        file, where = draw(given)
        print(f"{file}\ndrawn on: {where}")

    run_guarded(work)


if __name__ == "__main__":
    main()
