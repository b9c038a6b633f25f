"""Agreement while segmentations are edited side by side."""

from __future__ import annotations

import math
from typing import Any

import slicer
from slicer.i18n import tr as _

from medai.agreement import pixel_icc, rating_patterns
from medai.agreement.alternative_annotator import dice_matrix
from medai.agreement.cohort_image import reason_to_leave_out
from medai.errors import MedAIError
from medai.scene.segmentation_ratings import ratings_of_nodes
from medai_panels.later import Later


class LiveReadout:
    """Writes pixel ICC and mean Dice into ``label`` after every change of the nodes it follows."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self._nodes: list[Any] = []
        self._volume: Any = None
        self._region: Any = None
        self._observed: list[tuple[Any, int]] = []
        self._later = Later(self.update)

    def follow(self, nodes: list[Any], volume_node: Any, region_node: Any) -> None:
        """Follow these segmentation nodes on this image; none stops."""
        self.stop()
        self._nodes, self._volume, self._region = nodes, volume_node, region_node
        for node in nodes:
            segmentation = node.GetSegmentation()
            event = slicer.vtkSegmentation.SourceRepresentationModified
            self._observed.append((segmentation, segmentation.AddObserver(event, self._on_change)))
        self.update()

    def stop(self) -> None:
        """Follow nothing."""
        for segmentation, tag in self._observed:
            segmentation.RemoveObserver(tag)
        self._observed, self._nodes = [], []
        self._later.cancel()
        self._label.setText("")

    def close(self) -> None:
        """Stop and let go of the timer."""
        self.stop()
        self._later.close()

    def update(self) -> None:
        """Compute now."""
        if len(self._nodes) < 2 or self._volume is None:
            self._label.setText(_("Tick at least two segmentations and choose their image."))
            return
        try:
            ratings, _notes = ratings_of_nodes(self._nodes, self._volume, self._region)
            patterns = rating_patterns(ratings.masks, ratings.roi)
            # What the analysis leaves out has no ICC here either.
            left_out = reason_to_leave_out(patterns)
            value = "" if left_out else _icc_text(pixel_icc(patterns))
        except MedAIError as error:
            self._label.setText(str(error))
            return
        table = dice_matrix(patterns)
        raters = len(self._nodes)
        dice = (table.sum() - table.trace()) / (raters * (raters - 1))
        self._label.setText(
            _("Now: pixel ICC {icc} · mean Dice {dice:.2f}").format(
                icc=value or f"– ({left_out})", dice=dice
            )
        )

    def _on_change(self, caller: Any, event: Any) -> None:
        self._later.soon()


def _icc_text(found: Any) -> str:
    return f"{found.icc:.2f}" if math.isfinite(found.icc) else f"– ({found.reason})"
