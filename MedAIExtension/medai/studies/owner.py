"""The signature of whoever made a study under its ``study.toml``: raters, images and rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medai.errors import StudyError
from medai.output import write_text
from medai.studies.check_ledger import Finding
from medai.studies.known_keys import KnownKeys
from medai.studies.protocol import STUDY_FILE
from medai.studies.record import read_bytes
from medai.studies.signing import fingerprint, own_signer, parse_signature
from medai.studies.study import Study

SIGNATURE_FILE = f"{STUDY_FILE}.sig"


def sign_study(folder: Path, study_id: str) -> None:
    """Sign the ``study.toml`` in ``folder`` by this person's key, which is known from now on."""
    text = own_signer()(read_bytes(folder / STUDY_FILE))
    signature = parse_signature(text)
    if signature is None:
        return
    write_text(folder / SIGNATURE_FILE, f"{text}\n", overwrite=True)
    known = KnownKeys(study_id)
    known.accept(STUDY_FILE, signature.key)
    known.keep()


def require_as_signed(study: Study) -> None:
    """Raise StudyError when ``study.toml`` isn't what was signed: nobody should sign on over it."""
    signature = parse_signature(_text(study.folder / SIGNATURE_FILE))
    if signature is not None and not signature.fits(read_bytes(study.folder / STUDY_FILE)):
        raise StudyError(
            f"{STUDY_FILE} was altered after its owner signed it: look at it, and delete "
            f"{SIGNATURE_FILE} if it is right."
        )


def check_owner(study: Study, *, accept: bool = False) -> Iterator[Finding]:
    """What is wrong with the signature under ``study.toml``. accept: as for raters' keys."""
    known = KnownKeys(study.protocol.id)
    keys = known.of(STUDY_FILE)
    try:
        signature = parse_signature(_text(study.folder / SIGNATURE_FILE))
        content = read_bytes(study.folder / STUDY_FILE)
    except StudyError as error:
        yield Finding("damaged", SIGNATURE_FILE, str(error))
        return
    if signature is None:
        if keys:
            yield Finding("altered", STUDY_FILE, f"{STUDY_FILE} isn't signed any more.")
    elif not signature.fits(content):
        message = f"{STUDY_FILE} was altered after its owner signed it."
        yield Finding("altered", STUDY_FILE, message)
    elif accept or not keys:
        known.accept(STUDY_FILE, signature.key)
        known.keep()
    elif signature.key not in keys:
        message = (
            f"{STUDY_FILE} is signed by the key {fingerprint(signature.key)}, which isn't known "
            "as its owner's: ask the owner, and only then give --accept-keys."
        )
        yield Finding("altered", STUDY_FILE, message)


def _text(path: Path) -> str:
    return read_bytes(path).decode("ascii", "replace").strip() if path.exists() else ""
