"""``medai models``: what it lists."""

from __future__ import annotations

import json

from medai.cli import run


def test_list_says_where_models_of_ones_own_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert run(["models", "list"]) == 0
    own = tmp_path / "MedAI" / "Models"
    assert capsys.readouterr().out.splitlines()[-1] == f"Models of your own are kept in {own}."
    assert run(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["own_models_folder"] == str(own)
