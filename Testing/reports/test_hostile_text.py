"""Text from outside in every output: a spreadsheet, a browser, a chart, a terminal, a file."""

from __future__ import annotations

import csv
import io
import json
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from medai.csv_text import csv_text
from medai.errors import InputError
from medai.reports.charts import bars, figure_png, histogram, mean_with_error, new_figure, scatter
from medai.reports.json_text import json_text
from medai.reports.page import Page
from Testing.hostile import FORMULA, HOSTILE, MATHTEXT, MATHTEXT_WHOLE

STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_and_no_heading_of_a_table_is_a_formula(text):
    table = csv_text((text, "b"), [(text, 1.5), (text, None)])
    table.encode("utf-8")
    for row in csv.reader(io.StringIO(table)):
        for cell in row:
            assert not cell.strip().startswith(STARTS) or cell in ("+1",), cell
            assert not cell.startswith(("\t", "\r", "\n"))


def test_numbers_stay_numbers_in_a_table():
    assert csv_text(("a",), [(-1.5,), ("-1.5",), ("+3e-4",), (-2,), ("-2x",)]).split() == [
        *("a", "-1.5", "-1.5", "+3e-4", "-2", "'-2x")
    ]


class Tags(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.update({tag, *(f"{tag} {name}" for name, _ in attrs)})


def page_of(text: str) -> str:
    page = Page(text, text)
    page.heading(text)
    page.sentence(text)
    page.note(text)
    page.link(text, text)
    page.table((text, "b"), [(text, 1.0)], caption=text)
    page.bars([(text, 1.0)], unit=text, full=2.0, caption=text)
    page.legend([(text, text)])
    page.pictures([(b"png", text)])
    return page.html()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_field_of_a_page_makes_a_tag_or_an_attribute(text):
    usual, found = Tags(), Tags()
    usual.feed(page_of("text"))
    html = page_of(text)
    found.feed(html)
    assert found.seen == usual.seen
    html.encode("utf-8")
    assert not set(html) & set("\x1b\x07\x08\x9b\u202e\udcff")


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_of_a_chart_is_drawn_as_its_characters(text):
    figure, axes = new_figure()
    axes.plot([1, 2], [1, 2], label=text)
    axes.set(title=text, xlabel=text, ylabel=text)
    axes.set_xticks([1, 2], [text, text])
    axes.text(1, 1, text)
    axes.annotate(text, (1, 2))
    axes.legend(title=text)
    figure.suptitle(text)
    for drawn in (figure, bars([text], [1.0], xlabel=text)):
        assert figure_png(drawn).startswith(b"\x89PNG")


def test_a_formula_in_a_name_changes_nothing_about_how_it_is_drawn():
    def picture(name: str, **options) -> bytes:
        return figure_png(mean_with_error([name], [1.0], [0.1], xlabel="x"), **options)

    assert picture(MATHTEXT_WHOLE, dpi=50) != picture("x2", dpi=50)
    figure = mean_with_error([MATHTEXT_WHOLE, MATHTEXT], [1.0, 2.0], [0.1, 0.1], xlabel="x")
    figure_png(figure)
    labels = figure.axes[0].get_yticklabels()
    assert not any(label.get_parse_math() for label in labels)


def test_a_settings_file_in_the_current_folder_can_not_start_latex(tmp_path, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "text.usetex", True)
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.check_output", lambda *a, **k: pytest.fail("LaTeX was started"))
    assert figure_png(histogram([0.5], xlabel=FORMULA, ylabel="y")).startswith(b"\x89PNG")


def test_a_logarithmic_axis_is_labelled_in_numbers(monkeypatch):
    figure = scatter([1, 10, 1000], [1, 2, 3], xlabel="x", ylabel="y", log_x=True)
    figure_png(figure)
    words = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert any(words) and not any("$" in word for word in words)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_visible_characters_only(text, capsys):
    from medai import cli
    from medai.commands.console import print_answer, print_warning

    print_answer(text, {}, as_json=False)
    print_warning(text)
    assert cli._fail(str(InputError(text)), 2) == 2
    said = capsys.readouterr()
    unseen = set("\x1b\x07\x08\x9b\u202e\u2028\r\udcff\t")
    assert not unseen & set(said.out + said.err)
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_progress_is_no_markup(text, monkeypatch):
    from rich.console import Console

    from medai.commands import console
    from medai.progress import Progress

    stream = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console",
        lambda **_: Console(file=stream, force_terminal=True, width=300, color_system="truecolor"),
    )
    with console.running("start") as (progress, _):
        progress(Progress(0.5, text))
    assert "\x1b]" not in stream.getvalue() and "\x1b[31m" not in stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_json_keeps_the_characters_and_can_be_written(text):
    written = json_text({"a": text, text: [np.float64(1)]})
    assert json.loads(written.encode("utf-8"))["a"] == text.encode("utf-8", "replace").decode()


def test_a_terminal_of_few_characters_is_no_defect(monkeypatch):
    from medai.commands.console import print_text

    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_text("größer\udcff")
    stream.flush()
    assert stream.buffer.getvalue() == b"gr??er?\n" or b"gr" in stream.buffer.getvalue()
