"""2.5D: a slice network run over a study in several planes, its answers averaged.

S1, Table 1 (Zhou et al.): one three-dimensional problem as three orthogonal two-dimensional ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medai.cancellation import CancelCallback
from medai.images import AxialVolume
from medai.inference.lesions.mask_paste import paste_classes
from medai.inference.lesions.slice_networks import SliceAnswer, run_networks
from medai.inference.running.lung_slices import LungSlices, lung_slices
from medai.inference.running.planes import from_plane, in_plane
from medai.models import Model
from medai.progress import Progress, ProgressCallback, span_of


def run_in_planes(
    model: Model,
    axial: AxialVolume,
    lungs: NDArray,
    planes: Sequence[str],
    *,
    device: str,
    batch_size: int | None,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> SliceAnswer:
    """As ``run_networks`` over the lung slices of each plane, some of PLANES, fused.

    lungs: (z, y, x) on the axial grid, 0 outside. At each voxel the mean probability of the
    planes that looked at it, and the class of the surest; regions of one plane mean nothing in
    another, so there are none. Pixels that aren't square are made so by the network's frame: it
    sees real proportions in every plane.
    """
    slicings = [lung_slices(axial, lungs, plane) for plane in planes]
    total = sum(len(slices) for slices in slicings)
    fused, done = _Fused(axial.grid_shape, len(model.classes)), 0
    for plane, slices in zip(planes, slicings, strict=True):
        part = span_of(progress, done / total, (done + len(slices)) / total)
        answer = run_networks(
            model,
            slices,
            device=device,
            batch_size=batch_size,
            progress=_naming(plane, part),
            cancelled=cancelled,
        )
        fused.add(answer, slices, plane)
        done += len(slices)
    return fused.answer()


def _naming(plane: str, progress: ProgressCallback) -> ProgressCallback:
    return lambda part: progress(Progress(part.fraction, f"{part.message}, {plane}"))


class _Fused:
    """The running mean of several planes' answers, on the axial grid."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        self._probability = np.zeros(shape, np.float16)
        self._looks = np.zeros(shape, np.uint8)
        self._surest = np.zeros(shape, np.float16) if classes > 1 else None
        self._likeliest = np.zeros(shape, np.uint8) if classes > 1 else None
        self._device = ""
        self._notes: list[str] = []

    def add(self, answer: SliceAnswer, slices: LungSlices, plane: str) -> None:
        probability = from_plane(answer.probability, plane)
        self._probability += probability
        looks = in_plane(self._looks, plane)
        looks[slices.indices] += 1
        if self._surest is not None and self._likeliest is not None:
            classes = answer.likeliest
            if classes is None:
                assert answer.rois is not None
                classes = paste_classes(answer.rois, answer.probability.shape)
            surer = probability > self._surest
            np.copyto(self._likeliest, from_plane(classes, plane), where=surer)
            np.copyto(self._surest, probability, where=surer)
        self._device = answer.device
        self._notes += [note for note in answer.notes if note not in self._notes]

    def answer(self) -> SliceAnswer:
        # Slice by slice: half-precision arithmetic on a whole study would need it thrice.
        for probability, looks in zip(self._probability, self._looks, strict=True):
            probability /= np.maximum(looks, 1).astype(np.float16)
        return SliceAnswer(
            self._probability, self._likeliest, None, None, self._device, tuple(self._notes)
        )
