"""What tests of the panels share: an application, an empty scene, panels that are closed again."""

from __future__ import annotations

import pytest


@pytest.fixture
def slicer():
    """The application with an empty scene."""
    from Testing.standins import install

    module = install()
    module.mrmlScene.Clear(0)
    return module


@pytest.fixture
def module(request, slicer):
    """The file of the module that the test file's ``NAME`` names, imported as Slicer does."""
    from Testing.standins import load_module

    return load_module(request.module.NAME)


@pytest.fixture(autouse=True)
def terms_accepted(request, monkeypatch):
    """The terms of every model are accepted already, unless a test is about asking."""
    if "asks_for_terms" not in request.fixturenames and "slicer" in request.fixturenames:
        request.getfixturevalue("slicer")
        # Both before the patches: a module that is first loaded under one would keep it for good.
        import medai_panels.licence_terms
        import medai_panels.network_panel

        accept = lambda card: None  # noqa: E731
        monkeypatch.setattr(medai_panels.licence_terms, "ensure_accepted", accept)
        monkeypatch.setattr("medai_panels.network_panel.ensure_accepted", accept)


@pytest.fixture
def asks_for_terms():
    """The question about a model's terms comes as it comes to a user."""


@pytest.fixture
def messages(slicer):
    """What a user would have read in message boxes, oldest first."""
    from Testing.standins import messages

    messages.shown.clear()
    messages.answer = True
    return messages


@pytest.fixture
def open_panel(slicer, messages):
    """Opens a module's panel by name; all are closed after the test."""
    from Testing.standins import open_panel

    opened = []

    def open_one(name: str, **size: int):
        panel = open_panel(name, **size)
        opened.append(panel)
        return panel

    yield open_one
    for panel in opened:
        if panel.is_open:
            panel.close()
