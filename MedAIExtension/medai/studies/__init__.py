"""A multi-rater study on disk: protocol, worklist, sessions, submissions, check, export."""

from medai.studies.burnt_in import images_with_text
from medai.studies.case_view import CaseView, open_case
from medai.studies.check import StudyCheck, check_study
from medai.studies.check_ledger import Finding
from medai.studies.create import StudyPlan, create_study, key_path
from medai.studies.crops import import_crops
from medai.studies.drafts import draft_question, open_drafts
from medai.studies.export import StudyExport, export_study
from medai.studies.feedback import Feedback, reference_masks, training_feedback
from medai.studies.finding_images import find_images, find_masks
from medai.studies.leftovers import remove_leftovers
from medai.studies.phantom_study import phantom_study
from medai.studies.predictions import add_predictions, predicting_models
from medai.studies.protocol import Label, Protocol, StudyImage, label
from medai.studies.ratings import RatedImage
from medai.studies.ratings_source import (
    OneImage,
    RatedCase,
    RatingsSource,
    StudyRatings,
    rated_image,
    rated_images,
    study_ratings,
)
from medai.studies.record import QUALITIES, REASONS, Record, Remarks
from medai.studies.session import AUTOSAVE_SECONDS, Session, start_session
from medai.studies.status import RaterStatus, rater_status, study_status
from medai.studies.study import Study, open_study, require_writable
from medai.studies.submissions import read_mask
from medai.studies.worklist import Case, worklist

__all__ = [
    "AUTOSAVE_SECONDS",
    "QUALITIES",
    "REASONS",
    "Case",
    "CaseView",
    "Feedback",
    "Finding",
    "Label",
    "OneImage",
    "Protocol",
    "RatedCase",
    "RatedImage",
    "RaterStatus",
    "RatingsSource",
    "Record",
    "Remarks",
    "Session",
    "Study",
    "StudyCheck",
    "StudyExport",
    "StudyImage",
    "StudyPlan",
    "StudyRatings",
    "add_predictions",
    "check_study",
    "create_study",
    "draft_question",
    "export_study",
    "find_images",
    "find_masks",
    "images_with_text",
    "import_crops",
    "key_path",
    "label",
    "open_case",
    "open_drafts",
    "open_study",
    "phantom_study",
    "predicting_models",
    "rated_image",
    "rated_images",
    "rater_status",
    "read_mask",
    "reference_masks",
    "remove_leftovers",
    "require_writable",
    "start_session",
    "study_ratings",
    "study_status",
    "training_feedback",
    "worklist",
]
