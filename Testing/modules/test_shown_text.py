"""No panel takes text from outside for HTML."""

from __future__ import annotations

import pytest

from medai.errors import InputError, MissingDependencyError
from Testing.hostile import HOSTILE, QT_PICTURE

pytestmark = pytest.mark.xdist_group("panels")
PANELS = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)


@pytest.mark.parametrize("name", PANELS)
def test_every_label_of_a_panel_is_told_what_its_text_is(name, open_panel, slicer):
    import qt

    panel = open_panel(name)
    labels = [w for w in slicer.util.findChildren(panel.window) if w.inherits("QLabel")]
    assert labels
    guessing = [
        label.objectName for label in labels if label.property("textFormat") == qt.Qt.AutoText
    ]
    assert not guessing


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_a_tooltip_and_a_message_show_the_characters(text, slicer, messages):
    import qt

    from medai_panels.shown_errors import shown_errors
    from medai_panels.usable import set_usable
    from medai_panels.wrapping_label import wrapping_label

    label = wrapping_label("one")
    label.setText(text)
    assert label.property("textFormat") == qt.Qt.PlainText
    button = qt.QPushButton()
    set_usable(button, text)
    with shown_errors("Can't."):
        raise InputError(text)
    for shown in (button.property("toolTip"), messages.shown[-1].text):
        document = qt.QTextDocument()
        if qt.Qt.mightBeRichText(shown):
            document.setHtml(shown)
            assert "".join(text.split()) in "".join(document.toPlainText().split())
            assert "src=" not in shown or "&lt;img" in shown
        else:
            assert "<" not in shown


def test_a_failed_job_shows_its_error_as_characters(slicer, messages):
    from medai_panels.shown_text import literal

    assert literal("plain, as it was") == "plain, as it was"
    assert "<img" not in literal(QT_PICTURE)


def test_a_pytorch_of_slicers_own_that_is_too_old_is_refused(slicer, monkeypatch):
    from medai_panels import pytorch

    monkeypatch.setattr(pytorch, "find_spec", lambda name: object())
    monkeypatch.setattr(pytorch, "version", lambda name: "2.5.1+cu124")
    with pytest.raises(MissingDependencyError, match=r"PyTorch 2\.5\.1\+cu124 is installed"):
        pytorch.ensure_torch()
    monkeypatch.setattr(pytorch, "version", lambda name: "2.10.0")
    pytorch.ensure_torch()
