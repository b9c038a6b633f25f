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
