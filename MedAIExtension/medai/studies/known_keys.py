"""Which keys the raters of a study sign with, as this computer has seen them so far.

A key is taken on trust when it is first seen, as SSH does. From then on nobody else's signature
passes for that rater's, whatever is written into the study.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from medai.errors import MedAIError
from medai.output import write_text
from medai.resources import user_folder
from medai.studies.check_ledger import Finding, shown
from medai.studies.ledger import Entry, read_ledger, signed_bytes
from medai.studies.signing import Signature, fingerprint, parse_signature
from medai.studies.study import Study


class KnownKeys:
    """The public keys of a study's raters that this computer accepts; ``keep`` writes them."""

    def __init__(self, study_id: str) -> None:
        name = hashlib.sha256(study_id.encode()).hexdigest()[:32]
        self._path: Path = user_folder() / "signing" / "known" / f"{name}.json"
        self._keys: dict[str, list[str]] = {}
        with suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self._keys = {str(rater): [str(key) for key in keys] for rater, keys in found.items()}

    def of(self, rater: str) -> tuple[str, ...]:
        """The keys of ``rater``; none for one whose signature was never seen."""
        return tuple(self._keys.get(rater, ()))

    def accept(self, rater: str, key: str) -> None:
        """From now on, ``key`` is ``rater``'s."""
        if key not in self.of(rater):
            self._keys.setdefault(rater, []).append(key)

    def keep(self) -> None:
        """Write them down, where that is possible."""
        with suppress(MedAIError, OSError):
            write_text(self._path, json.dumps(self._keys, indent=1), overwrite=True)


def check_signatures(study: Study, *, accept: bool = False) -> tuple[list[Finding], list[str]]:
    """What is wrong with the raters' signatures, and notes on what they can't tell.

    accept: keys that weren't known are taken for the raters' own from now on.
    """
    known = KnownKeys(study.protocol.id)
    findings: list[Finding] = []
    notes: list[str] = []
    unsealed: list[str] = []
    for rater in study.protocol.raters:
        entries = read_ledger(study, rater).entries
        signatures = {entry.session: parse_signature(entry.signature) for entry in entries}
        fitting = {
            entry.session: signature.key
            for entry, signature in _signed(entries, signatures)
            if signature.fits(signed_bytes(entry))
        }
        count = Counter(fitting.values())
        if accept or (len(count) == 1 and not known.of(rater)):
            for key in count:
                if key not in known.of(rater):
                    notes.append(
                        f"Rater {rater}'s key {fingerprint(key)} is taken on trust, as this "
                        f"computer sees it for the first time: ask {rater} whether it is the one "
                        "that medai study key shows there."
                    )
                known.accept(rater, key)
        if entries and not count and not known.of(rater):
            unsealed.append(rater)
        findings += _findings(study, entries, fitting, known.of(rater))
    known.keep()
    if unsealed:
        notes.append(
            f"The submissions of {', '.join(unsealed)} are unsealed: no key signed them, so that "
            "this check finds accidental change only."
        )
    return findings, notes


def _signed(
    entries: tuple[Entry, ...], signatures: dict[str, Signature | None]
) -> Iterator[tuple[Entry, Signature]]:
    for entry in entries:
        signature = signatures[entry.session]
        if signature is not None:
            yield entry, signature


def _findings(
    study: Study, entries: tuple[Entry, ...], fitting: dict[str, str], known: tuple[str, ...]
) -> Iterator[Finding]:
    accepted = [entry.number for entry in entries if fitting.get(entry.session) in known]
    # What a later, signed entry names is sealed by it: it is from before this rater had a key.
    sealed_to = max(accepted, default=0)
    for entry in entries:
        key = fitting.get(entry.session)
        if entry.signature and key is None:
            problem = "doesn't fit its signature: it was altered after it was signed"
        elif key is not None and key not in known:
            problem = (
                f"is signed by the key {fingerprint(key)}, which isn't known as "
                f"{entry.rater}'s: ask {entry.rater}, and only then give --accept-keys"
            )
        elif not entry.signature and known and entry.number >= sealed_to:
            problem = f"isn't signed, although {entry.rater} signs"
        else:
            continue
        path = study.ledger_folder(entry.rater) / f"{entry.number:06d}-{entry.session}.json"
        name = shown(study, path)
        yield Finding("altered", name, f"{name} {problem}.")
