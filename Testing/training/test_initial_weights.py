"""Weights to start from: read from the file given, refused in one line when they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from medai.errors import TrainingDataError
from medai.networks import unet
from training.fit import RunSettings, Task, _trainer
from training.initial import load_initial, read_initial


def test_half_precision_weights_become_single(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2).half(), "n": torch.tensor(3)}, tmp_path / "w.pt")
    weights = read_initial(tmp_path / "w.pt")
    assert weights["a"].dtype == torch.float32
    assert weights["n"].dtype == torch.int64


def test_files_without_a_state_dict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"absent\.pt: No such file"):
        read_initial(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("hello", encoding="utf-8")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("text.pt", "list.pt"):
        with pytest.raises(TrainingDataError, match="holds no state dict"):
            read_initial(tmp_path / name)


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    torch.save(unet(width=8).state_dict(), tmp_path / "wide.pt")
    with pytest.raises(TrainingDataError, match=r"does not fit the network: .* the first is"):
        load_initial(unet(width=4), tmp_path / "wide.pt")
    load_initial(unet(width=8), tmp_path / "wide.pt")


def test_settings_that_no_run_can_have_are_one_line(tmp_path: Path) -> None:
    settings = RunSettings(output=tmp_path, optimizer="lion", accelerator="cpu")
    task = Task(torch.nn.Linear(2, 2), settings)
    with pytest.raises(TrainingDataError, match="optimizer = 'lion', expected one of adam"):
        task.configure_optimizers()
    with pytest.raises(TrainingDataError, match="can't be set up"):
        _trainer(replace(settings, precision="7-bit"), [])
