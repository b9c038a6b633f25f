"""Neutral names for a study's images, and the key that tells its owner which image is which."""

from __future__ import annotations

import csv
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from medai.csv_text import csv_text
from medai.errors import StudyError
from medai.output import write_text
from medai.resources import user_folder
from medai.studies.names import safe_name

_COLUMNS = ("image", "name", "source")
_OWNER_ONLY = 0o600


def neutral_names(names: Sequence[str], first: int = 1) -> dict[str, str]:
    """``image-001`` … for each of ``names``, by chance: their order must tell nothing either.

    first: the first number.
    """
    shuffled = list(names)
    secrets.SystemRandom().shuffle(shuffled)
    width = max(3, len(str(first + len(names) - 1)))
    return {name: f"image-{number:0{width}d}" for number, name in enumerate(shuffled, start=first)}


def default_key_path(study_id: str, title: str) -> Path:
    """Where the key of a study goes unless its owner says where: in the owner's user folder."""
    return user_folder() / "study keys" / f"{safe_name(title)}-{study_id}.csv"


def require_outside(key: Path, study: Path) -> None:
    """Raise StudyError for a key inside the study's folder, where every rater could read it."""
    if study.resolve() in (key.resolve(), *key.resolve().parents):
        raise StudyError(
            f"The key {key} would lie in the study, where raters could read it: choose a place "
            "outside."
        )


def write_key(key: Path, neutral: Mapping[str, str], sources: Mapping[str, Path]) -> None:
    """Write which neutral name stands for which image, readable by its owner alone.

    neutral, sources: neutral name and file by the name that the file gives.
    Raises OutputError when ``key`` exists already or can't be written.
    """
    rows = sorted((neutral[name], name, str(Path(sources[name]).resolve())) for name in neutral)
    write_text(key, csv_text(_COLUMNS, rows))
    # A drive without permissions keeps none; the file is outside the study all the same.
    with suppress(OSError):
        key.chmod(_OWNER_ONLY)


def read_key(key: Path) -> dict[str, str]:
    """The study's name of each image by the name that its file had. Raises StudyError."""
    try:
        with key.open(encoding="utf-8", newline="") as stream:
            return {row["name"]: row["image"] for row in csv.DictReader(stream)}
    except OSError as error:
        raise StudyError(f"Can't read {key}: {error.strerror}.") from error
    except (KeyError, csv.Error, UnicodeDecodeError) as error:
        raise StudyError(f"{key} isn't a study's key: expected columns image and name.") from error


def remove_key(key: Path) -> None:
    """Remove the key of a study that wasn't made."""
    with suppress(OSError):
        key.unlink(missing_ok=True)
