"""What a model was not measured on, as far as it applies to the study at hand."""

from __future__ import annotations

from medai.images import Volume, to_axial
from medai.models.card import CONTRAST, SLICE_THICKNESS, WHOLE_STUDIES, ModelCard


def unmeasured_notes(card: ModelCard, volume: Volume) -> list[str]:
    """A sentence that names the conditions of this study that no figure of the card holds for.

    volume: a CT study in HU, with slices of a known distance. Contrast medium is named where DICOM
    says that it was given.
    """
    unmeasured = card.use.unmeasured
    found = []
    if WHOLE_STUDIES in unmeasured:
        found.append("on whole CT studies of patients")
    if SLICE_THICKNESS in unmeasured:
        found.append(f"on slices {to_axial(volume).spacing_mm[0]:.3g} mm apart")
    if CONTRAST in unmeasured and volume.origin is not None and volume.origin.contrast:
        found.append("with contrast medium")
    if not found:
        return []
    *most, last = found
    conditions = f"{', '.join(most)} or {last}" if most else last
    return [
        f"{card.name} was not measured {conditions}: how accurate it is on this study is unknown."
    ]
