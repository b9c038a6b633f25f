"""Removing what saves that didn't finish left in a study."""

from __future__ import annotations

import time
from contextlib import suppress

from medai.studies.check import StudyCheck
from medai.studies.study import Study

# Nobody saves for so long: what is older is no save in progress on another machine.
LEAST_AGE_SECONDS = 3600.0


def remove_leftovers(
    study: Study, check: StudyCheck, *, least_age_seconds: float = LEAST_AGE_SECONDS
) -> tuple[str, ...]:
    """Remove the temporary files that ``check`` found; their paths, relative to the study.

    Masks are never removed, with a record or without: one may be the only copy of an outline.
    """
    removed = []
    for finding in check.findings:
        path = study.folder / finding.path
        if not (finding.is_harmless and path.name.startswith(".writing-")):
            continue
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime >= least_age_seconds:
                path.unlink()
                removed.append(finding.path)
    return tuple(removed)
