"""Judge a model on data with known truth; JSON on stdout.

python -m training.evaluate lesions    --model ID --images DIR --masks DIR [--rotate transpose]
python -m training.evaluate classifier --model ID --data DIR [--swap]  (DIR/covid, DIR/noncovid)
python -m training.evaluate lungs      --data slices.npz          (names, hu, lungs bit-packed)
python -m training.evaluate cataract   --model ID [--phantoms N]
python -m training.evaluate xray       --model ID --lungs DIR --opacities DIR --scored DIR

Models are run by the code that users run: the same window, frame, thresholds and speed-ups.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from medai.errors import TrainingDataError
from medai.models import Model, ModelStore
from training.command import run_guarded
from training.lesion_slices import ORIENTATIONS, LesionSlice, read_lesion_slices, split_folds
from training.pictures import read_class_folders


def evaluate_lesions(given: argparse.Namespace) -> dict[str, Any]:
    """Judge a lesion model on a folder of slices, or on one fold of it."""
    from training.judging import judge_cross_validated, judge_lesions

    model = load(given, "lesions")
    slices = read_lesion_slices(
        given.images,
        given.masks,
        rotate=given.rotate,
        patients=given.patients,
        listed=given.list,
        mask_values=given.mask_values,
    )
    how = {"device": given.device, "resamples": given.resamples}
    if given.cross_validate:
        of = split_folds([item.patient for item in slices], len(model.singles))
        judged = judge_cross_validated(model, slices, of, **how)
        return {"data": str(given.images), "n": len(slices)} | judged
    if given.fold is not None:
        slices = one_fold(slices, given.fold, given.folds)
    judged = judge_lesions(model, slices, **how)
    return {"data": str(given.images), "fold": given.fold, "n": len(slices)} | judged


def one_fold(slices: list[LesionSlice], fold: int, folds: int) -> list[LesionSlice]:
    """The slices that a training run with ``fold`` kept for validation."""
    of = split_folds([item.patient for item in slices], folds)
    kept = [item for item, number in zip(slices, of, strict=True) if number == fold]
    if not kept:
        raise TrainingDataError(f"Fold {fold} of {folds} holds no slices, expected 0..{folds - 1}.")
    return kept


def evaluate_classifier(given: argparse.Namespace) -> dict[str, Any]:
    """Judge a COVID-19 classifier on folders ``noncovid`` and ``covid``."""
    from training.judging import judge_classifier

    model = load(given, "covid")
    pictures = read_class_folders(given.data, ("noncovid", "covid"))
    if given.swap:
        from training.swapping import judge_swaps

        judged = judge_swaps(model, pictures, device=given.device, pairs=given.pairs)
        return {"data": str(given.data)} | judged
    judged = judge_classifier(model, pictures, device=given.device, resamples=given.resamples)
    return {"data": str(given.data), "n": len(pictures)} | judged


def evaluate_lungs(given: argparse.Namespace) -> dict[str, Any]:
    """Judge the lung mask on slices that no network was trained on, or on all."""
    from training.lung_judging import judge_lungs
    from training.real_lungs import read_real_lungs, split_real_lungs

    slices = read_real_lungs(given.data)
    if not given.all:
        slices = split_real_lungs(slices)[1]
    return {"data": str(given.data), "n": len(slices)} | judge_lungs(
        slices, resamples=given.resamples
    )


def evaluate_cataract(given: argparse.Namespace) -> dict[str, Any]:
    """Judge a cataract model on phantom eyes that no training run draws."""
    from training.judge_cataract import figures_of, judge_eyes

    load(given, "cataract")
    rows = 912
    judged = judge_eyes(given.model, given.phantoms, given.scans, (rows, round(rows * 2150 / 1824)))
    return {"data": "phantoms", "measures": figures_of(judged)}


def evaluate_xray(given: argparse.Namespace) -> dict[str, Any]:
    """Judge a radiograph model on the patients that no training run sees."""
    from training.judge_xray import judge_lungs, judge_opacities, judge_scores
    from training.radiographs import (
        kept_patients,
        read_lung_radiographs,
        read_opacity_radiographs,
        read_scored_radiographs,
        split_lung_radiographs,
    )

    model = load(given, "xray")
    outlined = read_opacity_radiographs(given.opacities)
    scored = read_scored_radiographs(given.scored)
    kept = kept_patients([item.patient for item in (*outlined, *scored)])
    lungs = split_lung_radiographs(read_lung_radiographs(given.lungs))[1]
    return {
        "lungs": judge_lungs(model, lungs, given.resamples),
        "opacities": judge_opacities(
            model, [item for item in outlined if item.patient in kept], given.resamples
        ),
        "scores": judge_scores(
            model, [item for item in scored if item.patient in kept], given.resamples
        ),
    }


def load(given: argparse.Namespace, task: str) -> Model:
    """The model, from ``--models`` or the shipped and the user's own."""
    store = ModelStore() if given.models is None else ModelStore((given.models,))
    return store.load(given.model, task=task)


def named_values(text: str) -> dict[str, str]:
    """ "0=background,1=lung" as a table."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(key.strip() and equals and name.strip() for key, equals, name in pairs):
        raise argparse.ArgumentTypeError(f"{text!r}, expected value=name,value=name")
    return {key.strip(): name.strip() for key, _, name in pairs}


def as_json(value: Any) -> str:
    """JSON with nan and infinite numbers as null."""
    return json.dumps(_plain(value), indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = top.add_subparsers(dest="kind", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--model", required=True, help="id of the model")
    shared.add_argument("--models", type=Path, help="folder of models, instead of the installed")
    shared.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    shared.add_argument("--resamples", type=int, default=1000, help="of the bootstrap")
    lesions = kinds.add_parser("lesions", parents=[shared], help="slices with masks")
    lesions.add_argument("--images", type=Path, required=True)
    lesions.add_argument("--masks", type=Path, required=True)
    lesions.add_argument(
        "--rotate",
        nargs="?",
        const="transpose",
        default="none",
        choices=ORIENTATIONS,
        help="how slices lie; alone: transposed, as the MedSeg collection's",
    )
    lesions.add_argument("--patients", help="regular expression: the patient in a file name")
    lesions.add_argument("--list", type=Path, help="text file naming the slices to judge on")
    lesions.add_argument(
        "--mask-values",
        type=named_values,
        metavar="0=background,1=lung,…",
        help="what each value of a mask is, where they are not 0, 1, 2 or 0, 255",
    )
    lesions.add_argument("--fold", type=int, help="judge this fold of the split only")
    lesions.add_argument(
        "--cross-validate",
        action="store_true",
        help="an ensemble of one member per fold: each slice by the member that never saw it",
    )
    lesions.add_argument("--folds", type=int, default=5)
    lesions.set_defaults(run=evaluate_lesions)
    classifier = kinds.add_parser("classifier", parents=[shared], help="classified pictures")
    classifier.add_argument("--data", type=Path, required=True, help="with covid/ and noncovid/")
    classifier.add_argument(
        "--swap",
        action="store_true",
        help="exchange what lies outside the lungs with a picture of the other class",
    )
    classifier.add_argument("--pairs", type=int, default=100, help="pictures for --swap")
    classifier.set_defaults(run=evaluate_classifier)
    lungs = kinds.add_parser("lungs", help="the lung mask on slices in Hounsfield units")
    lungs.add_argument("--data", type=Path, required=True, help="an .npz file")
    lungs.add_argument("--all", action="store_true", help="also the slices networks learn from")
    lungs.add_argument("--resamples", type=int, default=1000, help="of the bootstrap")
    lungs.set_defaults(run=evaluate_lungs, model="lung mask")
    cataract = kinds.add_parser("cataract", parents=[shared], help="phantom eyes")
    cataract.add_argument("--phantoms", type=int, default=100, help="how many eyes")
    cataract.add_argument("--scans", type=int, default=6, help="of each eye")
    cataract.set_defaults(run=evaluate_cataract)
    xray = kinds.add_parser("xray", parents=[shared], help="chest radiographs kept for judging")
    xray.add_argument("--lungs", type=Path, required=True, help="images and masks of lungs")
    xray.add_argument("--opacities", type=Path, required=True, help="images and labels")
    xray.add_argument("--scored", type=Path, required=True, help="images and two raters' scores")
    xray.set_defaults(run=evaluate_xray)
    return top


def main() -> None:
    given = parser().parse_args()
    run_guarded(lambda: print(as_json({"model": given.model} | given.run(given))))


if __name__ == "__main__":
    main()
