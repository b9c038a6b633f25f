"""Synthetic studies with known truth."""

from medai.phantoms.chest_ct import ChestPhantom, chest_ct
from medai.phantoms.chest_lesions import PhantomLesion, drawn_lesions
from medai.phantoms.severe_chest import chest_with_opacity

__all__ = ["ChestPhantom", "PhantomLesion", "chest_ct", "chest_with_opacity", "drawn_lesions"]
