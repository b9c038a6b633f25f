"""Holding what lies in a study against its raters' ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medai.studies.ledger import read_ledger
from medai.studies.study import Study
from medai.studies.submissions import rater_history


@dataclass(frozen=True)
class Finding:
    """One thing found. kind: "damaged", "altered", "missing", "orphaned" or "geometry", or for what
    a crash leaves and does no harm "unfinished". path: relative to the study folder.
    """

    kind: str
    path: str
    message: str

    @property
    def is_harmless(self) -> bool:
        """Whether the study is sound in spite of it."""
        return self.kind == "unfinished"


def check_ledger(study: Study, rater: str) -> Iterator[Finding]:
    """What the ledger of ``rater`` misses, and what is wrong with the ledger itself."""
    history = rater_history(study, rater)
    for fault in history.ledger_faults:
        kind = "damaged" if fault.path.is_file() else "missing"
        yield Finding(kind, shown(study, fault.path), fault.message)
    for missing in history.faults:
        # What lies there and is damaged is named where the folder itself is looked through.
        if missing.path.suffix == ".json" and not missing.path.is_file():
            yield Finding("missing", shown(study, missing.path), missing.message)
    for record in history.unlisted:
        path = study.submission_folder(rater, record.image) / f"{record.session}.json"
        message = (
            f"{shown(study, path)} is in no ledger: its entry was removed, or another program "
            "wrote it."
        )
        yield Finding("altered", shown(study, path), message)
    for path in read_ledger(study, rater).unfinished:
        message = f"{shown(study, path)} announces a submission that didn't finish."
        yield Finding("unfinished", shown(study, path), message)


def shown(study: Study, path: Path) -> str:
    """The path as a finding names it."""
    return path.relative_to(study.folder).as_posix()
