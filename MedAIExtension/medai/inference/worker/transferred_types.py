"""The only types of MedAI's own that a message between its processes may name.

What each task takes and gives, and what is in that; a test holds it against their signatures.
"""

from __future__ import annotations

from collections.abc import Mapping

from medai.tasks import TASKS

# What the studies and cards of all tasks are made of.
_COMMON = {
    "medai.images.crop_box": "CropBox",
    "medai.images.oct_scans": "EyeScans",
    "medai.images.study_origin": "StudyOrigin",
    "medai.images.volume": "Volume",
    "medai.models.card": "DecisionSection EnsembleSection InputSection LicenceSection "
    "MaturitySection ModelCard NetworkSection Performance TrainingSection TrustSection "
    "UseSection WeightsSection",
}
_OF_ALL = (_COMMON, *(task.message_types for task in TASKS))
# Two tasks may name classes of one module.
TRANSFERRED_TYPES: Mapping[str, frozenset[str]] = {
    module: frozenset(name for types in _OF_ALL for name in types.get(module, "").split())
    for module in {module for types in _OF_ALL for module in types}
}
