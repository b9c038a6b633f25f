"""Synthetic studies with known truth."""

from medai.phantoms.chest_ct import ChestPhantom, chest_ct
from medai.phantoms.chest_lesions import PhantomLesion, drawn_lesions

__all__ = ["ChestPhantom", "PhantomLesion", "chest_ct", "drawn_lesions"]
