"""The source papers' tables beside what this project measured.

``python -m training.tables 1|2|3|shah|cataract``. Our figures are read off the cards of the shipped
models, so that the table can't say anything else than they do. Each row says on what data it was
measured; rows that need a data set which has to be fetched by its user say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medai.models import ModelCard, ModelStore
from training.command import run_guarded

RESULTS = Path(__file__).parent / "results" / "covid_six.json"
NEEDS_CNCB = "not reproducible without the CNCB set"
TABLES = ("1", "2", "3", "shah", "cataract")


@dataclass(frozen=True)
class Row:
    """One line: what, the paper's figure and data, ours and data."""

    what: str
    paper: str
    paper_data: str
    ours: str
    our_data: str


# S2, Table 2 (150 slices of the CNCB set): AP@0.5, AP@0.75, mAP[.5:.95].
_AVERAGE_PRECISION = {
    "R18": (0.3699, 0.2898, 0.3137),
    "R18-T1": (0.4995, 0.3778, 0.3932),
    "R18-T2": (0.4993, 0.3852, 0.3759),
    "R34": (0.5357, 0.3333, 0.3465),
    "R34-T1": (0.5988, 0.4506, 0.4476),
    "R34-T2": (0.4491, 0.3118, 0.3404),
    "R50, merged masks": (0.6192, 0.4522, 0.4468),
    "R50, separate masks": (0.5020, 0.4198, 0.3871),
}
# S2, Table 3 (21,192 slices of COVIDx-CT): overall accuracy and COVID-19 sensitivity, percent.
_MASK_NETS = {
    "R18": (78.18, 87.51),
    "R18-T1": (93.95, 91.35),
    "R18-T2": (88.66, 84.05),
    "R34": (82.45, 86.98),
    "R34-T1": (92.89, 91.76),
    "R34-T2": (91.99, 89.25),
    "R50, merged masks": (96.63, 92.68),
    "R50, separate masks": (95.64, 93.88),
}
# S4: accuracy on a random tenth of COVID-CT, percent.
_SHAH = {
    "CTnet-10": 82.1,
    "VGG-19": 94.52,
    "VGG-16": 93.15,
    "DenseNet-169": 93.15,
    "ResNet-50": 60.0,
    "Inception-V3": 53.4,
}
# S5: what the paper reports of its clinical scans.
_CATARACT = {"AUC": "0.98", "sensitivity": "0.944", "specificity": "0.947"}
_OUR_IDS = {"R18-T1": "r18-t1", "R34-T1": "r34-t1", "CTnet-10": "ctnet10"}


def lesion_rows(cards: Sequence[ModelCard]) -> list[Row]:
    """S2, Table 2: average precision of lesions."""
    rows = []
    for network, figures in _AVERAGE_PRECISION.items():
        card = _card_like(cards, "lesions", _OUR_IDS.get(network))
        for measure, value in zip(("AP@0.5", "AP@0.75", "mAP[.5:.95]"), figures, strict=True):
            ours, data = _measured(card, measure)
            rows.append(Row(f"{network} {measure}", f"{value:.4f}", "CNCB, 150 slices", ours, data))
    return rows


def mask_net_rows(cards: Sequence[ModelCard]) -> list[Row]:
    """S2, Table 3: COVID-CT-Mask-Net."""
    rows = []
    for network, figures in _MASK_NETS.items():
        card = _card_like(cards, "covid", _OUR_IDS.get(network))
        for measure, value in zip(("accuracy", "sensitivity"), figures, strict=True):
            ours, data = _measured(card, measure)
            what = f"{network} {measure}"
            rows.append(Row(what, f"{value / 100:.4f}", "COVIDx-CT, 3 classes", ours, data))
    return rows


def shah_rows(cards: Sequence[ModelCard], results: Path = RESULTS) -> list[Row]:
    """S4: six networks on COVID-CT; those not shipped as ``six_networks`` measured them."""
    rows = []
    for network, value in _SHAH.items():
        card = _card_like(cards, "covid", _OUR_IDS.get(network))
        if card is None:
            ours, data = _measured_run(network.lower().replace("-", ""), results)
        else:
            ours, data = _measured(card, "accuracy")
        rows.append(Row(network, f"{value / 100:.4f}", "COVID-CT, random tenth", ours, data))
    for card in cards:
        if card.task == "covid" and not card.id.endswith(tuple(_OUR_IDS.values())):
            ours, data = _measured(card, "accuracy")
            rows.append(Row(card.name, "–", "–", ours, data))
    return rows


def cataract_rows(cards: Sequence[ModelCard]) -> list[Row]:
    """S5: cataract fraction per eye."""
    card = _card_like(cards, "cataract", None)
    rows = []
    for measure, value in _CATARACT.items():
        ours, data = _measured(card, measure, "no cataract model is installed")
        rows.append(Row(measure, value, "clinical SS-OCT", ours, data))
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """The rows as a text table."""
    head = Row("", "paper", "paper's data", "here", "our data")
    cells = [(r.what, r.paper, r.paper_data, r.ours, r.our_data) for r in (head, *rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(5)]
    lines = ["  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def _card_like(cards: Sequence[ModelCard], task: str, ending: str | None) -> ModelCard | None:
    for card in cards:
        if card.task == task and (ending is None or card.id.endswith(ending)):
            return card if ending is not None or task == "cataract" else None
    return None


def _measured(card: ModelCard | None, measure: str, otherwise: str = NEEDS_CNCB) -> tuple[str, str]:
    for row in card.performance if card else ():
        if row.measure == measure:
            return (
                f"{row.value:.4f} ({row.low:.3f}–{row.high:.3f})",
                f"{row.measured_on}, n {row.n}",
            )
    return "–", otherwise


def _measured_run(network: str, results: Path) -> tuple[str, str]:
    """Accuracy of a network of ``six_networks`` from its results, "vgg16" or "inceptionv3"."""
    if not results.is_file():
        return "–", "not trained yet: run training.six_networks"
    measured = json.loads(results.read_text(encoding="utf-8"))
    for name, measures in measured["networks"].items():
        if name.replace("_", "") == network:
            accuracy, auc = measures["accuracy"], measures["AUC"]
            figures = f"{accuracy['value']:.4f} ({accuracy['low']:.3f}–{accuracy['high']:.3f})"
            return figures, (
                f"{measured['measured_on']}, n {accuracy['n']}; {measured['recipe']}; "
                f"AUC {auc['value']:.3f}; not shipped"
            )
    return "–", "not trained yet: run training.six_networks"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=TABLES)
    given = parser.parse_args()
    if given.table == "1":
        from training import table1

        sys.argv = sys.argv[:1]
        table1.main()
        return
    makers = {"2": lesion_rows, "3": mask_net_rows, "shah": shah_rows, "cataract": cataract_rows}
    run_guarded(lambda: print(as_text(makers[given.table](ModelStore().cards()))))


if __name__ == "__main__":
    main()
