"""A model's card as a reader wants it: use and limits first, numbers with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from slicer.i18n import tr as _

from medai.models import ModelCard


def card_html(card: ModelCard) -> str:
    """The whole card as HTML for a text view."""
    rows = "".join(
        f"<p><b>{escape(title)}</b><br>{'<br>'.join(map(escape, lines))}</p>"
        for title, lines in _parts(card)
    )
    return f"<html><body>{rows}</body></html>"


def _parts(card: ModelCard) -> Iterator[tuple[str, list[str]]]:
    if card.fitness is not None:
        yield _("Fitness"), [card.warning or card.fitness]
    yield _("Meant for"), [card.use.intended]
    yield _("Limits"), [card.use.limits]
    yield _("Has never seen"), [card.use.never_seen]
    yield (
        _("Measured (95 % interval)"),
        [
            f"{each.measure} {each.value:.3g} ({each.low:.3g} to {each.high:.3g}), "
            f"n = {each.n}: {each.measured_on}"
            for each in card.performance
        ],
    )
    yield _("Trained on"), [card.training.data, _amount(card), card.training.cost]
    yield (
        _("Maturity"),
        [
            _("Peer review: {text}").format(text=card.maturity.peer_review),
            _("Data set: {text}").format(text=card.maturity.dataset_size),
            _("Complexity: {text}").format(text=card.maturity.complexity),
            _("Clinical use: {text}").format(text=card.maturity.clinical_use),
        ],
    )
    commercial = _("allowed") if card.licence.commercial_use else _("not allowed")
    yield (
        _("License"),
        [
            _("Weights: {text}").format(text=card.licence.weights),
            _("Training data: {text}").format(text=card.licence.data),
            _("Code: {text}").format(text=card.licence.code),
            _("Commercial use: {text}").format(text=commercial),
        ],
    )
    yield _("Model"), _technical(card)


def _amount(card: ModelCard) -> str:
    slices = _("{number} slices").format(number=f"{card.training.slices:,}")
    if card.training.patients == 0:
        return _("{slices}, number of patients not stated").format(slices=slices)
    patients = _("{number} patients").format(number=f"{card.training.patients:,}")
    return f"{slices}, {patients}"


def _technical(card: ModelCard) -> list[str]:
    lines = [_("{id}, version {version}").format(id=card.id, version=card.version)]
    if card.ensemble is not None:
        lines.append(_("Mean of {members}").format(members=", ".join(card.ensemble.members)))
    if card.network is not None:
        settings = ", ".join(f"{name} {value}" for name, value in card.network.arguments.items())
        lines.append(f"{card.network.name} ({settings})" if settings else card.network.name)
    if card.weights is not None:
        lines.append(f"SHA-256 {card.weights.sha256[:16]}…")
    return lines
