"""Lesions that a hand corrected in the segments: measured by the process beside Slicer."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from medai.errors import CancelledError, WorkerError
from medai.inference.lesions.given_masks import MeasureOptions, corrected
from medai.inference.lesions.result import LesionResult
from medai.scene.drawn_lesions import drawn_lesions_in_steps
from medai.scene.steps import Steps
from medai_panels.worker_logic import WorkerLogic


def lesions_by_hand_in_steps(
    logic: WorkerLogic, own: LesionResult, segmentation_node: Any, volume_node: Any
) -> Steps[LesionResult]:
    """The result with the lesions and lungs as the segments hold them now; ``own`` when those are
    the network's."""
    given = yield from drawn_lesions_in_steps(segmentation_node, volume_node, own)
    if given is None:
        return own
    options = MeasureOptions(given, probability=own.probability, own=own.lesions)
    job = logic.submit("measure", own.volume, "", options)
    try:
        while job.state not in ("done", "failed", "cancelled"):
            job.poll()
            yield
    finally:
        job.cancel()
    if job.state == "cancelled":
        raise CancelledError(_("The measuring was cancelled."))
    if job.state == "failed":
        raise WorkerError(job.error)
    return corrected(own, job.result)
