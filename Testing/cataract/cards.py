"""Cards of cataract models for tests; no weights lie beside them."""

from __future__ import annotations

from pathlib import Path

from Testing.model_folders import card_text


def grey_card(model_id: str, size: int, threshold: float = 0.2) -> str:
    """The card of a network that sees ``size`` pixels on a side, grey as it is."""
    text = card_text(
        model_id,
        "cataract",
        "OPT",
        network="unet",
        arguments="width = 4, classes = 3",
        classes='"normal lens", "cataract"',
        window="none",
        size=size,
        mean=0.0,
        std=1.0,
        sha256="0" * 64,
        decision=f"threshold = {threshold}",
    )
    return text.replace("random weights", "It only knows grey levels.")


def write_card(folder: Path, model_id: str, *, recommended: bool, threshold: float) -> None:
    """A model folder with a card alone."""
    name, rest = grey_card(model_id, 224, threshold).strip().split("\n", 1)
    (folder / model_id).mkdir(parents=True)
    text = f"{name}\nrecommended = {str(recommended).lower()}\n{rest}\n"
    (folder / model_id / "card.toml").write_text(text, encoding="utf-8")
