"""With values missing, a score's range holds every total that they could give, and is attained."""

from __future__ import annotations

import random

import pytest

from medai.prognosis.published import MORTALITY_4C, NEWS2, SCORES
from medai.prognosis.score import compute
from medai.prognosis.variables import VARIABLES, Quantity


def any_value(name, draw):
    variable = VARIABLES[name]
    if not isinstance(variable, Quantity):
        return draw.choice(variable.probes)
    if name == "age":
        return draw.uniform(18, 100)
    value = draw.uniform(variable.low, min(variable.high, 3 * max(variable.probes)))
    return float(round(value)) if variable.whole else value


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.key)
def test_the_range_holds_whatever_the_missing_values_are(score):
    draw = random.Random(score.key)
    names = sorted({name for part in score.parts for name in part.needs})
    for _ in range(150):
        whole = {name: any_value(name, draw) for name in names}
        part = {name: value for name, value in whole.items() if draw.random() < 0.6}
        known, complete = compute(score, part), compute(score, whole)
        assert known.low <= complete.low <= complete.high <= known.high


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.key)
def test_the_probes_of_each_variable_meet_what_random_values_meet(score):
    """So the ends of a range are not missed for want of a probe in a row of the table."""
    draw = random.Random(1)
    for part in score.parts:
        low, high = compute(score, {}).parts[score.parts.index(part)], set()
        for _ in range(400):
            found = part.points({name: any_value(name, draw) for name in VARIABLES})
            high |= {found} if isinstance(found, int) else set(found)
        assert low.low <= min(high)
        assert max(high) <= low.high


def test_what_is_missing_is_named_and_the_range_is_that_of_its_rows():
    known = {"age": 85, "sex": "male", "comorbidities": 0, "respiratory_rate": 15, "spo2": 95,
             "oxygen": False, "gcs": 15}  # fmt: skip
    result = compute(MORTALITY_4C, known)
    assert (result.low, result.high) == (8, 13)
    assert result.missing == ("urea", "C-reactive protein")
    assert result.risk == "intermediate risk to high risk"


def test_a_saturation_on_oxygen_leaves_room_air_open_unless_it_is_low_already():
    known = {"spo2": 95.0, "oxygen": True}
    part = compute(MORTALITY_4C, known).parts[4]
    assert (part.low, part.high) == (0, 2)
    part = compute(MORTALITY_4C, known | {"spo2": 90.0}).parts[4]
    assert (part.low, part.high) == (2, 2)


def test_what_cannot_change_a_score_is_not_missed():
    # With a low saturation, neither the rate nor the oxygen can make the patient less severe.
    result = compute(SCORES[-1], {"spo2": 88.0})
    assert (result.low, result.high, result.missing) == (1, 1, ())


def test_parts_that_share_a_missing_value_have_its_range_together():
    """On scale 2, oxygen adds 2 itself and up to 3 by too high a saturation; air gives 0 and 0."""
    known = {"respiratory_rate": 15, "systolic": 120, "pulse": 70, "consciousness": "alert",
             "temperature": 37.0, "hypercapnia": True, "spo2": 98.0}  # fmt: skip
    result = compute(NEWS2, known)
    assert (result.low, result.high) == (0, 5)
    assert result.missing == ("oxygen given",)


def test_a_part_of_several_values_says_which_is_which():
    part = compute(MORTALITY_4C, {"spo2": 91.0, "oxygen": False}).parts[4]
    assert part.used == "91%, oxygen given: no"
