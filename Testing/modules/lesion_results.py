"""Lesion results made from a phantom's truth: what a perfect network would have answered."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from scipy import ndimage

from medai.images import to_axial
from medai.inference import LesionOptions, LesionResult, RoiTable, rethreshold
from medai.inference.lesions.mask_paste import paste_maps
from medai.measures import lung_zones, measure_lesions
from medai.phantoms import ChestPhantom, chest_ct

# The largest lesion has the first score, and so on: raising the threshold drops the small ones.
SCORES = (0.95, 0.9, 0.85, 0.8, 0.7, 0.65)


@cache
def small_phantom() -> ChestPhantom:
    """A chest of 24 thick slices, made in a second."""
    return chest_ct(shape=(24, 96, 96), spacing_mm=(12.0, 3.6, 3.6))


def truth_result(phantom: ChestPhantom, card, options: LesionOptions, volume=None) -> LesionResult:
    """The phantom's lesions as regions of a Mask R-CNN of one class, at the options' thresholds.

    ``volume`` replaces the phantom's own, as it came back from the scene.
    """
    volume = phantom.volume if volume is None else volume
    axial = to_axial(replace(volume, array=phantom.lesions))
    zones = lung_zones(phantom.lungs, replace(volume, array=phantom.lungs))
    rois = _regions(np.asarray(axial.array) > 0)
    probability = np.zeros(axial.array.shape, np.float16)
    score_map = np.zeros(axial.array.shape, np.float16)
    paste_maps(rois, probability, score_map)
    probability = np.ascontiguousarray(axial.restore(probability))
    nothing = np.zeros(volume.array.shape, np.uint8)
    findings, burden = measure_lesions(volume, nothing, zones, probability, ("lesion",))
    result = LesionResult(
        volume=volume,
        lesions=nothing,
        classes=("lesion",),
        probability=probability,
        score_map=np.ascontiguousarray(axial.restore(score_map)),
        zones=zones,
        rois=rois,
        findings=findings,
        burden=burden,
        card=card,
        options=options,
        device="CPU",
        seconds=1.0,
        notes=("Made from the truth.",),
    )
    return rethreshold(result, options.score_threshold, options.mask_threshold)


def without_regions(result: LesionResult) -> LesionResult:
    """The same result as a U-Net would give it: a probability alone."""
    options = replace(result.options, score_threshold=None)
    return replace(result, rois=None, score_map=None, options=options)


def _regions(lesions: np.ndarray) -> RoiTable:
    labels, count = ndimage.label(lesions, np.ones((3, 3, 3)))
    sizes = ndimage.sum_labels(lesions, labels, np.arange(1, count + 1))
    rows = []
    for rank, label in enumerate(1 + np.argsort(-sizes)):
        for index in np.flatnonzero((labels == label).any(axis=(1, 2))):
            mask = labels[index] == label
            y, x = np.nonzero(mask)
            y0, y1, x0, x1 = y.min(), y.max() + 1, x.min(), x.max() + 1
            patch = mask[y0:y1, x0:x1].astype(np.float32)
            zoom = (28 / patch.shape[0], 28 / patch.shape[1])
            logits = 12 * ndimage.zoom(patch, zoom, order=1, grid_mode=True, mode="nearest") - 6
            rows.append((index, (x0, y0, x1, y1), SCORES[min(rank, len(SCORES) - 1)], logits))
    rows.sort(key=lambda row: (row[0], -row[2]))
    box = np.array([row[1] for row in rows], np.float32)
    return RoiTable(
        slice_index=np.array([row[0] for row in rows], np.int32),
        box=box,
        score=np.array([row[2] for row in rows], np.float32),
        area_px=(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
        class_index=np.zeros(len(rows), np.uint8),
        masked=np.arange(len(rows), dtype=np.int32),
        mask_logits=np.stack([row[3] for row in rows]).astype(np.float16),
    )
