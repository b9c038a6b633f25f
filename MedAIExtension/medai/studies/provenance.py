"""What goes with data that leaves a study: under which terms, and where each file is from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import medai
from medai.output import write_text
from medai.studies.ratings import RatedImage
from medai.studies.record import utc_text
from medai.studies.study import Study

_NOT_STATED = (
    "No license was stated when this was exported. Ask the owner of the study before you use or "
    "pass on any of it.\n"
)


def write_provenance(
    study: Study,
    rated: Sequence[RatedImage],
    folder: Path,
    *,
    license_text: str,
    notes: Sequence[str],
) -> None:
    """Write LICENSE.txt and provenance.json into ``folder``.

    license_text: the owner's words, "" where none were stated. rated: what was exported; of each
    outline its session and the SHA-256 of the mask that was submitted are named.
    """
    write_text(folder / "LICENSE.txt", license_text.strip() + "\n" if license_text else _NOT_STATED)
    document = {
        "study": study.protocol.title,
        "study_id": study.protocol.id,
        "exported_utc": utc_text(datetime.now(UTC)),
        "software": f"MedAI {medai.__version__}",
        "raters": list(study.protocol.raters),
        "labels": [label.name for label in study.protocol.labels],
        "license": license_text or None,
        "images": [
            {
                "image": one.image.name,
                "image_sha256": one.image.sha256,
                "outlines": {
                    rater: {"session": record.session, "mask_sha256": record.mask_sha256}
                    for rater, record in one.records.items()
                },
            }
            for one in rated
        ],
        "notes": list(notes),
    }
    write_text(
        folder / "provenance.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    )
