"""Projected chests: physics, truth, and how opaque area goes with lesion volume."""

from __future__ import annotations

import numpy as np
import pytest

from medai.images import Volume
from medai.measures.radiograph import two_lungs
from medai.phantoms import chest_ct
from medai.phantoms.chest_ct import ChestPhantom
from medai.phantoms.chest_radiograph import project_chest

SHAPE, SPACING_MM = (44, 40, 56), (6.6, 6.6, 6.6)


def test_twice_the_water_absorbs_twice_as_much():
    """Air, 50 mm and 100 mm of water: the logarithm of what comes through is linear in them."""
    hu = np.full((20, 20, 30), -1000, np.int16)
    hu[:, :5, 10:20] = 0
    hu[:, :10, 20:] = 0
    empty = np.zeros(hu.shape, np.uint8)
    lungs = empty.copy()
    lungs[:, :, :10] = 1
    volume = Volume(hu, np.diag([-10.0, -10.0, 10.0, 1.0]), "CT", "steps")
    seen = project_chest(ChestPhantom(volume, lungs, empty), picture_px=60).volume.array[0]
    air, thin, thick = (seen[:, start : start + 10].mean() for start in (5, 25, 46))
    assert thick - air == pytest.approx(2 * (thin - air), rel=0.02)


@pytest.fixture(scope="module")
def films():
    return [
        project_chest(chest_ct(SHAPE, SPACING_MM, seed=4, growth=growth), picture_px=160)
        for growth in (0.2, 0.5, 1.0, 1.6, 2.2)
    ]


def test_the_lungs_of_the_truth_are_those_that_a_mask_tells_apart(films):
    film = films[2]
    assert np.mean(two_lungs(film.lungs > 0, "film") == film.lungs) > 0.995
    grey = film.volume.array[0]
    assert grey[film.lungs > 0].mean() < grey[(film.lungs == 0) & (grey > 500)].mean()


def test_the_head_is_up_and_the_patients_right_on_the_left(films):
    rows, columns = np.nonzero(films[2].lungs == 1)
    assert columns.max() < films[2].lungs.shape[1] * 0.6
    # The liver is under the right lung: the picture's lower rows are brighter there.
    grey = films[2].volume.array[0]
    below = grey[rows.max() :, columns.min() : columns.max()]
    assert below.mean() > grey[films[2].lungs == 1].mean()


def test_opacities_lie_in_the_lungs_and_their_area_goes_with_the_lesions_volume(films):
    for film in films:
        assert not (film.opacities[film.lungs == 0]).any()
    area = [film.opacity_percent for film in films]
    share = [100 * film.lesion_volume_ml / film.lung_volume_ml for film in films]
    assert area == sorted(area)
    assert np.corrcoef(area, share)[0, 1] > 0.8


def test_a_healthy_chest_has_no_opacity():
    film = project_chest(chest_ct(SHAPE, SPACING_MM, lesions=(), seed=4), picture_px=160)
    assert film.opacity_percent == 0.0
