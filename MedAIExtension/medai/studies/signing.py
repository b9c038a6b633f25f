"""The key that a person signs submissions with, kept in the person's own settings.

It is made when it is first needed and never leaves this computer. A submission carries its public
half; ``known_keys`` remembers which public keys a study's raters have.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from medai.resources import user_folder
from medai.studies import ed25519
from medai.studies.ledger import Signer, unsigned

_KIND = "ed25519"


@dataclass(frozen=True)
class Signature:
    """What stands under an entry: the public key (hex), and the signature by it."""

    key: str
    content: bytes

    def fits(self, message: bytes) -> bool:
        """Whether it is this message's."""
        return ed25519.is_signed(bytes.fromhex(self.key), message, self.content)


def own_signer() -> Signer:
    """What signs for the person at this computer; where no key can be kept, nothing is signed."""
    path = user_folder() / "signing" / "key"
    try:
        secret, public = _own_key(path)
    except OSError:
        return unsigned
    return lambda message: f"{_KIND} {public} {ed25519.sign(secret, message).hex()}"


def parse_signature(text: str) -> Signature | None:
    """The signature of an entry; None for anything else than one."""
    words = text.split(" ")
    with suppress(ValueError):
        if len(words) == 3 and words[0] == _KIND:
            key, content = bytes.fromhex(words[1]), bytes.fromhex(words[2])
            return Signature(key.hex(), content)
    return None


def fingerprint(key: str) -> str:
    """The start of a public key, as two people compare it."""
    return " ".join(key[at : at + 4] for at in range(0, 16, 4))


@lru_cache(maxsize=8)
def _own_key(path: Path) -> tuple[bytes, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            stream.write(secrets.token_bytes(32).hex().encode())
        # Of two programs that make one at once, the first one's stays.
        if not path.exists():
            with suppress(FileExistsError):
                os.link(made, path)
    finally:
        made.unlink(missing_ok=True)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise OSError(f"{path} holds no key.") from error
    if len(secret) != 32:
        raise OSError(f"{path} holds no key.")
    return secret, ed25519.public_key(secret).hex()
