"""Real anterior-segment scans, where they are at hand: the crop and the map sit on the lens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from medai.images.oct_scans import read_eyes
from medai.inference.cataract.lens_crop import find_lens
from medai.inference.cataract.mapping import map_cataract
from medai.models import ModelStore

SCANS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "asoct" / "images"
pytestmark = pytest.mark.skipif(
    not SCANS.is_dir(), reason="the real scans of ../shared/data/asoct are not here"
)


def test_names_sort_the_scans_by_person_and_eye() -> None:
    eyes = read_eyes([SCANS])
    assert sum(len(eye.names) for eye in eyes) == 17
    assert {eye.eye for eye in eyes} == {"right", "left"}
    assert len({eye.label.split(",")[0] for eye in eyes}) == 3


def test_the_lens_is_found_in_every_scan() -> None:
    for eye in read_eyes([SCANS]):
        for pixels in eye.volume.array:
            lens = find_lens(pixels)
            assert lens is not None
            rows, columns = pixels.shape
            assert lens.left < columns / 2 < lens.right
            assert 0.3 * rows < lens.top < 0.6 * rows < lens.bottom


def test_the_map_is_one_lens_behind_the_pupil_and_the_card_s_limits_are_said() -> None:
    model = ModelStore().load(task="cataract")
    scans = [sorted(SCANS.glob(f"SSA00{n}_OS_*.png"))[0] for n in (2, 3, 4)]
    result = map_cataract(read_eyes(scans), model)
    assert "scans of a real eye" in result.notes[0]
    for eye in result.eyes:
        lens, pixels = eye.lens[0], eye.scans.volume.array[0]
        found = find_lens(pixels)
        inside = np.zeros_like(lens)
        inside[found.top - 40 : found.bottom + 40, found.left - 40 : found.right + 40] = True
        assert lens[inside].sum() > 0.99 * lens.sum()
        pieces, count = ndimage.label(lens)
        assert np.bincount(pieces.ravel())[1:].max() > 0.98 * lens.sum() if count else False
        assert (eye.cataract <= eye.lens).all()
