"""A column that is added to the lesion table by one line is shown wherever lesions are."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from medai.inference import LesionOptions, LesionResult
from medai.inference.lesions.tables import LESIONS
from medai.reports.page import Page
from medai.reports.tables import write_table
from medai.tables import Column
from Testing.modules.lesion_results import small_phantom, truth_result

ADDED = Column("volume_ul", "size", "µL", ",.0f", "In microliters.", lambda x: 1000 * x.volume_ml)
LONGER = replace(LESIONS, columns=(*LESIONS.columns, ADDED))
pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture(scope="module")
def result() -> LesionResult:
    options = LesionOptions(score_threshold=0.5, mask_threshold=0.5)
    return truth_result(small_phantom(), None, options)


def test_csv_and_page_show_it(result: LesionResult, tmp_path: Path) -> None:
    write_table(tmp_path / "lesions.csv", LONGER, result)
    header, first, *_ = (tmp_path / "lesions.csv").read_text().splitlines()
    assert header.startswith("number,kind,zone,volume_ml,mean_hu,extent_r_mm")
    assert header.endswith(",volume_ul")
    assert float(first.rsplit(",", 1)[1]) == pytest.approx(1000 * result.findings[0].volume_ml)
    page = Page("Lesions")
    page.table(LONGER.headings("page"), LONGER.rows("page", result))
    assert "size (µL)</th>" in page.html() and "volume (mL)</th>" in page.html()


@pytest.mark.skipif(find_spec("slicer") is None, reason="slicer-core needs Python 3.11")
def test_table_node_and_panel_show_it(result: LesionResult) -> None:
    from Testing.standins import install

    install().mrmlScene.Clear(0)
    import qt

    from medai import scene
    from medai.scene.result_nodes import ResultNodes
    from medai.scene.tables import put_declared
    from medai_panels.findings_table import FindingsTable, panel_columns

    nodes = ResultNodes(scene.show_volume(result.volume), "lesions", "lesions")
    table = put_declared(nodes, "lesion table", "lesion table", LONGER, result).GetTable()
    column = table.GetColumnByName("size (µL)")
    volume = table.GetColumnByName("volume (mL)")
    assert column.GetValue(0) == pytest.approx(1000 * volume.GetValue(0))

    widget = qt.QTableWidget()
    panel = FindingsTable(widget, panel_columns(LONGER), lambda row: None)
    panel.fill(LONGER.rows("panel", result))
    last = widget.columnCount() - 1
    assert widget.horizontalHeaderItem(last).text() == "size (µL)"
    assert widget.horizontalHeaderItem(last).toolTip() == "In microliters."
    assert widget.item(0, last).text() == f"{1000 * result.findings[0].volume_ml:,.0f}"
    panel.close()
