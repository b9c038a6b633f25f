"""What an analysis gave, and the work that gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from medai.agreement import CohortResult, ImageRatings, krippendorff_alpha, rating_patterns
from medai.agreement.alternative_annotator import dice_matrix
from medai.cancellation import CancelCallback
from medai.errors import InputError
from medai.output import atomic_folder
from medai.palette import Rgb, rater_color
from medai.progress import ProgressCallback
from medai.reports.rater_agreement import (
    AgreementOptions,
    RaterAgreement,
    measure_agreement,
    write_study_agreement,
)
from medai.scene import volume_from_node
from medai.scene.segmentation_ratings import ratings_of_nodes
from medai.studies import OneImage, RatedCase, Study, study_ratings


@dataclass(frozen=True, eq=False)
class AgreementView:
    """What an analysis gave, and where its images come from.

    study is None for the scene's segmentations; then ratings holds the one image and volume_node
    its node.
    """

    result: RaterAgreement
    label: str
    study: Study | None = None
    ratings: ImageRatings | None = None
    volume_node: Any = None

    @property
    def cohort(self) -> CohortResult:
        """The tables."""
        return self.result.report.cohort

    @property
    def repeat_rows(self) -> tuple[dict[str, Any], ...]:
        """How far each rater agrees with himself."""
        return self.result.repeat_rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or resampled, one line each."""
        return self.result.notes

    def with_note(self, note: str) -> AgreementView:
        """The same with one more thing that the user should know, said first."""
        report = replace(self.result.report, notes=(note, *self.result.report.notes))
        return replace(self, result=replace(self.result, report=report))

    @property
    def predictions(self) -> tuple[str, ...]:
        """The models among the raters."""
        return self.result.candidates

    @property
    def colors(self) -> dict[str, Rgb]:
        """Each rater's color: by place in the study's list, models after the raters."""
        listed = () if self.study is None else self.study.protocol.raters
        found = (*self.cohort.raters, *self.predictions)
        order = [*listed, *(rater for rater in found if rater not in listed)]
        return {rater: rater_color(order.index(rater)) for rater in order if rater in found}


Work = Callable[[Callable[[ImageRatings], None], ProgressCallback, CancelCallback], AgreementView]


def study_work(study: Study, label: str, predictions: Sequence[str], leave_one_out: bool) -> Work:
    """The work of analysing a study: a function of (on_image, progress, cancelled)."""

    def work(
        on_image: Callable[[ImageRatings], None],
        progress: ProgressCallback,
        cancelled: CancelCallback,
    ) -> AgreementView:
        models = tuple(predictions)
        found = measure_agreement(
            study_ratings(study, label or None, predictions=models),
            None,
            AgreementOptions(candidates=models, leave_one_out=leave_one_out),
            progress,
            cancelled,
            on_image=on_image,
        )
        return AgreementView(found, found.source.label, study=study)

    return work


def scene_work(
    nodes: Sequence[Any], volume_node: Any, region_node: Any, leave_one_out: bool
) -> Work:
    """The work of comparing segmentation nodes, as study_work.

    Raises InputError, RatingError or GeometryError when they can't be compared.
    """
    if volume_node is None:
        raise InputError(_("No image is chosen: choose the image that was outlined."))
    ratings, notes = ratings_of_nodes(nodes, volume_node, region_node)

    def work(
        on_image: Callable[[ImageRatings], None],
        progress: ProgressCallback,
        cancelled: CancelCallback,
    ) -> AgreementView:
        volume = volume_from_node(volume_node)
        case = RatedCase(ratings, volume.ijk_to_ras, volume.has_spacing, notes)
        found = measure_agreement(
            OneImage(case, volume),
            None,
            AgreementOptions(leave_one_out=leave_one_out),
            progress,
            cancelled,
            on_image=on_image,
        )
        return AgreementView(found, "", ratings=ratings, volume_node=volume_node)

    return work


def quick_measures(ratings: ImageRatings) -> tuple[float, float, float]:
    """Alpha, mean Dice and mean extent of one image: what needs no model fit."""
    patterns = rating_patterns(ratings.masks, ratings.roi)
    raters = patterns.raters
    table = dice_matrix(patterns)
    dice = (table.sum() - table.trace()) / (raters * (raters - 1)) if raters > 1 else 1.0
    inside = ratings.masks if ratings.roi is None else ratings.masks[:, ratings.roi != 0]
    alpha = krippendorff_alpha(inside) if raters > 1 else float("nan")
    return alpha, float(dice), float(inside.mean())


def people(ratings: ImageRatings, predictions: Sequence[str]) -> ImageRatings:
    """The ratings without the models'."""
    kept = [index for index, rater in enumerate(ratings.raters) if rater not in predictions]
    return replace(
        ratings,
        masks=ratings.masks[kept],
        raters=tuple(ratings.raters[index] for index in kept),
    )


def export(view: AgreementView, folder: Path) -> None:
    """Write tables, report and masks into a new folder. Raises OutputError."""
    with atomic_folder(folder) as work:
        write_study_agreement(view.result, work)
