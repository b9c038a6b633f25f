"""Masks and probabilities of a lesion result as DICOM Segmentation objects (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.dicom_output.codes import structure_codes
from medai.dicom_output.source import uid_of
from medai.inference.lesions.result import LesionResult
from medai.measures.lung_sides import UNKNOWN
from medai.measures.zones import ZONE_NAMES
from medai.palette import CLASS_COLORS

if TYPE_CHECKING:
    import highdicom
    from pydicom import Dataset

MANUFACTURER = "MedAI"
RESEARCH_ONLY = "Research use only"
# Numbers that series of MedAI's objects get beside the study's own.
_FIRST_SERIES = 9001


def lesion_segmentations(
    result: LesionResult, sources: Sequence[Dataset]
) -> dict[str, highdicom.seg.Segmentation]:
    """SEG objects by file name: lesions, lungs, zones (binary), probability (fractional).

    A lung whose side can't be told is one lung without a side, and has no zones.
    What a hand corrected is said to be made semi-automatically.
    sources: the headers of the study's slices, one per slice of the result, in its order. Slices
    without lung or lesion are left out: nothing lies there.
    """
    seen = np.flatnonzero(result.zones.any(axis=(1, 2)) | result.lesions.any(axis=(1, 2)))
    if len(seen) == 0:
        seen = np.arange(len(result.zones))
    kept = [sources[int(index)] for index in seen]
    masks = {"lesions": (result.lesions, result.classes, True)}
    if has_known_sides(result):
        masks["lungs"] = (result.lungs, ("right lung", "left lung"), False)
        zones = tuple(f"{zone} zone" for zone in ZONE_NAMES[1:])
        masks["zones"] = (result.zones, zones, False)
    else:
        masks["lungs"] = ((result.zones > 0).astype(np.uint8), ("lung",), False)
    by_hand = _corrected_masks(result)
    made = {}
    for number, (name, (labels, names, from_network)) in enumerate(masks.items()):
        made[f"{name}.dcm"] = _segmentation(
            name,
            np.ascontiguousarray(labels[seen]),
            "BINARY",
            [
                _described(k, n, result, from_network, by_hand=name in by_hand)
                for k, n in enumerate(names, start=1)
            ],
            kept,
            _FIRST_SERIES + number,
        )
    made["probability.dcm"] = _segmentation(
        "lesion probability",
        np.clip(result.probability[seen].astype(np.float32), 0.0, 1.0),
        "FRACTIONAL",
        [_described(1, "lesion", result, True)],
        kept,
        _FIRST_SERIES + len(masks),
    )
    return made


def _corrected_masks(result: LesionResult) -> set[str]:
    """The objects whose masks a hand changed."""
    own = result.of_network
    if own is None:
        return set()
    same_lungs = np.array_equal(own.zones, result.zones)
    return {"lesions"} if same_lungs else {"lesions", "lungs", "zones"}


def has_known_sides(result: LesionResult) -> bool:
    """Whether every lung of the result is known to be the right or the left one."""
    return not bool((result.lungs == UNKNOWN).any())


def algorithm_parameters(result: LesionResult) -> dict[str, str]:
    """What makes the algorithm's answer the same again: thresholds and the weights' SHA-256."""
    said = {"mask_threshold": f"{result.options.mask_threshold:g}"}
    if result.options.score_threshold is not None:
        said["score_threshold"] = f"{result.options.score_threshold:g}"
    if result.network_card.weights is not None:
        said["weights_sha256"] = result.network_card.weights.sha256
    return said


def _described(
    number: int, name: str, result: LesionResult, from_network: bool, *, by_hand: bool = False
) -> Any:
    import highdicom

    kinds = highdicom.seg.SegmentAlgorithmTypeValues
    from pydicom.sr.codedict import codes

    codes_of = structure_codes(name)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=result.network_card.id if from_network else "MedAI lungs by thresholds and shape",
        family=codes.cid7162.ArtificialIntelligence
        if from_network
        else codes.cid7162.MorphologicalOperations,
        version=result.network_card.version if from_network else medai.__version__,
        source=MANUFACTURER,
        parameters=algorithm_parameters(result) if from_network else None,
    )
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes_of.category,
        segmented_property_type=codes_of.kind,
        algorithm_type=kinds.SEMIAUTOMATIC if by_hand else kinds.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=uid_of(result.network_card.id, name, result.lesions.tobytes()),
        tracking_id=name,
        display_color=_display_color(name),
    )
    if codes_of.modifier is not None:
        modifier = highdicom.sr.CodedConcept.from_code(codes_of.modifier)
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            modifier
        ]
    return described


def _display_color(name: str) -> Any:
    import highdicom

    rgb = CLASS_COLORS.get(name)
    if rgb is None:
        return None
    return highdicom.color.CIELabColor.from_rgb(*(round(255 * part) for part in rgb))


def _segmentation(
    name: str,
    pixels: NDArray,
    kind: str,
    described: Sequence[Any],
    sources: Sequence[Dataset],
    series_number: int,
) -> highdicom.seg.Segmentation:
    import highdicom
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless

    parts = (name, pixels.tobytes(), *(source.SOPInstanceUID for source in sources))
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=uid_of("series", *parts),
        series_number=series_number,
        sop_instance_uid=uid_of("instance", *parts),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="MedAI",
        software_versions=medai.__version__,
        device_serial_number="none",
        content_label=name.upper().split()[-1],
        content_description=f"{name} ({RESEARCH_ONLY.lower()})",
        content_creator_name="MedAI^",
        transfer_syntax_uid=RLELossless if kind == "FRACTIONAL" else ExplicitVRLittleEndian,
    )
    made.SeriesDescription = f"MedAI {name} ({RESEARCH_ONLY.lower()})"
    return made
