"""Personal links: who may enter a study from a browser, until when, and on which devices.

A link carries a random token of 256 bits, and a device that entered by it a cookie of the same
strength. The study keeps only their SHA-256, in ``invitations.json``: who reads that file can't
enter with it. (A salt protects secrets that can be guessed; these can't.)
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from medai.errors import StudyError
from medai.file_lock import hold_lock
from medai.output import atomic_file, output_error
from medai.studies import Study
from medai.studies.record import utc_text
from medai.studies.study import INVITATIONS_FILE
from medai.unlinked import open_unlinked

OWNER = "owner"
RATER = "rater"
DEFAULT_DAYS = 60
_MOST_DEVICES = 20
_MOST_BYTES = 4 * 2**20
_LOCK_WAIT_S = 10.0


@dataclass(frozen=True)
class Invitation:
    """One link. token_sha256 and devices: SHA-256 of the token and of the cookies given for it.

    rater: "" for the study's owner. expires_utc: ISO 8601 in UTC.
    """

    role: str
    rater: str
    token_sha256: str
    expires_utc: str
    revoked: bool = False
    devices: tuple[str, ...] = ()

    def is_valid(self, now: datetime) -> bool:
        """Whether the link and its devices may still enter."""
        return not self.revoked and utc_text(now) < self.expires_utc


@dataclass(frozen=True)
class Holder:
    """Who a cookie belongs to. rater: "" for the study's owner."""

    role: str
    rater: str


class Invitations:
    """The links of a study, read anew whenever their file changes."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._path = study.folder / INVITATIONS_FILE
        self._known: tuple[Invitation, ...] = ()
        self._read_at: tuple[int, int] | None = None

    def invite(self, rater: str, *, role: str = RATER, days: float = DEFAULT_DAYS) -> str:
        """Make a link's token for ``rater``; it is returned once and kept nowhere.

        Raises StudyError for an unknown rater or a term that is not positive, OutputError when the
        study can't be written.
        """
        if role == RATER:
            rater = self._study.protocol.require_rater(rater)
        if not 0 < days <= 3650:
            raise StudyError(f"A link for {days:g} days, expected more than 0 and at most 3650.")
        token = secrets.token_urlsafe(32)
        expires = utc_text(datetime.now(UTC) + timedelta(days=days))
        with self._changing() as entries:
            entries.append(Invitation(role, rater, _sha256(token), expires))
        return token

    def revoke(self, rater: str, *, role: str = RATER) -> int:
        """End every link of ``rater`` and the devices that entered by them; how many there were."""
        if role == RATER:
            rater = self._study.protocol.require_rater(rater)
        count = 0
        with self._changing() as entries:
            for place, entry in enumerate(entries):
                if (entry.role, entry.rater, entry.revoked) == (role, rater, False):
                    entries[place] = replace(entry, revoked=True, devices=())
                    count += 1
        return count

    def enter(self, token: str) -> tuple[Holder, str] | None:
        """Who ``token`` was made for and a new device's cookie; None for a link that isn't valid.

        Of more than twenty devices the oldest is forgotten.
        """
        wanted, now = _sha256(token), datetime.now(UTC)
        if not any(secrets.compare_digest(e.token_sha256, wanted) for e in self._entries()):
            return None
        cookie = secrets.token_urlsafe(32)
        with self._changing() as entries:
            for place, entry in enumerate(entries):
                if entry.token_sha256 == wanted and entry.is_valid(now):
                    devices = (*entry.devices, _sha256(cookie))[-_MOST_DEVICES:]
                    entries[place] = replace(entry, devices=devices)
                    return Holder(entry.role, entry.rater), cookie
        return None

    def holder(self, cookie: str) -> Holder | None:
        """Who the device with ``cookie`` belongs to; None when it may not enter (any more)."""
        wanted, now = _sha256(cookie), datetime.now(UTC)
        for entry in self._entries():
            if wanted in entry.devices and entry.is_valid(now):
                return Holder(entry.role, entry.rater)
        return None

    def _entries(self) -> tuple[Invitation, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._read_at:
            self._known, self._read_at = self._read(), stamp
        return self._known

    def _read(self) -> tuple[Invitation, ...]:
        try:
            with open_unlinked(self._path) as stream:
                content = stream.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return ()
        try:
            if len(content) > _MOST_BYTES:
                raise ValueError("too large")
            return tuple(_invitation(entry) for entry in json.loads(content))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StudyError(f"{self._path} is damaged ({error}): no link is valid.") from None

    @contextmanager
    def _changing(self) -> Iterator[list[Invitation]]:
        with self._locked():
            entries = list(self._read())
            yield entries
            text = json.dumps([asdict(entry) for entry in entries], indent=1)
            with atomic_file(self._path, overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
                # Hashes only, and still nobody else's business.
                temporary.chmod(0o600)
            self._read_at = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._path.with_name(f".{INVITATIONS_FILE}.lock")
        deadline = time.monotonic() + _LOCK_WAIT_S
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(hold_lock(lock, remove=True))
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StudyError(
                            f"{self._path} is being changed by another program."
                        ) from None
                    time.sleep(0.02)
                except OSError as error:
                    raise output_error(lock, error) from error
            yield


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _invitation(entry: Any) -> Invitation:
    made = Invitation(
        role=entry["role"],
        rater=entry["rater"],
        token_sha256=entry["token_sha256"],
        expires_utc=entry["expires_utc"],
        revoked=entry["revoked"],
        devices=tuple(entry["devices"]),
    )
    texts = (made.role, made.rater, made.token_sha256, made.expires_utc, *made.devices)
    if not all(isinstance(text, str) for text in texts) or not isinstance(made.revoked, bool):
        raise ValueError("a field of another kind")
    return made
