"""What a burden is said to be: whole sentences, in the words a report begins with."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from medai.measures import burden_sentence, healthy_sentence, opacity_sentence
from medai.measures.lesions import LesionBurden
from medai.measures.zones import UNKNOWN_ZONES, ZONE_NAMES

NAMES = ZONE_NAMES[1:]
LOWER = {name: (90.0 if "lower" in name else 2.5) for name in NAMES}
BURDEN = LesionBurden(
    lung_volume_ml=4000.0,
    right_lung_volume_ml=2200.0,
    left_lung_volume_ml=1800.0,
    lesion_volume_ml=190.0,
    class_volume_ml={"lesion": 190.0},
    opacity_percent=4.75,
    right_opacity_percent=6.04,
    left_opacity_percent=3.16,
    zone_lung_volume_ml=dict.fromkeys(NAMES, 666.0),
    zone_lesion_volume_ml=LOWER,
    zone_opacity_percent=dict.fromkeys(NAMES, 5.0),
    high_opacity_percent=1.0,
    lesion_count=4,
)
WORDS = "Lesions 190 mL, 4.8 % of lung (right 6.0 %, left 3.2 %), 4 regions, mostly lower zones."


@pytest.mark.parametrize(
    ("healthy_percent", "sentence"),
    [
        (None, WORDS),
        (1.0, f"{WORDS} In healthy lungs this model marks up to 1.0 % of lung."),
        (
            4.75,
            "No more than this model marks in healthy lungs (up to 4.8 % of lung). " + WORDS,
        ),
        (
            9.0,
            "No more than this model marks in healthy lungs (up to 9.0 % of lung). " + WORDS,
        ),
    ],
)
def test_a_burden_is_held_against_what_is_marked_in_healthy_lungs(healthy_percent, sentence):
    assert healthy_sentence(BURDEN, healthy_percent) == sentence


@pytest.mark.parametrize(
    ("healthy_percent", "sentence"),
    [
        (None, "Opacity 2.4 % of lung."),
        (1.44, "Opacity 2.4 % of lung. In healthy lungs this model marks up to 1.4 % of lung."),
        (2.4, "Opacity 2.4 % of lung: no more than this model marks in healthy lungs."),
    ],
)
def test_opacity_alone_is_held_against_it_too(healthy_percent, sentence):
    assert opacity_sentence(2.4, healthy_percent) == sentence


def test_nothing_found_is_said_without_a_level_of_healthy_lungs():
    none = replace(BURDEN, lesion_count=0, lesion_volume_ml=0.0, opacity_percent=0.0)
    assert healthy_sentence(none, 2.0) == "No lesions found in 4,000 mL of lung."
    assert healthy_sentence(replace(none, lung_volume_ml=0.0), 2.0) == "No lungs in view."


def test_one_region_and_little_of_it_read_as_one_would_say_it():
    small = replace(BURDEN, lesion_count=1, lesion_volume_ml=2.34, opacity_percent=0.06)
    assert burden_sentence(small).startswith("Lesions 2.3 mL, 0.1 % of lung")
    assert ", 1 region, " in burden_sentence(small)
    even = replace(BURDEN, zone_lesion_volume_ml=dict.fromkeys(NAMES, 30.0))
    assert burden_sentence(even).endswith("spread over the zones.")


def test_a_lung_out_of_view_or_of_unknown_side_has_no_percentage_of_its_own():
    right_only = replace(BURDEN, left_opacity_percent=math.nan)
    assert "(right 6.0 %, left not in view)" in burden_sentence(right_only)
    unknown = replace(BURDEN, zone_lung_volume_ml=dict.fromkeys(UNKNOWN_ZONES, 666.0))
    assert "(one lung, side unknown)" in burden_sentence(unknown)
