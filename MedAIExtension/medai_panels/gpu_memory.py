"""How much of the graphics card MedAI may take: a choice for this computer, not for a scene."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from medai_panels.connections import Connections

_SETTING = "MedAI/gpuMemoryGb"
_MOST_GB = 1000.0


def gpu_memory_gb() -> float | None:
    """What the user allows, in GB; None for all of it."""
    try:
        limit = float(qt.QSettings().value(_SETTING, 0.0))
    except (TypeError, ValueError):
        return None
    return limit if limit > 0 else None


class GpuMemoryChoice:
    """Adds the choice to a layout; it is remembered in Slicer's settings and holds from the next
    run on, in all panels."""

    def __init__(self, layout: Any) -> None:
        row = qt.QHBoxLayout()
        self.label = qt.QLabel(_("GPU memory"))
        self.spin = qt.QDoubleSpinBox()
        self.spin.setObjectName("gpuMemorySpinBox")
        self.spin.setRange(0.0, _MOST_GB)
        self.spin.setProperty("decimals", 1)
        self.spin.setSuffix(_(" GB"))
        self.spin.setSpecialValueText(_("no limit"))
        self.spin.setToolTip(
            _(
                "The most that is taken of the graphics card's memory, so that other programs keep "
                "theirs. Less memory means smaller steps, or the processor; the result is the same."
            )
        )
        row.addWidget(self.label)
        row.addWidget(self.spin, 1)
        layout.addLayout(row)
        self._connections = Connections()
        self.refresh()
        self._connections.add(self.spin.valueChanged, self._on_value)

    def refresh(self) -> None:
        """Show what holds now; another panel may have changed it."""
        self.spin.setValue(gpu_memory_gb() or 0.0)

    def close(self) -> None:
        """Let go of all connections."""
        self._connections.release()

    def _on_value(self, *args: Any) -> None:
        qt.QSettings().setValue(_SETTING, self.spin.property("value"))
