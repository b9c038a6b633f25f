"""Raters whose outlines are the same in every image: one is likely a copy of the other."""

from __future__ import annotations

import hashlib
from itertools import combinations

import numpy as np

from medai.agreement.ratings import ImageRatings

# Two raters may both mark nothing on one image; agreeing to the pixel on several is no chance.
_LEAST_IMAGES = 3


class CopiesOfRaters:
    """Looks at images one by one, and knows at the end who is identical to whom."""

    def __init__(self) -> None:
        self._shared: dict[tuple[str, str], int] = {}
        self._different: set[tuple[str, str]] = set()

    def add(self, ratings: ImageRatings) -> None:
        """One more image. Images that two raters left empty tell nothing of them."""
        digests = {
            rater: hashlib.sha256(np.ascontiguousarray(mask != 0).tobytes()).digest()
            for rater, mask in zip(ratings.raters, ratings.masks, strict=True)
            if mask.any()
        }
        for pair in combinations(sorted(ratings.raters), 2):
            first, second = (digests.get(rater) for rater in pair)
            if first != second:
                self._different.add(pair)
            elif first is not None:
                self._shared[pair] = self._shared.get(pair, 0) + 1

    @property
    def notes(self) -> list[str]:
        """A line for each pair that is identical in every image."""
        return [
            f"Raters {first} and {second} are identical to the pixel in all {images} images that "
            "they marked: is one a copy of the other?"
            for (first, second), images in sorted(self._shared.items())
            if (first, second) not in self._different and images >= _LEAST_IMAGES
        ]
