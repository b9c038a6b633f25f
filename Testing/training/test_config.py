"""Configurations are read strictly: every key known, every value of the right kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from medai.errors import TrainingDataError
from training.cataract import CataractSettings
from training.classifier import ClassifierSettings
from training.config import read_config
from training.covid_mask_net import MaskNetSettings
from training.fit import RunSettings
from training.lesions import LesionSettings
from training.lung_pictures import LungSettings
from training.probe import ProbeSettings
from training.raters import RaterSettings
from training.xray import XraySettings

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"
KINDS = {
    "lesions": LesionSettings,
    "covid_mask_net": MaskNetSettings,
    "covid_unet": ProbeSettings,
    "covid": ClassifierSettings,
    "cataract": CataractSettings,
    "raters": RaterSettings,
    "lung_pictures": LungSettings,
    "xray": XraySettings,
}


def written(folder: Path, text: str) -> Path:
    file = folder / "run.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_values_of_the_file_are_overridden_by_changes(tmp_path: Path) -> None:
    file = written(tmp_path, 'output = "runs/a"\nepochs = 3\nlearning_rate = 1\n')
    read = read_config(RunSettings, file, ["epochs=5", "precision=bf16-mixed"])
    assert read.output == Path("runs/a")
    assert read.epochs == 5
    assert read.learning_rate == 1.0
    assert isinstance(read.learning_rate, float)
    assert read.precision == "bf16-mixed"


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ('output = "a"\nlerning_rate = 1', [], "unknown key 'lerning_rate'"),
        ("epochs = 3", [], "'output' is missing"),
        ('output = "a"\nepochs = "three"', [], "epochs = 'three', expected a whole number"),
        ('output = "a"\nepochs = true', [], "epochs = True, expected a whole number"),
        ('output = "a"', ["epochs"], "expected key=value"),
        ("output = ", [], "is not TOML"),
    ],
)
def test_a_wrong_configuration_is_one_line(
    tmp_path: Path, text: str, changes: list[str], words: str
) -> None:
    with pytest.raises(TrainingDataError, match=words) as caught:
        read_config(RunSettings, written(tmp_path, text), changes)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"absent\.toml: No such file"):
        read_config(RunSettings, tmp_path / "absent.toml")


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_configuration_is_read_by_its_trainer(file: Path) -> None:
    kind = next(kind for name, kind in KINDS.items() if file.stem.startswith(name))
    settings = read_config(kind, file)
    assert settings.output.parts[:2] == ("training", "runs")
    assert settings.total_steps == settings.epochs * settings.steps_per_epoch
