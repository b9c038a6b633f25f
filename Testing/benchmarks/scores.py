"""The scores command against other packages, on the Brixia scores of two radiologists.

``python -m Testing.benchmarks scores``; needs the scores (``../shared/data/cxr_brixia``), and
compares with each of scikit-learn, krippendorff and pingouin that is installed.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from medai.agreement.scores import ScoresResult, score_agreement
from medai.studies.score_table import read_scores

_SCORES = Path(__file__).resolve().parents[2].parent / "shared/data/cxr_brixia/scores.csv"
_ZONES = "ABCDEF"
# Our weights and scikit-learn's name for them.
_WEIGHTS = (("identity", None), ("linear", "linear"), ("quadratic", "quadratic"))
_RATERS = {"S": "senior", "J": "junior"}


def main() -> None:
    """Print the largest distance of each measure, over zones and in all."""
    if not _SCORES.is_file():
        print(f"  {_SCORES} is not there: no comparison")
        return
    with tempfile.TemporaryDirectory() as folder:
        table = read_scores(_long_table(Path(folder) / "scores.csv"), categories=tuple("0123"))
    result = score_agreement(table)
    print(f"  {result.sentence}")
    for package, compare in (
        ("sklearn", _sklearn),
        ("krippendorff", _krippendorff),
        ("pingouin", _pingouin),
    ):
        if find_spec(package) is None:
            print(f"  the package {package} is not installed: no comparison")
            continue
        for measure, apart in compare(result).items():
            verdict = "equal" if apart < 1e-6 else "DIFFERENT"
            print(f"  {measure:58s} apart by {apart:.0e}  {verdict}")


def _long_table(path: Path) -> Path:
    with _SCORES.open(newline="") as wide, path.open("w", newline="") as long:
        writer = csv.writer(long)
        writer.writerow(["image", "rater", "item", "score"])
        for row in csv.DictReader(wide):
            for letter, rater in _RATERS.items():
                for zone in _ZONES:
                    writer.writerow([row["filename"], rater, zone, row[f"{letter}-{zone}"]])
    return path


def _groups(result: ScoresResult) -> list[tuple[str, np.ndarray]]:
    items = np.array(result.table.items)
    return [
        *((zone, result.table.values[:, items == zone]) for zone in _ZONES),
        ("all", result.table.values),
    ]


def _apart(result: ScoresResult, name: str, weights: str, theirs: Callable) -> float:
    found = []
    for item, values in _groups(result):
        row = result.coefficient(item, name, weights)
        assert row is not None
        found.append(abs(row["value"] - theirs(values)))
    return max(found)


def _sklearn(result: ScoresResult) -> dict[str, float]:
    from sklearn.metrics import cohen_kappa_score

    return {
        f"Cohen's kappa, {weights}, scikit-learn": _apart(
            result,
            "cohen",
            weights,
            lambda v, w=theirs: cohen_kappa_score(v[0], v[1], labels=[0, 1, 2, 3], weights=w),
        )
        for weights, theirs in (
            ("identity", None),
            ("linear", "linear"),
            ("quadratic", "quadratic"),
        )
    }


def _krippendorff(result: ScoresResult) -> dict[str, float]:
    import krippendorff

    return {
        "ordinal alpha, krippendorff": _apart(
            result,
            "alpha",
            "",
            lambda v: krippendorff.alpha(v, level_of_measurement="ordinal"),
        )
    }


def _pingouin(result: ScoresResult) -> dict[str, float]:
    import pandas
    import pingouin

    apart = 0.0
    for item, values in _groups(result):
        raters, units = values.shape
        frame = pandas.DataFrame(
            {
                "unit": np.tile(np.arange(units), raters),
                "rater": np.repeat(np.arange(raters), units),
                "score": values.reshape(-1),
            }
        )
        theirs = pingouin.intraclass_corr(frame, targets="unit", raters="rater", ratings="score")
        ours = [row["icc"] for row in result.icc_rows if row["item"] == item]
        apart = max(apart, float(np.abs(np.array(ours) - theirs["ICC"].to_numpy()).max()))
    return {"ICC1 to ICC3k, pingouin": apart}


if __name__ == "__main__":
    main()
