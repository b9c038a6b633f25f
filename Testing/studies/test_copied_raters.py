"""Two raters who are one are said; two who agree on nothing being there are not."""

import numpy as np

from medai.agreement import ImageRatings
from medai.studies.copied_raters import CopiesOfRaters


def notes_of(images: list[np.ndarray]) -> list[str]:
    copies = CopiesOfRaters()
    for number, masks in enumerate(images):
        copies.add(ImageRatings(f"case {number}", masks, ("AB", "CD", "EF")))
    return copies.notes


def test_raters_identical_in_every_image_are_flagged() -> None:
    random = np.random.default_rng(0)
    images = [random.random((3, 8, 8)) < 0.5 for _ in range(4)]
    assert notes_of(images) == []
    for masks in images:
        masks[2] = masks[0]
    (note,) = notes_of(images)
    assert "AB and EF" in note and "all 4 images" in note
    images[3][2, 0, 0] ^= True
    assert notes_of(images) == []


def test_empty_outlines_tell_nothing() -> None:
    assert notes_of([np.zeros((3, 8, 8), bool)] * 5) == []
