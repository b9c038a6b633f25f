"""The numbers of a lesion result as a DICOM measurement report (SR, PS3.16 TID 1500)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import medai
from medai.dicom_output import codes as own
from medai.dicom_output.codes import structure_codes
from medai.dicom_output.segmentation import (
    MANUFACTURER,
    RESEARCH_ONLY,
    algorithm_parameters,
    has_known_sides,
)
from medai.dicom_output.source import uid_of
from medai.inference.lesions.result import LesionResult

if TYPE_CHECKING:
    import highdicom
    from pydicom import Dataset

_SERIES_NUMBER = 9010


def lesion_measurements(
    result: LesionResult,
    segmentations: dict[str, highdicom.seg.Segmentation],
    sources: Sequence[Dataset],
) -> highdicom.sr.Comprehensive3DSR:
    """The report: volume of each class, volume and opacity of each lung, and every lesion.

    segmentations: what ``lesion_segmentations`` made of the same result; classes and lungs refer
    to their segments. Numbers that were not measured are left out.
    """
    import highdicom
    from pydicom.sr.codedict import codes

    groups = [
        *_class_groups(result, segmentations["lesions.dcm"]),
        *_lung_groups(result, segmentations["lungs.dcm"]),
        _all_group(result),
        *_lesion_groups(result),
    ]
    report = highdicom.sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=own.CT_OF_CHEST,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    report[0].ContentSequence.append(
        highdicom.sr.TextContentItem(
            name=codes.DCM.Comment,
            value=" ".join((f"{RESEARCH_ONLY}; not a medical device.", *result.notes)),
            relationship_type=highdicom.sr.RelationshipTypeValues.CONTAINS,
        )
    )
    evidence = [*sources, segmentations["lesions.dcm"], segmentations["lungs.dcm"]]
    parts = [str(segmentation.SOPInstanceUID) for segmentation in segmentations.values()]
    made = highdicom.sr.Comprehensive3DSR(
        evidence=evidence,
        content=report[0],
        series_instance_uid=uid_of("report series", *parts),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uid_of("report", *parts),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    made.SeriesDescription = f"MedAI measurements ({RESEARCH_ONLY.lower()})"
    made.SoftwareVersions = medai.__version__
    return made


def _observer() -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    device = highdicom.sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of("device", MANUFACTURER),
        name="MedAI",
        manufacturer_name=MANUFACTURER,
        model_name=f"MedAI {medai.__version__}",
    )
    context = highdicom.sr.ObserverContext(
        observer_type=codes.DCM.Device, observer_identifying_attributes=device
    )
    return highdicom.sr.ObservationContext(observer_device_context=context)


def _algorithm(result: LesionResult) -> Any:
    import highdicom

    said = algorithm_parameters(result)
    if result.correction is not None:
        said["corrected_by_hand"] = "yes"
    return highdicom.sr.AlgorithmIdentification(
        name=result.network_card.id,
        version=result.network_card.version,
        parameters=[f"{name}={value}" for name, value in said.items()],
    )


def _class_groups(result: LesionResult, segmentation: Any) -> list[Any]:
    volumes = result.burden.class_volume_ml
    return [
        _region(
            result,
            name,
            segmentation,
            number,
            [_volume(volumes.get(name, 0.0))],
        )
        for number, name in enumerate(result.classes, start=1)
        if np.any(result.lesions == number)
    ]


def _lung_groups(result: LesionResult, segmentation: Any) -> list[Any]:
    burden = result.burden
    lungs = {
        "right lung": (burden.right_lung_volume_ml, burden.right_opacity_percent),
        "left lung": (burden.left_lung_volume_ml, burden.left_opacity_percent),
    }
    if not has_known_sides(result):
        lungs = {"lung": (burden.lung_volume_ml, burden.opacity_percent)}
    return [
        _region(result, name, segmentation, number, [_volume(volume_ml), *_percent(percent)])
        for number, (name, (volume_ml, percent)) in enumerate(lungs.items(), start=1)
        if volume_ml > 0
    ]


def _region(
    result: LesionResult, name: str, segmentation: Any, number: int, measured: list[Any]
) -> Any:
    import highdicom

    codes_of = structure_codes(name)
    return highdicom.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(
            uid=uid_of(segmentation.SOPInstanceUID, name), identifier=name
        ),
        # highdicom's own from_segmentation can't read objects of one segment (0.28).
        referenced_segment=highdicom.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=number,
            source_series=highdicom.sr.SourceSeriesForSegmentation(
                segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID
            ),
        ),
        finding_type=codes_of.kind,
        finding_category=codes_of.category,
        algorithm_id=_algorithm(result),
        measurements=measured,
    )


def _all_group(result: LesionResult) -> Any:
    burden = result.burden
    measured = [
        _volume(burden.lesion_volume_ml),
        *_percent(burden.opacity_percent),
        *_percent(burden.high_opacity_percent, own.PERCENTAGE_OF_HIGH_OPACITY),
    ]
    return _group(result, "all lesions in both lungs", measured)


def _lesion_groups(result: LesionResult) -> list[Any]:
    import highdicom
    from pydicom.sr.codedict import codes

    made = []
    for lesion in result.findings:
        measured = [
            _volume(lesion.volume_ml),
            highdicom.sr.Measurement(
                name=codes.DCM.AttenuationCoefficient,
                value=float(lesion.mean_hu),
                unit=codes.UCUM.HounsfieldUnit,
                derivation=codes.SCT.Mean,
            ),
        ]
        if np.isfinite(lesion.score):
            measured.append(
                highdicom.sr.Measurement(
                    name=own.LESION_SCORE, value=float(lesion.score), unit=own.NO_UNIT
                )
            )
        made.append(_group(result, f"lesion {lesion.number}", measured, lesion.kind))
    return made


def _group(result: LesionResult, called: str, measured: list[Any], kind: str = "lesion") -> Any:
    import highdicom

    return highdicom.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(
            uid=uid_of(called, result.lesions.tobytes()), identifier=called
        ),
        finding_type=structure_codes(kind).kind,
        algorithm_id=_algorithm(result),
        measurements=measured,
    )


def _volume(volume_ml: float) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    return highdicom.sr.Measurement(
        name=codes.SCT.Volume, value=float(volume_ml), unit=own.MILLILITER
    )


def _percent(percent: float, name: Any = own.PERCENTAGE_OF_OPACITY) -> list[Any]:
    import highdicom

    if not np.isfinite(percent):
        return []
    return [highdicom.sr.Measurement(name=name, value=float(percent), unit=own.PERCENT)]
