"""One self-contained HTML page: text, tables and pictures in a single file, nothing fetched."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import medai
from medai.plain_text import plain_lines

RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis or treatment."

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1b1f24;
  background: #fff; max-width: 64rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #d0d7de; }
p { margin: .4rem 0; max-width: 48rem; }
.lead { font-size: 1.15rem; }
.research { background: #fff4d6; border-left: 4px solid #e69f00; padding: .4rem .8rem; }
.note { color: #57606a; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #57606a; padding-bottom: .2rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #d0d7de; text-align: left;
  vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
.bar { background: #eaeef2; width: 10rem; height: .8rem; display: inline-block; }
.bar > span { background: #d55e00; height: 100%; display: block; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .6rem 0; }
#viewer canvas { width: 100%; max-width: 40rem; background: #000; display: block; }
#viewer input[type="range"] { width: 20rem; max-width: 60%; vertical-align: middle; }
#viewer label { margin-right: 1rem; white-space: nowrap; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #57606a; font-size: .9rem; max-width: 30rem; }
.swatch { display: inline-block; width: .9rem; height: .9rem; margin-right: .35rem;
  vertical-align: -.1rem; border: 1px solid #57606a; }
.line { display: inline-block; width: 2.2rem; margin-right: .35rem; vertical-align: .25rem; }
.wide { overflow-x: auto; }
footer { margin-top: 3rem; color: #57606a; font-size: .85rem; }
"""


class Page:
    """Collects the parts of a report in reading order; ``html()`` gives the whole page.

    All text is escaped. Numbers are right-aligned and shown with ``digits`` significant digits;
    nan is shown as a dash.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        self._title = title
        self._parts: list[str] = [f"<h1>{html_text(title)}</h1>"]
        if lead:
            self._parts.append(f'<p class="lead">{html_text(lead)}</p>')
        self._parts.append(f'<p class="research">{html_text(RESEARCH_USE)}</p>')

    def heading(self, text: str) -> None:
        """Start a section."""
        self._parts.append(f"<h2>{html_text(text)}</h2>")

    def sentence(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{html_text(text)}</p>")

    def note(self, text: str) -> None:
        """A paragraph in a quieter colour."""
        self._parts.append(f'<p class="note">{html_text(text)}</p>')

    def link(self, target: str, text: str) -> None:
        """A link to a file beside the page."""
        self._parts.append(f'<p><a href="{html_text(target)}">{html_text(text)}</a></p>')

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        caption: str = "",
        digits: int = 3,
        slices: Sequence[int] = (),
    ) -> None:
        """A table with a header row; a column is numeric when it holds a number.

        slices: of each row, the slice that a viewer on the page goes to.
        """
        body = [list(row) for row in rows]
        classes = [
            ' class="number"' if any(_is_number(row[k]) for row in body) else ""
            for k in range(len(columns))
        ]
        parts = ['<div class="wide"><table>']
        if caption:
            parts.append(f"<caption>{html_text(caption)}</caption>")
        heads = zip(columns, classes, strict=True)
        parts.append("<tr>" + "".join(f"<th{c}>{html_text(n)}</th>" for n, c in heads) + "</tr>")
        for number, row in enumerate(body):
            cells = zip(row, classes, strict=True)
            target = f' data-slice="{slices[number]}"' if slices else ""
            parts.append(
                f"<tr{target}>"
                + "".join(f"<td{c}>{cell_text(v, digits)}</td>" for v, c in cells)
                + "</tr>"
            )
        parts.append("</table></div>")
        self._parts.append("".join(parts))

    def bars(
        self, rows: Iterable[tuple[str, float]], *, unit: str, full: float, caption: str = ""
    ) -> None:
        """Horizontal bars that need no plotting library: label, value, bar up to ``full``."""
        parts = ["<table>"]
        if caption:
            parts.append(f"<caption>{html_text(caption)}</caption>")
        for label, value in rows:
            share = 0.0 if not math.isfinite(value) or full <= 0 else min(1.0, value / full)
            parts.append(
                f'<tr><td>{html_text(label)}</td><td class="number">{cell_text(value, 3)} '
                f'{html_text(unit)}</td><td><span class="bar" role="img" aria-label="{share:.0%}">'
                f'<span style="width:{100 * share:.1f}%"></span></span></td></tr>'
            )
        parts.append("</table>")
        self._parts.append("".join(parts))

    def legend(self, entries: Iterable[tuple[str, str]]) -> None:
        """Colour swatches: (label, ``#rrggbb``)."""
        swatches = (
            f'<span class="swatch" style="background:{html_text(color)}"></span>{html_text(label)}'
            for label, color in entries
        )
        self._parts.append("<p>" + " &emsp; ".join(swatches) + "</p>")

    def line_legend(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Lines: (label, ``#rrggbb``, "solid", "dashed" or "dotted")."""
        lines = (
            f'<span class="line" style="border-top:4px {style} {html_text(color)}"></span>'
            f"{html_text(label)}"
            for label, color, style in entries
        )
        self._parts.append("<p>" + " &emsp; ".join(lines) + "</p>")

    def pictures(self, pictures: Iterable[tuple[bytes, str]], *, width_px: int = 300) -> None:
        """PNG pictures side by side, each with its caption."""
        figures = "".join(_figure(png, caption, width_px) for png, caption in pictures)
        self._parts.append(f'<div class="pictures">{figures}</div>')

    def viewer(self, viewer_html: str) -> None:
        """A viewer of slices, as ``slice_viewer.viewer_html`` gives it."""
        self._parts.append(viewer_html)

    def html(self) -> str:
        """The whole page."""
        body = "\n".join(self._parts)
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html_text(self._title)}</title><style>{_STYLE}</style></head>\n"
            f"<body>\n{body}\n<footer>MedAI {medai.__version__}. {html_text(RESEARCH_USE)}</footer>"
            "\n</body></html>\n"
        )


def html_text(text: str) -> str:
    """``text`` as HTML that shows its characters, also inside an attribute's quotes."""
    return html.escape(plain_lines(text))


def cell_text(value: Any, digits: int) -> str:
    """A value as escaped text: numbers to ``digits`` significant digits, nan and None a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not _is_number(value):
        return html_text(str(value))
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value)}".replace("-", "−")
    magnitude = 0 if value == 0 else math.floor(math.log10(abs(value)))
    decimals = max(0, digits - 1 - magnitude) if magnitude > -6 else digits
    return f"{value:.{min(decimals, 8)}f}".replace("-", "−")


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool)


def _figure(png: bytes, caption: str, width_px: int) -> str:
    data = base64.b64encode(png).decode("ascii")
    text = html_text(caption)
    return (
        f'<figure style="max-width:{width_px}px"><img alt="{text}" width="{width_px}" '
        f'src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
    )
