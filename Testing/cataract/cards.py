"""Cards of cataract models for tests; no weights lie beside them."""

from __future__ import annotations

from pathlib import Path

from Testing.cataract.conftest import CARD


def write_card(folder: Path, model_id: str, *, recommended: bool, threshold: float) -> None:
    """A model folder with a card alone."""
    text = CARD.strip().replace("SIDE", "224")
    text = text.replace('id = "grey-levels"', f'id = "{model_id}"\nrecommended = true', 1)
    if not recommended:
        text = text.replace("recommended = true", "recommended = false")
    text = text.replace("threshold = 0.2", f"threshold = {threshold}")
    (folder / model_id).mkdir(parents=True)
    (folder / model_id / "card.toml").write_text(text + "\n", encoding="utf-8")
