"""A whole study of synthetic photographs and simulated raters, for trying and testing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.images import segmentation_from_masks, write_segmentation, write_volume
from medai.palette import CLASS_COLORS
from medai.phantoms.raters import SIMULATED_RATERS, SimulatedRater, simulate_rating
from medai.phantoms.skin import SkinPhantom, skin_photograph
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.create import StudyPlan, create_study
from medai.studies.protocol import label
from medai.studies.record import QUALITIES, Remarks
from medai.studies.session import ActiveTime, start_session
from medai.studies.study import Study
from medai.studies.worklist import worklist

_LABEL = "lesion"


def phantom_study(
    folder: Path | str,
    images: int = 12,
    raters: tuple[SimulatedRater, ...] = SIMULATED_RATERS,
    *,
    submitted: bool = True,
    repeat_share: float = 0.25,
    seed: int = 0,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> Study:
    """Make a study of ``images`` skin photographs in ``folder``, and let ``raters`` outline them.

    submitted: False leaves the study without a submission, to outline by hand. The same seed gives
    the same pictures and outlines. Raises OutputError when ``folder`` is not empty or not writable.
    """
    phantoms = {
        f"photo-{number:02d}": skin_photograph(seed=seed * 1000 + number)
        for number in range(1, images + 1)
    }
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        plan = StudyPlan(
            title="Synthetic skin photographs",
            images=[_write_photograph(work, name, phantoms[name]) for name in phantoms],
            raters=[rater.name for rater in raters],
            labels=[label(_LABEL)],
            regions={name: _write_skin(work, name, phantoms[name]) for name in phantoms},
            covariates={name: {"severity": round(phantoms[name].severity, 3)} for name in phantoms},
            instructions="Outline every inflamed area of the skin.",
            repeat_share=repeat_share,
            seed=seed,
            keep_names=True,
        )
        study = create_study(folder, plan)
    if submitted:
        for number, rater in enumerate(raters):
            raise_if_cancelled(cancelled)
            progress(Progress(number / len(raters), f"Rater {rater.name} outlines"))
            _outline(study, rater, phantoms, np.random.default_rng([seed, number]))
    progress(Progress(1.0, "Study made"))
    return study


def _outline(
    study: Study,
    rater: SimulatedRater,
    phantoms: dict[str, SkinPhantom],
    generator: np.random.Generator,
) -> None:
    for case in worklist(study.protocol, rater.name):
        phantom = phantoms[case.image]
        mask = simulate_rating(
            phantom.lesions,
            phantom.volume.spacing_mm,
            _at_difficulty(rater, phantom.severity),
            roi=phantom.skin,
            seed=int(generator.integers(2**31)),
        )
        session = start_session(study, rater.name, case.image, case.presentation, phantom.volume)
        seconds = float(generator.gamma(4.0, 20.0) + mask.sum() / 100)
        session.active = ActiveTime(seconds, clock=lambda: 0.0)
        session.submit({_LABEL: mask}, _remarks(phantom, generator))


def _at_difficulty(rater: SimulatedRater, severity: float) -> SimulatedRater:
    """The fainter the lesions, the more people miss, imagine and blur."""
    distance = 2.5 / severity
    return replace(
        rater,
        shift_mm=distance * rater.shift_mm,
        roughness_mm=distance * rater.roughness_mm,
        smoothness_mm=2 * rater.smoothness_mm,
        miss_rate=min(rater.miss_rate / severity, 1.0),
        false_lesions=rater.false_lesions / severity,
    )


def _remarks(phantom: SkinPhantom, generator: np.random.Generator) -> Remarks:
    level = int(np.clip(np.rint(generator.normal(phantom.severity * 1.6, 0.5)), 0, 2))
    reasons = ("out of focus",) if level == 0 and generator.random() < 0.6 else ()
    return Remarks(quality=QUALITIES[level], reasons=reasons)


def _write_photograph(work: Path, name: str, phantom: SkinPhantom) -> Path:
    path = work / f"{name}.nrrd"
    write_volume(phantom.volume, path)
    return path


def _write_skin(work: Path, name: str, phantom: SkinPhantom) -> Path:
    path = work / f"{name}-skin.seg.nrrd"
    skin = segmentation_from_masks(
        {"skin": phantom.skin},
        phantom.volume.ijk_to_ras,
        colors={"skin": CLASS_COLORS["region of interest"]},
    )
    write_segmentation(skin, path)
    return path
