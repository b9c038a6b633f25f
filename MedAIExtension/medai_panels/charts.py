"""Plots in the view layout."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from medai.errors import InputError
from medai.scene.presence import is_present


def show_chart(chart_node: Any) -> None:
    """Show a plot chart node in a plot view, changing to a layout that has one if need be.

    Raises InputError when the user has deleted it.
    """
    if not is_present(chart_node):
        raise InputError(_("The plot is no longer in the scene: press Run again."))
    slicer.modules.plots.logic().ShowChartInLayout(chart_node)
