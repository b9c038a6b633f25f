"""The Model section: which model, its card in one line, the whole card on a click, and how much of
the GPU it may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from medai.models import ModelCard, ModelStore
from medai.models.fitness import WITHDRAWN
from medai_panels.card_html import card_html
from medai_panels.connections import Connections
from medai_panels.gpu_memory import GpuMemoryChoice
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import wrapping_label


class ModelSection:
    """Fills ``section`` (a ctkCollapsibleButton with a layout) with the models of one task.

    ``changed(model_id)`` is called when the user picks another. ``problem`` says why there is no
    model to pick, and is empty when there is one.
    """

    def __init__(
        self, section: Any, task: str, store: ModelStore, changed: Callable[[str], None]
    ) -> None:
        self._changed = changed
        self.problem = ""
        self._choosing = False
        self._cards: tuple[ModelCard, ...] = ()
        self.combo = qt.QComboBox()
        self.combo.setObjectName("modelComboBox")
        self.combo.setToolTip(
            _("Which network does the work. A star marks the one we recommend for this task.")
        )
        # A long name must not make the whole panel wider.
        self.combo.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.summary = wrapping_label("modelSummaryLabel")
        self.summary.setToolTip(_("The model's card in one line."))
        self.more = qt.QPushButton(_("Show the whole card"))
        self.more.setObjectName("modelCardButton")
        self.more.setCheckable(True)
        self.more.setToolTip(
            _("What it was trained on, how well it was measured, its license and its limits.")
        )
        self.card_view = qt.QTextEdit()
        self.card_view.setObjectName("modelCardView")
        self.card_view.setReadOnly(True)
        self.card_view.setMinimumHeight(220)
        self.card_view.setVisible(False)
        self.left_out = wrapping_label("modelsLeftOutLabel")
        self.left_out.setToolTip(_("Models that are on this computer but can't be used, and why."))
        self.missing = wrapping_label("modelMissingLabel")
        self.missing.setVisible(False)
        layout = section.layout()
        for widget in (
            self.combo,
            self.missing,
            self.summary,
            self.left_out,
            self.more,
            self.card_view,
        ):
            layout.addWidget(widget)
        self._gpu_memory = GpuMemoryChoice(layout)
        self._connections = Connections()
        self._fill(store, task)
        self._connections.add(self.combo.currentIndexChanged, self._on_choice)
        self._connections.add(self.more.toggled, self._on_more)

    @property
    def card(self) -> ModelCard | None:
        """The chosen model's card; None when there is no model."""
        index = self.combo.property("currentIndex")
        return self._cards[index] if 0 <= index < len(self._cards) else None

    @property
    def model_id(self) -> str:
        """The chosen model's id; "" when there is no model."""
        return self.card.id if self.card is not None else ""

    def choose(self, model_id: str) -> None:
        """Pick a model by id, without calling ``changed``; for an unknown id it says so."""
        self._gpu_memory.refresh()
        ids = [card.id for card in self._cards]
        if model_id in ids:
            self._choosing = True
            self.combo.setCurrentIndex(ids.index(model_id))
            self._choosing = False
        elif model_id and self._cards:
            self.missing.setText(
                _("The scene was saved with the model {id}, which isn't installed here.").format(
                    id=model_id
                )
            )
            self.missing.setVisible(True)

    def set_usable(self, reason: str = "") -> None:
        """Allow another choice when there is no ``reason`` against it."""
        set_usable(self.combo, reason or self.problem)

    def close(self) -> None:
        """Let go of all connections."""
        self._gpu_memory.close()
        self._connections.release()

    def _fill(self, store: ModelStore, task: str) -> None:
        self._cards = store.cards(task)
        if not self._cards:
            self.problem = _(
                "No model for this task is installed. Add one with: medai models add FILE"
            )
        broken = store.broken()
        self.left_out.setText("\n".join(f"{name}: {why}" for name, why in broken.items()))
        self.left_out.setVisible(bool(broken))
        for card in self._cards:
            withdrawn = _("{name} (withdrawn)").format(name=card.name)
            shown = withdrawn if card.fitness == WITHDRAWN else card.name
            self.combo.addItem(f"{shown} ★" if card.recommended else shown)
        set_usable(self.combo, self.problem)
        set_usable(self.more, self.problem)
        self._show_card()

    def _show_card(self) -> None:
        card = self.card
        lines = [] if card is None else [line for line in (card.warning, card.summary) if line]
        self.summary.setText("\n".join(lines) or self.problem)
        self.card_view.setHtml("" if card is None else card_html(card))

    def _on_choice(self, *args: Any) -> None:
        self._show_card()
        if not self._choosing:
            self.missing.setVisible(False)
            self._changed(self.model_id)

    def _on_more(self, *args: Any) -> None:
        shown = self.more.isChecked()
        self.card_view.setVisible(shown)
        self.more.setText(_("Hide the card") if shown else _("Show the whole card"))
