"""The terms of models with restricted use: what they are, and which the user has accepted.

The command line records acceptances in the user's own MedAI folder, Slicer's panels in Slicer's
settings; both by the digest of the terms, so that terms that change are new terms.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from medai.models.card import ModelCard
from medai.output import write_text
from medai.resources import user_folder

FREE, ACCEPTED, CHANGED, OPEN = "free", "accepted", "changed", "open"


def terms_digest(card: ModelCard) -> str:
    """A digest of the licences of weights, training data and code."""
    terms = (card.licence.weights, card.licence.data, card.licence.code)
    return sha256("\n".join(terms).encode()).hexdigest()[:16]


def acceptance_of(card: ModelCard) -> str:
    """FREE for a model without restrictions; ACCEPTED when these terms are recorded as accepted,
    CHANGED when others of the same model are, OPEN when none are."""
    if card.licence.commercial_use:
        return FREE
    recorded = _recorded().get(card.id)
    if recorded is None:
        return OPEN
    return ACCEPTED if recorded == terms_digest(card) else CHANGED


def record_acceptance(card: ModelCard) -> None:
    """Record that the user has read and accepts the terms of this model. Raises OutputError."""
    recorded = _recorded() | {card.id: terms_digest(card)}
    write_text(record_file(), json.dumps(recorded, indent=2) + "\n", overwrite=True)


def record_file() -> Path:
    """Where the acceptances are recorded: model id -> digest of the terms."""
    return user_folder() / "accepted-terms.json"


def _recorded() -> dict[str, str]:
    try:
        recorded = json.loads(record_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}
