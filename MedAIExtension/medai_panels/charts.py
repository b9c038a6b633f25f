"""Plots in the view layout."""

from __future__ import annotations

from typing import Any

import slicer


def show_chart(chart_node: Any) -> None:
    """Show a plot chart node in a plot view, changing to a layout that has one if need be."""
    slicer.modules.plots.logic().ShowChartInLayout(chart_node)
