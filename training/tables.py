"""The source papers' tables beside what this project measured.

``python -m training.tables 1|2|3|shah|cataract|eczema``. Of your own data: ``--runs FOLDER`` reads
what ``--judge`` of the trainers wrote (``FOLDER/<configuration>/judged.json``), ``--judged FILE``
what ``training.judge_cataract`` wrote, ``--raters FOLDER`` a folder of outlines as ``medai agree``
takes it. Otherwise our figures are read off the cards of the shipped models, so that the table
can't say anything else than they do. Each row says on what data it was measured; rows that need a
data set which has to be fetched by its user say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medai.errors import TrainingDataError
from medai.models import ModelCard, ModelStore
from training.command import run_guarded
from training.paper_figures import (
    AVERAGE_PRECISION,
    CATARACT,
    CATARACT_PATIENTS,
    CLASS_SENSITIVITY,
    ECZEMA,
    LESION_MINUTES,
    MASK_NET_MINUTES,
    NOTES,
    SHAH_ACCURACY,
    SHAH_FIRST_STAGE,
    SHAH_MATRICES,
)

RESULTS = Path(__file__).parent / "results" / "covid_six.json"
NEEDS_CNCB = "not reproducible without the CNCB set"
TABLES = ("1", "2", "3", "shah", "cataract", "eczema")
RUNS = Path("training") / "runs"
PAPER_NAME = "per image, scores ≥ 0.75"


@dataclass(frozen=True)
class Row:
    """One line: what, the paper's figure and data, ours and data."""

    what: str
    paper: str
    paper_data: str
    ours: str
    our_data: str


_OUR_IDS = {"R18-T1": "r18-t1", "R34-T1": "r34-t1", "CTnet-10": "ctnet10"}
# The part of a configuration's name that says which network it is.
_RUN_NAMES = {
    "R18": "r18",
    "R18-T1": "r18_t1",
    "R18-T2": "r18_t2",
    "R34": "r34",
    "R34-T1": "r34_t1",
    "R34-T2": "r34_t2",
    "R50, merged masks": "r50",
    "R50, separate masks": "r50_separate",
}
SHAH_RUNS = {
    "CTnet-10": "covid_ctnet10_paper",
    "VGG-19": "covid_vgg19_paper_second",
    "VGG-16": "covid_vgg16_paper_second",
    "DenseNet-169": "covid_densenet169_paper",
    "ResNet-50": "covid_resnet50_paper",
    "Inception-V3": "covid_inception_v3_paper",
}
_CLASS_NAMES = {"NCP": "COVID-19", "CP": "pneumonia", "Normal": "normal"}


def lesion_rows(cards: Sequence[ModelCard], runs: Path = RUNS) -> list[Row]:
    """S2, Table 2: average precision of lesions."""
    rows = []
    for network, figures in AVERAGE_PRECISION.items():
        card = _card_like(cards, "lesions", _OUR_IDS.get(network))
        judged = judged_run(runs, f"lesions_{_RUN_NAMES[network]}_paper")
        for measure, value in zip(("AP@0.5", "AP@0.75", "mAP[.5:.95]"), figures, strict=True):
            ending = ", classes apart" if "separate" in network else ""
            found = _of_run(judged, f"{measure}, {PAPER_NAME}{ending}")
            ours, data = found or _measured(card, measure)
            rows.append(Row(f"{network} {measure}", f"{value:.4f}", "CNCB, 150 slices", ours, data))
    return rows


def mask_net_rows(cards: Sequence[ModelCard], runs: Path = RUNS) -> list[Row]:
    """S2, Table 3: COVID-CT-Mask-Net, overall accuracy and the sensitivity to COVID-19."""
    rows = []
    for network, (covid, _, _, overall) in CLASS_SENSITIVITY.items():
        card = _card_like(cards, "covid", _OUR_IDS.get(network))
        judged = judged_run(runs, f"covid_mask_net_{_RUN_NAMES[network]}_paper")
        for measure, value in (("accuracy", overall), ("sensitivity", covid)):
            name = "sensitivity, NCP" if measure == "sensitivity" else measure
            ours, data = _of_run(judged, name) or _measured(card, measure)
            what = f"{network} {measure}"
            rows.append(Row(what, f"{value / 100:.4f}", "COVIDx-CT, 3 classes", ours, data))
    return rows


def class_rows(runs: Path = RUNS) -> list[Row]:
    """S2, Table 3: the sensitivity to pneumonia and to normal lungs of each network."""
    rows = []
    for network, (_, pneumonia, normal, _) in CLASS_SENSITIVITY.items():
        judged = judged_run(runs, f"covid_mask_net_{_RUN_NAMES[network]}_paper")
        for kind, value in (("CP", pneumonia), ("Normal", normal)):
            found = _of_run(judged, f"sensitivity, {kind}")
            ours, data = found or ("–", "needs COVIDx-CT: train the paper's configuration")
            what = f"{network} sensitivity, {_CLASS_NAMES[kind]}"
            rows.append(Row(what, f"{value / 100:.4f}", "COVIDx-CT, 3 classes", ours, data))
    return rows


def time_rows(minutes: Mapping[str, float], kind: str, runs: Path = RUNS) -> list[Row]:
    """S2, Tables 2 and 3: minutes of training. kind: how the configurations' names begin."""
    rows = []
    for network, value in minutes.items():
        judged = judged_run(runs, f"{kind}_{_RUN_NAMES[network]}_paper")
        spent = judged.get("training_minutes") if judged else None
        ours = f"{spent:.1f}" if spent is not None else "–"
        data = "your run" if spent is not None else "not trained here"
        rows.append(Row(f"{network} training, min", f"{value:.1f}", "8 GB GPU", ours, data))
    return rows


def shah_rows(cards: Sequence[ModelCard], results: Path = RESULTS, runs: Path = RUNS) -> list[Row]:
    """S4: six networks on COVID-CT; those not shipped as ``six_networks`` measured them."""
    rows = []
    for network, value in SHAH_ACCURACY.items():
        card = _card_like(cards, "covid", _OUR_IDS.get(network))
        found = _of_run(judged_run(runs, SHAH_RUNS[network]), "accuracy")
        if found is not None:
            ours, data = found
        elif card is None:
            ours, data = _measured_run(network, results)
        else:
            ours, data = _measured(card, "accuracy")
        rows.append(Row(network, f"{value / 100:.4f}", "COVID-CT, random tenth", ours, data))
    for card in cards:
        if card.task == "covid" and not card.id.endswith(tuple(_OUR_IDS.values())):
            ours, data = _measured(card, "accuracy")
            rows.append(Row(card.name, "–", "–", ours, data))
    return rows


def shah_stage_rows(runs: Path = RUNS) -> list[Row]:
    """S4: the first stages of both VGGs, and accuracy as each confusion matrix gives it."""
    rows = []
    for network, value in SHAH_FIRST_STAGE.items():
        name = f"covid_{network.lower().replace('-', '')}_paper"
        found = _of_run(judged_run(runs, name), "accuracy")
        ours, data = found or ("–", f"not trained yet: {name}")
        what = f"{network}, first stage"
        rows.append(Row(what, f"{value / 100:.4f}", "COVID-CT, random tenth", ours, data))
    for network, (hits, missed, false, right) in SHAH_MATRICES.items():
        judged = judged_run(runs, SHAH_RUNS[network])
        ours, data = "–", "not trained yet"
        if judged is not None:
            (right_here, false_here), (missed_here, hits_here) = judged["confusion matrix"]
            ours = f"{hits_here} {missed_here} / {false_here} {right_here}"
            data = f"your run's test part, n {judged['n']}"
        share = (hits + right) / (hits + missed + false + right)
        rows.append(
            Row(
                f"{network}, matrix: COVID-19 called so, missed / other called so, right",
                f"{hits} {missed} / {false} {right} = {share:.4f}",
                "COVID-CT, random tenth",
                ours,
                data,
            )
        )
    return rows


def cataract_rows(cards: Sequence[ModelCard], judged: Mapping[str, Any] | None = None) -> list[Row]:
    """S5: cataract fraction per eye."""
    card = _card_like(cards, "cataract", None)
    rows = []
    for measure in ("AUC", "sensitivity", "specificity"):
        found = _of_run(judged, measure)
        ours, data = found or _measured(card, measure, "no cataract model is installed")
        rows.append(Row(measure, CATARACT[measure][0], "clinical SS-OCT", ours, data))
    return rows


def development_rows(judged: Mapping[str, Any] | None) -> list[Row]:
    """S5: the rest of the validation set's figures, the development set's, ages and acuities."""
    rows = []
    measures = (judged or {}).get("measures", {})
    where = f"{judged['data']}, {measures.get('eyes')} eyes" if judged else "give --judged FILE"
    for measure, (validation, _) in CATARACT.items():
        if measure in ("AUC", "sensitivity", "specificity"):
            continue
        rows.append(Row(measure, validation, "validation set", _text(measures.get(measure)), where))
    for measure, (_, development) in CATARACT.items():
        rows.append(Row(measure, development, "development set", "–", "as published"))
    for name in ("D'Agostino-Pearson p (clear)", "D'Agostino-Pearson p (cataract)"):
        rows.append(Row(name, "not normal", "both sets", _text(measures.get(name)), where))
    against = measures.get("AUC against average lens density")
    if against:
        ours = f"{against['first']['value']:.3f} against {against['second']['value']:.3f}"
        ours += f", p {_text(against['p'])} (DeLong)"
        rows.append(Row("AUC, fraction against lens density", "–", "–", ours, where))
    patients = (judged or {}).get("patients", {})
    for name, (validation, development, p) in CATARACT_PATIENTS.items():
        line = patients.get(name, {})
        ours = "; ".join(
            f"{part} {described['mean ± SD']}"
            for part, described in line.items()
            if isinstance(described, dict) and "mean ± SD" in described
        )
        if "Mann-Whitney p between sets" in line:
            ours += f"; p {_text(line['Mann-Whitney p between sets'])}"
        paper = f"{validation}; {development}; p {p}"
        rows.append(Row(name, paper, "validation; development", ours or "–", where))
    return rows


def eczema_rows(raters: Path | None) -> list[Row]:
    """S3: agreement of raters on their own outlines, or on simulated ones."""
    from training.eczema_cohort import measured_cohort

    result, where = measured_cohort(raters)
    pixel = result.summary("pixel_icc") or {}
    accuracy = result.summary("accuracy") or {}
    pair = next(
        (
            row
            for row in result.correlation_rows
            if {row["first"], row["second"]} == {"pixel_icc", "krippendorff_alpha"}
        ),
        None,
    )
    extent = result.extent_all
    nan = float("nan")
    ours = {
        "images left out": f"{len(result.exclusions)} of {len(result.images)}",
        "pixel ICC, mean (SE)": f"{pixel.get('mean', nan):.2f} ({pixel.get('se', nan):.2f})",
        "images with pixel ICC < 0.5": f"{100 * pixel.get('poor_share', nan):.0f} %",
        "images with pixel ICC > 0.9": f"{100 * pixel.get('excellent_share', nan):.0f} %",
        "pixel ICC and alpha, r": (
            f"{pair['r']:.3f} ({pair['low']:.3f}–{pair['high']:.3f})" if pair else "–"
        ),
        "extent ICC": (f"{extent.icc:.3f} ({extent.low:.3f}–{extent.high:.3f})" if extent else "–"),
        "rater accuracy, mean ± SE": (
            f"{accuracy.get('mean', nan):.3f} ± {accuracy.get('se', nan):.3f}"
        ),
    }
    return [
        Row(what, paper, "4 dermatologists", ours[what], where) for what, paper in ECZEMA.items()
    ]


def judged_run(runs: Path, name: str) -> dict[str, Any] | None:
    """What ``--judge`` wrote of the run ``name``; None where it was not judged."""
    file = runs / name / "judged.json"
    return read_judged(file) if file.is_file() else None


def read_judged(file: Path) -> dict[str, Any]:
    """A judged.json. Raises TrainingDataError for a file that is none."""
    try:
        judged = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{file} can't be read as a judged.json: {error}.") from None
    if not isinstance(judged, dict):
        raise TrainingDataError(f"{file} is no judged.json, expected a table of measures.")
    return judged


def _of_run(judged: Mapping[str, Any] | None, measure: str) -> tuple[str, str] | None:
    value = (judged or {}).get("measures", {}).get(measure)
    if value is None or value.get("value") is None:
        return None
    low, high = (_text(value.get(end)) for end in ("low", "high"))
    data = str((judged or {}).get("data", "test part"))
    return f"{value['value']:.4f} ({low}–{high})", f"your run: {data}, n {value['n']}"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "–" if value is None else str(value)


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
    """Accuracy of a network of ``six_networks`` from its results, "VGG-16" or "Inception-V3"."""
    measured, measures = _six_networks(network, results)
    if measures is None:
        return "–", "not trained yet: run training.six_networks"
    accuracy, auc = measures["accuracy"], measures["AUC"]
    figures = f"{accuracy['value']:.4f} ({accuracy['low']:.3f}–{accuracy['high']:.3f})"
    return figures, (
        f"{measured['measured_on']}, n {accuracy['n']}; {measured['recipe']}; "
        f"AUC {auc['value']:.3f}; not shipped"
    )


def measured_run(network: str, results: Path = RESULTS) -> float | None:
    """Accuracy of a network of ``six_networks``, "VGG-16"; None where it was not trained."""
    _, measures = _six_networks(network, results)
    return None if measures is None else float(measures["accuracy"]["value"])


def _six_networks(network: str, results: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    if not results.is_file():
        return {}, None
    measured = json.loads(results.read_text(encoding="utf-8"))
    wanted = network.lower().replace("-", "")
    for name, measures in measured["networks"].items():
        if name.replace("_", "") == wanted:
            return measured, measures
    return measured, None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of judged training runs")
    parser.add_argument("--judged", type=Path, help="judged.json of training.judge_cataract")
    parser.add_argument("--raters", type=Path, help="folder of outlines: image/rater.png")
    given = parser.parse_args()
    if given.table == "1":
        from training import table1

        sys.argv = sys.argv[:1]
        table1.main()
        return

    def work() -> None:
        cards = ModelStore().cards()
        if given.table == "2":
            rows = lesion_rows(cards, given.runs)
            rows += time_rows(LESION_MINUTES, "lesions", given.runs)
        elif given.table == "3":
            rows = mask_net_rows(cards, given.runs) + class_rows(given.runs)
            rows += time_rows(MASK_NET_MINUTES, "covid_mask_net", given.runs)
        elif given.table == "shah":
            rows = shah_rows(cards, RESULTS, given.runs) + shah_stage_rows(given.runs)
        elif given.table == "cataract":
            judged = None if given.judged is None else read_judged(given.judged)
            rows = cataract_rows(cards, judged) + development_rows(judged)
        else:
            rows = eczema_rows(given.raters)
        print("\n".join([as_text(rows), "", *NOTES[given.table]]))

    run_guarded(work)


if __name__ == "__main__":
    main()
