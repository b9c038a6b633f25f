"""What a rater in training is told: how the outline compares with the right answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

from medai.agreement.performance import score_against
from medai.errors import StudyError
from medai.images import read_segmentation
from medai.studies.study import Study

# Within this share of the reference's size an outline is neither too large nor too small.
_SIZE_TOLERANCE = 0.10


@dataclass(frozen=True)
class Feedback:
    """One label's outline against its reference; dice is nan when both are empty."""

    label: str
    dice: float
    found_share: float
    right_share: float
    outlined: int
    reference: int

    @property
    def sentence(self) -> str:
        """The comparison in one sentence."""
        if not self.reference:
            marked = "right," if not self.outlined else "you outlined something, but"
            return f"{self.label}: {marked} there is nothing to outline here."
        if not self.outlined:
            return f"{self.label}: you outlined nothing, but there is something."
        size = self.outlined / self.reference - 1
        compared = (
            "about as large as the reference"
            if abs(size) <= _SIZE_TOLERANCE
            else f"{abs(size):.0%} {'larger' if size > 0 else 'smaller'} than the reference"
        )
        return (
            f"{self.label}: Dice {self.dice:.2f}. You found {self.found_share:.0%} of it, and "
            f"{self.right_share:.0%} of what you marked is right; your outline is {compared}."
        )


def reference_masks(study: Study, image: str) -> dict[str, NDArray]:
    """The right answer of a training image, masks (z, y, x) by label name.

    Raises StudyError when the image has none.
    """
    path = study.reference_path(image)
    if path is None:
        raise StudyError(f"Image {image!r} has no reference: it isn't a training image.")
    reference = read_segmentation(path)
    return {label.name: reference.mask(label.name) for label in study.protocol.labels}


def training_feedback(
    study: Study, image: str, masks: Mapping[str, NDArray]
) -> tuple[Feedback, ...]:
    """Each label's outline against the image's reference.

    masks: (z, y, x) by label name. Raises StudyError when the image has no reference.
    """
    found = []
    for name, reference in reference_masks(study, image).items():
        mask = masks[name] != 0
        scores = score_against(mask, reference)
        found.append(
            Feedback(
                label=name,
                dice=scores.f1,
                found_share=scores.tpr,
                right_share=scores.ppv,
                outlined=int(mask.sum()),
                reference=int(reference.sum()),
            )
        )
    return tuple(found)
