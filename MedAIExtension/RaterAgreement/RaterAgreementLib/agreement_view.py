"""What an analysis gave, and the work that gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from medai.agreement import CohortResult, ImageRatings, cohort, krippendorff_alpha, rating_patterns
from medai.agreement.alternative_annotator import dice_matrix
from medai.errors import InputError
from medai.images import Volume
from medai.output import atomic_folder
from medai.palette import Rgb, rater_color
from medai.progress import CancelCallback, ProgressCallback
from medai.reports.study_agreement import write_ratings_agreement, write_study_agreement
from medai.scene import volume_from_node
from medai.scene.segmentation_ratings import ratings_of_nodes
from medai.studies import Study, StudyAnalysis, analyse_study
from medai.studies.rater_folder import RatedCase


@dataclass(frozen=True, eq=False)
class AgreementView:
    """What an analysis gave, and where its images come from.

    study is None for the scene's segmentations; then ratings holds the one image and volume_node
    its node. predictions: the models among the raters.
    """

    cohort: CohortResult
    repeat_rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    label: str
    predictions: tuple[str, ...]
    study: Study | None = None
    ratings: ImageRatings | None = None
    volume_node: Any = None

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
        found = analyse_study(
            study,
            label,
            predictions=predictions,
            leave_one_out=leave_one_out,
            on_image=on_image,
            progress=progress,
            cancelled=cancelled,
        )
        return AgreementView(
            found.cohort,
            found.repeat_rows,
            found.notes,
            found.label,
            tuple(predictions),
            study=study,
        )

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
        on_image(ratings)
        found = cohort([ratings], leave_one_out=leave_one_out, cancelled=cancelled)
        return AgreementView(found, (), notes, "", (), ratings=ratings, volume_node=volume_node)

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
        if view.study is not None:
            analysis = StudyAnalysis(view.label, view.cohort, view.repeat_rows, view.notes)
            write_study_agreement(view.study, analysis, work, predictions=view.predictions)
        else:
            volume: Volume = volume_from_node(view.volume_node)
            case = RatedCase(view.ratings, volume.ijk_to_ras, volume.has_spacing, view.notes)
            write_ratings_agreement(view.cohort, case, volume, work)
