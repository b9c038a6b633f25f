"""What a model was not measured on stands in the result of a study that is such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medai.errors import ModelCardError
from medai.images import Volume
from medai.images.study_origin import study_origin
from medai.inference.running.unmeasured import unmeasured_notes
from medai.models import ModelStore, read_card
from medai.models.card import UNMEASURED, ModelCard
from Testing.modules.cards import store_with

STUDY = Volume(np.zeros((4, 8, 8), np.int16), np.diag([-1.0, -1.0, 2.5, 1.0]), "CT", "study")
CONTRAST = replace(STUDY, origin=study_origin((), contrast_agent="Iomeprol 400"))
NATIVE = replace(STUDY, origin=study_origin((), contrast_agent="None"))
UNKNOWN = "how accurate it is on this study is unknown."


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return store_with(tmp_path_factory.mktemp("models"), {"id": "light"}).card("light")


def with_unmeasured(card: ModelCard, *conditions: str) -> ModelCard:
    return replace(card, use=replace(card.use, unmeasured=conditions))


@pytest.mark.parametrize(
    ("conditions", "study", "words"),
    [
        (("whole studies",), STUDY, "on whole CT studies of patients"),
        (("slice thickness",), STUDY, "on slices 2.5 mm apart"),
        (UNMEASURED, NATIVE, "on whole CT studies of patients or on slices 2.5 mm apart"),
        (("contrast",), CONTRAST, "with contrast medium"),
        (
            UNMEASURED,
            CONTRAST,
            "on whole CT studies of patients, on slices 2.5 mm apart or with contrast medium",
        ),
    ],
)
def test_what_applies_to_the_study_is_one_sentence(card, conditions, study, words):
    expected = f"Light was not measured {words}: {UNKNOWN}"
    assert unmeasured_notes(with_unmeasured(card, *conditions), study) == [expected]


@pytest.mark.parametrize("study", [STUDY, NATIVE])
def test_what_does_not_apply_is_not_said(card, study):
    assert unmeasured_notes(with_unmeasured(card, "contrast"), study) == []
    assert unmeasured_notes(card, CONTRAST) == []


def test_the_distance_of_slices_is_that_of_a_sagittal_study_too(card):
    matrix = np.array([[0, 0, 5.0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])
    sagittal = Volume(np.zeros((4, 8, 8), np.int16), matrix, "CT", "sagittal")
    (note,) = unmeasured_notes(with_unmeasured(card, "slice thickness"), sagittal)
    # Slices toward the head are a millimeter apart, whatever the order of storage.
    assert "1 mm apart" in note


def test_a_card_names_known_conditions_only(card, tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(card.text.replace("[decision]", 'unmeasured = ["weekends"]\n[decision]'))
    with pytest.raises(ModelCardError, match="unmeasured names 'weekends', expected some of"):
        read_card(path)


def test_every_shipped_model_of_chest_ct_says_what_nobody_measured():
    for card in ModelStore().cards():
        if card.modality == "CT":
            assert "whole studies" in card.use.unmeasured, card.id
