"""What a card may say a model is fit for, given what was measured of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medai.commands.models import list_models
from medai.errors import ModelCardError, ModelNotFoundError
from medai.models import ModelStore, read_card
from medai.models.fitness import FITNESSES, failures
from medai.resources import resources_folder
from Testing.model_folders import write_model

ELSEWHERE = """
[[performance]]
measured_on = "pictures of another hospital"
measure = "AUC"
value = {value}
low = {low}
high = {high}
n = 120
other_origin = true
"""
GOOD = ELSEWHERE.format(value=0.88, low=0.81, high=0.94)
BAD = ELSEWHERE.format(value=0.71, low=0.58, high=0.80)


def write_covid(folder: Path, first: str, more: str = "") -> Path:
    """A covid model whose card begins with the lines ``first`` and ends with ``more``."""
    write_model(
        folder, "unet_classifier", ("COVID-19",), task="covid", width=4, levels=1, more=more
    )
    card = folder / "card.toml"
    card.write_text(first + "\n" + card.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("first", "more", "says"),
    [
        ('fitness = "perfect"', "", "fitness is 'perfect', expected research or demonstration"),
        ('fitness = "research"', "", "no AUC on data of another origin"),
        ('fitness = "research"', BAD, "fails its own task on data of another origin"),
        ('fitness = "research"', GOOD + "[trust]\nswap_shift = 0.05", "changes its answer"),
        (
            'fitness = "research"',
            GOOD + "[trust]\nexplained_in_organ = 0.94",
            r"explains itself outside the organ \(6 %",
        ),
        ("recommended = true", BAD, "can't be recommended: it fails its own task"),
        (
            'recommended = true\nfitness = "demonstration"',
            GOOD,
            "can't be recommended: its fitness is demonstration",
        ),
        ('recommended = true\nfitness = "withdrawn"', "", "can't be recommended"),
        ("", "[trust]\nswap_shift = 1.5", "swap_shift is 1.5, expected 0 to 1"),
    ],
)
def test_a_card_that_claims_more_than_was_measured_is_refused(tmp_path, first, more, says):
    folder = write_covid(tmp_path / "small", first, more)
    with pytest.raises(ModelCardError, match=says) as refusal:
        read_card(folder / "card.toml")
    assert "\n" not in str(refusal.value)


def test_a_model_that_passes_every_test_may_be_recommended(tmp_path):
    trust = "[trust]\nswap_shift = 0.049\nexplained_in_organ = 0.95"
    first = 'recommended = true\nfitness = "research"'
    card = read_card(write_covid(tmp_path / "small", first, GOOD + trust) / "card.toml")
    assert card.recommended and card.warning == "" and failures(card) == ()


def test_a_withdrawn_model_is_listed_last_and_never_the_one_to_start_with(tmp_path):
    write_covid(tmp_path / "a-bad", 'fitness = "withdrawn"', BAD)
    store = ModelStore([tmp_path])
    with pytest.raises(ModelNotFoundError, match=r"'covid' is withdrawn \(a-bad\)"):
        store.recommended("covid")
    write_covid(tmp_path / "z-fair", 'fitness = "demonstration"', GOOD)
    assert [card.id for card in store.cards("covid")] == ["z-fair", "a-bad"]
    assert store.recommended("covid").id == "z-fair"
    assert store.load("a-bad").card.fitness == "withdrawn"


def test_the_warning_says_what_failed(tmp_path):
    card = read_card(write_covid(tmp_path / "small", 'fitness = "withdrawn"', BAD) / "card.toml")
    assert card.warning == (
        "Withdrawn: Test model small fails its own task on data of another origin (pictures of "
        "another hospital: AUC 0.71, 0.58 to 0.80). Don't use its answer."
    )
    shown = replace(card, fitness="demonstration", performance=card.performance[:1])
    assert shown.warning == (
        "For demonstration only: Test model small was not judged on data of another origin. "
        "Don't rely on its answer."
    )
    assert replace(card, fitness=None).warning == ""


def test_every_shipped_card_states_its_fitness_and_the_list_prints_it(capsys):
    cards = ModelStore().cards()
    assert all(card.fitness in FITNESSES for card in cards)
    list_models(as_json=True)
    listed = json.loads(capsys.readouterr().out)["models"]
    assert {row["id"]: row["fitness"] for row in listed} == {c.id: c.fitness for c in cards}
    list_models(as_json=False)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert all(f" {card.fitness} " in lines[card.id] for card in cards)


def test_no_shipped_model_is_recommended_that_is_not_fit_for_research():
    for card in ModelStore().cards():
        assert not card.recommended or card.fitness == "research"


def test_every_shipped_card_can_be_read():
    assert ModelStore([resources_folder() / "Models"]).broken() == {}
