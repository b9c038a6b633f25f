"""Masks that hold a number in their pixels, so that a mix-up shows."""

from __future__ import annotations

import numpy as np

from medai.studies import Record, Study, read_mask


def mask_of(number: int) -> dict[str, np.ndarray]:
    """A mask (1, 8, 8) that holds ``number``, of up to 64 bits."""
    bits = (number >> np.arange(64)) & 1
    return {"lesion": bits.reshape(1, 8, 8).astype(np.uint8)}


def number_in(study: Study, record: Record) -> int:
    """The number that a saved mask holds."""
    bits = read_mask(study, record).mask("lesion").ravel()
    return sum(1 << int(place) for place in np.flatnonzero(bits))
