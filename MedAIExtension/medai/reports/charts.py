"""Charts by matplotlib in one look; where it is missing, as inside Slicer, reports have tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from medai.palette import BLACK, BLUE, VERMILLION, hex_color
from medai.plain_text import plain_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "Charts are left out: matplotlib is not installed here. The tables hold the same numbers."


def charts_available() -> bool:
    """Whether matplotlib can be imported."""
    return find_spec("matplotlib") is not None


def new_figure(width_in: float = 5.0, height_in: float = 3.2) -> tuple[Figure, Axes]:
    """An empty figure with one set of axes, without any window or global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def figure_png(figure: Figure, dpi: int = 144) -> bytes:
    """The figure as the bytes of a PNG file."""
    stream = io.BytesIO()
    save_figure(figure, stream, format="png", dpi=dpi)
    return stream.getvalue()


def save_figure(figure: Figure, target: Path | IO[bytes], **options: Any) -> None:
    """Save a figure with every text as the characters it has.

    matplotlib takes text between dollar signs for formulas, and a ``matplotlibrc`` in the current
    folder could have LaTeX run on all text.
    """
    from matplotlib import rc_context
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        # What draws tick labels that were given, rather than numbers.
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FuncFormatter):
            formatter.func = _plain_labels(formatter.func)
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(plain_lines(text.get_text()))
    # Ticks are made while the figure is drawn.
    with rc_context({"text.parse_math": False, "text.usetex": False}):
        figure.savefig(target, **options)


def _plain_labels(label: Callable[..., str]) -> Callable[..., str]:
    return lambda *place: plain_lines(label(*place))


def histogram(values: Sequence[float], *, xlabel: str, ylabel: str, bins: int = 20) -> Figure:
    """Counts of values in 0..1."""
    figure, axes = new_figure()
    axes.hist(values, bins=bins, range=(0, 1), color=hex_color(BLUE), edgecolor="white")
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1))
    return figure


def scatter(
    x: Sequence[float], y: Sequence[float], *, xlabel: str, ylabel: str, log_x: bool = False
) -> Figure:
    """Points, one per pair."""
    figure, axes = new_figure()
    axes.plot(x, y, "o", markersize=4, alpha=0.6, color=hex_color(VERMILLION), markeredgewidth=0)
    if log_x:
        from matplotlib.ticker import LogFormatter

        axes.set_xscale("log")
        # The usual one writes powers of ten as formulas.
        axes.xaxis.set_major_formatter(LogFormatter())
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.3)
    return figure


def bars(labels: Sequence[str], values: Sequence[float], *, xlabel: str) -> Figure:
    """Horizontal bars, first label on top, each with its value."""
    figure, axes = new_figure(height_in=0.6 + 0.38 * len(labels))
    drawn = axes.barh(range(len(labels)), values, color=hex_color(VERMILLION))
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(xlabel)
    axes.margins(x=0.15)
    return figure


def mean_with_error(
    labels: Sequence[str], means: Sequence[float], errors: Sequence[float], *, xlabel: str
) -> Figure:
    """Mean ± error per label, first label on top."""
    figure, axes = new_figure(height_in=0.7 + 0.38 * len(labels))
    axes.errorbar(
        means, range(len(labels)), xerr=errors, fmt="o", capsize=3, color=hex_color(BLACK)
    )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    axes.grid(axis="x", alpha=0.3)
    return figure
