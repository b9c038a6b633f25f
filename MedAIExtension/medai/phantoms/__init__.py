"""Synthetic studies with known truth."""

from medai.phantoms.chest_ct import ChestPhantom, chest_ct
from medai.phantoms.chest_lesions import PhantomLesion

__all__ = ["ChestPhantom", "PhantomLesion", "chest_ct"]
