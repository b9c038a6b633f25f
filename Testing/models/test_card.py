from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medai.errors import MedAIError, ModelCardError, ModelNotFoundError
from medai.models import read_card
from Testing.model_folders import write_model


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("card") / "small"
    more = "[decision]\nmask_threshold = 0.4\ntemperature = 2\n"
    write_model(folder, "unet", ("lesion",), classes=2, width=4, more=more)
    return (folder / "card.toml").read_text(encoding="utf-8")


def read(tmp_path: Path, text: str):
    (tmp_path / "card.toml").write_text(text, encoding="utf-8")
    return read_card(tmp_path / "card.toml")


def test_a_card_is_read_as_it_is_written(tmp_path, text):
    card = read(tmp_path, text)
    assert (card.id, card.task, card.modality, card.recommended) == (
        "small",
        "lesions",
        "CT",
        False,
    )
    assert card.network.name == "unet" and card.network.arguments == {"classes": 2, "width": 4}
    assert card.network.classes == ("lesion",)
    assert card.input.size == (64, 64) and card.input.std == 0.3
    assert card.decision.mask_threshold == 0.4 and card.decision.temperature == 2.0
    assert card.decision.score_threshold is None
    assert card.performance[0].measure == "Dice" and card.performance[0].high == 0.2
    assert card.text == text


def test_the_summary_says_training_and_use_in_one_line(tmp_path, text):
    card = read(tmp_path, text.replace("commercial_use = true", "commercial_use = false"))
    assert card.summary == "trained on nothing at all; research only; non-commercial"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "Test', 'nom = "Test', "unknown key nom"),
        ('version = "1.0"\n', "", "version is missing"),
        ('version = "1.0"', "version = 1", "version is 1, expected a text"),
        ('task = "lesions"', 'task = "tumour"', "task is 'tumour', expected lesions or"),
        ('id = "small"', 'id = "../small"', "id is '../small'"),
        ("mean = 0.4", 'mean = "0.4"', "mean is '0.4', expected a number"),
        ("mean = 0.4", "mean = nan", "mean is nan, expected a finite number"),
        ("mean = 0.4", "mean = true", "mean is True, expected a number"),
        ("std = 0.3", "std = 0", "std is 0.0, expected more than 0"),
        ("size = [64, 64]", "size = [64]", r"size is \[64\]"),
        ("size = [64, 64]", "size = [64, 100000]", r"size is \[64, 100000\]"),
        ('name = "unet"', 'name = "exec"', "network is 'exec', expected lesion_mask_rcnn or unet"),
        ('classes = ["lesion"]', 'classes = ["a", "b"]', "2 classes for a network of 2 outputs"),
        ('file = "weights.pt"', 'file = "../weights.pt"', "expected a plain file name"),
        ('sha256 = "', 'sha256 = "0', "sha256 is not 64"),
        ("high = 0.2", "high = 0.05", "Dice 0.1 lies outside its interval 0.0 to 0.05"),
        ("mask_threshold = 0.4", "mask_threshold = 4", "mask_threshold is 4.0, expected 0 to 1"),
        (
            "mask_threshold = 0.4",
            "interval_probability = 0.6",
            "interval_probability is 0.6, expected",
        ),
        ("[weights]", "[ensemble]\nmembers = ['a', 'b']\n[weights]", "an ensemble has no network"),
        ("[use]", "[use", "is not TOML"),
    ],
)
def test_a_card_that_says_what_cannot_be_is_refused_in_one_line(tmp_path, text, old, new, says):
    assert old in text
    with pytest.raises(ModelCardError, match=says) as refusal:
        read(tmp_path, text.replace(old, new, 1))
    assert "\n" not in str(refusal.value)


def test_all_missing_keys_are_named_at_once(tmp_path, text):
    for line in ('version = "1.0"\n', 'limits = "random weights"\n', "n = 1\n", "mean = 0.4\n"):
        assert line in text
        text = text.replace(line, "", 1)
    says = r"version, input\.mean, performance 1: n, use\.limits are missing\.$"
    with pytest.raises(ModelCardError, match=says):
        read(tmp_path, text)


def test_an_empty_card_names_every_table_it_needs(tmp_path):
    with pytest.raises(ModelCardError) as refusal:
        read(tmp_path, "")
    said = str(refusal.value)
    for name in ("id", "licence", "performance", "use", "network", "input", "weights"):
        assert name in said
    assert said.endswith(" are missing.")


def test_all_unknown_keys_are_named_at_once(tmp_path, text):
    text = text.replace("std = 0.3", "std = 0.3\ngamma = 2").replace("[use]", "[use]\nhope = 1")
    with pytest.raises(ModelCardError, match=r"unknown keys input\.gamma, use\.hope\.$"):
        read(tmp_path, text)


def test_a_missing_card_is_a_missing_model(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"card\.toml is missing"):
        read_card(tmp_path / "card.toml")


def test_a_card_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "card.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelCardError, match="not UTF-8"):
        read_card(tmp_path / "card.toml")


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_mutated_card_is_read_or_refused_never_a_crash(tmp_path, text, data):
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.integers(0, 12))
        raw[place : place + length] = data.draw(st.binary(max_size=12))
    (tmp_path / "card.toml").write_bytes(bytes(raw))
    try:
        read_card(tmp_path / "card.toml")
    except MedAIError as error:
        assert "\n" not in str(error).strip()
