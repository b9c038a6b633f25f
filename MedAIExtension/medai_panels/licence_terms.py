"""A model with restricted use is used only after its terms were read and accepted."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from medai.errors import CancelledError
from medai.models import ModelCard
from medai.models.terms import terms_digest
from medai_panels.shown_text import literal

_SETTING = "MedAI/acceptedTerms/"


def ensure_accepted(card: ModelCard) -> None:
    """Ask once per model and computer whether the user accepts its terms, unless they are free.

    Remembered in Slicer's settings; terms that change are asked about again. Raises CancelledError
    when the user doesn't accept.
    """
    if card.licence.commercial_use:
        return
    licence, digest = card.licence, terms_digest(card)
    settings, key = qt.QSettings(), _SETTING + card.id
    if settings.value(key, "") == digest:
        return
    question = _(
        "The model {name} may not be used commercially.\n\nWeights: {weights}\nTraining data: "
        "{data}\nCode: {code}\n\nI have read these terms and accept them for this model."
    ).format(name=card.name, weights=licence.weights, data=licence.data, code=licence.code)
    if not slicer.util.confirmOkCancelDisplay(literal(question), windowTitle=_("Terms of use")):
        raise CancelledError(_("The model's terms were not accepted."))
    settings.setValue(key, digest)
