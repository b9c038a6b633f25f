"""The six networks side by side: trained once, judged, and printed beside the paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Testing.training.runs import on_pictures
from training import six_networks, tables
from training.classifier import ClassifierSettings


def test_networks_are_trained_once_judged_and_printed(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(six_networks, "NETWORKS", ("ctnet10",))
    files = on_pictures(class_folders) | {"output": tmp_path / "runs"}
    steps = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "accelerator": "cpu"}
    settings = ClassifierSettings(**files, size=128, **steps)
    results = tmp_path / "results" / "six.json"
    six_networks.train_all(settings, results)
    measured = json.loads(results.read_text(encoding="utf-8"))
    accuracy = measured["networks"]["ctnet10"]["accuracy"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["n"] == len(list((class_folders / "val").rglob("*.png")))

    def trained_again(settings: ClassifierSettings) -> Path:
        raise AssertionError("A finished run was trained again.")

    monkeypatch.setattr(six_networks, "train", trained_again)
    six_networks.train_all(settings, results)
    assert json.loads(results.read_text(encoding="utf-8")) == measured

    row, *others = tables.shah_rows([], results)
    assert row.what == "CTnet-10" and row.ours.startswith(f"{accuracy['value']:.4f} (")
    assert "2 steps of 2" in row.our_data and "not shipped" in row.our_data
    assert {other.ours for other in others} == {"–"}
