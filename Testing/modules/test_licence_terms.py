"""A model's terms are asked for once, remembered, and asked for again when they change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medai.errors import CancelledError
from Testing.modules.cards import store_with

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def card(slicer, tmp_path):
    import qt

    qt.QSettings().remove("MedAI/acceptedTerms")
    return store_with(tmp_path, {"id": "light"}).card("light")


def test_terms_are_asked_for_once_per_model_and_again_when_they_change(
    card, messages, asks_for_terms
):
    from medai_panels.licence_terms import ensure_accepted

    messages.answer = False
    with pytest.raises(CancelledError, match="terms were not accepted"):
        ensure_accepted(card)
    messages.answer = True
    ensure_accepted(card)
    assert [message.kind for message in messages.shown] == ["question"] * 2
    assert "Non-commercial use only" in messages.shown[0].text
    ensure_accepted(card)
    assert len(messages.shown) == 2
    ensure_accepted(replace(card, id="other"))
    assert len(messages.shown) == 3
    ensure_accepted(replace(card, licence=replace(card.licence, weights="Other terms")))
    assert len(messages.shown) == 4
    ensure_accepted(replace(card, id="free", licence=replace(card.licence, commercial_use=True)))
    assert len(messages.shown) == 4


def test_without_acceptance_nothing_runs(
    card, slicer, messages, monkeypatch, open_panel, tmp_path, asks_for_terms
):
    from medai import scene
    from Testing.modules.lesion_results import small_phantom
    from Testing.standins import load_module
    from Testing.standins.worker import ScriptedWorker

    worker = ScriptedWorker(lambda *_: None)
    store = store_with(tmp_path / "more", {"id": "light", "recommended": "true"})
    monkeypatch.setattr(load_module("LesionSegmentation"), "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    scene.show_volume(small_phantom().volume)
    panel = open_panel("LesionSegmentation")
    messages.answer = False
    panel.widget._run.button.click()
    assert worker.jobs == [] and "not accepted" in panel.widget._run.status.text()
