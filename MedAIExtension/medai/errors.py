"""What can go wrong, as types.

Every message is one line that names the thing, its value, and what was expected, without a
patient's name or identifier. The command line prints it and ends with ``exit_code``; a window
shows it as it is.
"""

from __future__ import annotations

# A message may quote a damaged file; what is longer is cut in the middle.
_LONGEST_MESSAGE = 1000


class MedAIError(Exception):
    """Base of all errors a user can meet."""

    exit_code = 2

    def __str__(self) -> str:
        line = " ".join(super().__str__().splitlines())
        if len(line) <= _LONGEST_MESSAGE:
            return line
        return f"{line[: _LONGEST_MESSAGE - 201]} … {line[-198:]}"


class InputError(MedAIError, ValueError):
    """The input can't be used: wrong kind, damaged, inconsistent, out of range."""


class ImageReadError(InputError):
    """A file or folder can't be read as an image or a study."""


class GeometryError(InputError):
    """Grids, spacings or orientations that don't fit together."""


class UnsuitableImageError(InputError):
    """A readable image that isn't what the task needs: a photo as CT, a scan with no lungs."""


class RatingError(InputError):
    """Ratings that an agreement statistic can't be computed from."""


class StudyError(InputError):
    """A multi-rater study folder that is damaged, inconsistent or of a newer version."""


class StudyGoneError(StudyError):
    """The study that was opened is no longer where it was: renamed, unmounted, or replaced."""


class TrainingDataError(InputError):
    """A data set or configuration that can't be trained or judged on."""


class OutputError(MedAIError):
    """A result can't be written: it exists already, the folder is read-only, the disk is full."""


class ModelError(MedAIError):
    """A model can't be used."""

    exit_code = 3


class ModelNotFoundError(ModelError):
    """No model of that id, or a model folder without a card."""


class ModelCardError(ModelError):
    """A card that is missing fields, or says what can't be."""


class ModelHashError(ModelError):
    """The weights are not the ones the card was written for."""


class UnsafeWeightsError(ModelError):
    """The weights file carries code, or is not a plain file of tensors."""


class ModelShapeError(ModelError):
    """The weights don't fit the network that the card names."""


class ModelTermsError(ModelError):
    """The terms of a model have changed since the user accepted them."""


class ModelTaskError(ModelError):
    """The model was made for another task."""


class MissingDependencyError(MedAIError):
    """A library that the task needs is not installed."""

    exit_code = 3


class WorkerError(MedAIError):
    """The inference process ended before it had an answer."""

    exit_code = 3


class CancelledError(MedAIError):
    """The user cancelled."""

    exit_code = 130

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message)
