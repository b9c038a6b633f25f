"""The only types of MedAI's own that a message between its processes may name.

What a task takes and gives, and what is in that; a test holds this list against their signatures.
"""

from __future__ import annotations

from collections.abc import Mapping

TRANSFERRED_TYPES: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "medai.images.crop_box": "CropBox",
        "medai.images.oct_scans": "EyeScans",
        "medai.images.study_origin": "StudyOrigin",
        "medai.images.volume": "Volume",
        "medai.inference.cataract.result": "CataractOptions CataractResult EyeMap",
        "medai.inference.covid.assessment": "CovidAssessment CovidChoices",
        "medai.inference.covid.result": "CovidOptions CovidResult RankedRegions SliceScores",
        "medai.inference.lesions.result": "LesionOptions LesionResult RoiTable",
        "medai.measures.cataract": "EyeMeasure ScanMeasure",
        "medai.measures.follow_up": "FollowUp",
        "medai.measures.lens_depth": "DepthProfile",
        "medai.measures.lesions": "Lesion LesionBurden",
        "medai.measures.severity": "Severity",
        "medai.models.card": "DecisionSection EnsembleSection InputSection LicenceSection "
        "MaturitySection ModelCard NetworkSection Performance TrainingSection TrustSection "
        "UseSection WeightsSection",
    }.items()
}
