"""The report of a cataract map: overlays at full size, tables, JSON, page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.inference.cataract.result import CataractResult, EyeMap, threshold_of
from medai.measures.lens_depth import DEPTH_NAMES
from medai.output import atomic_file, write_text
from medai.palette import CLASS_COLORS, hex_color
from medai.reports.cataract_charts import depth_chart, fraction_chart
from medai.reports.charts import MISSING, charts_available, figure_png
from medai.reports.json_text import json_text
from medai.reports.model_card import add_model_card
from medai.reports.page import Page
from medai.reports.pictures import (
    draw_outline,
    draw_probability,
    gray_picture,
    png_bytes,
    probability_legend,
    to_size,
)
from medai.reports.tables import write_csv
from medai.reports.write import write_timing

SCAN_COLUMNS = (
    "eye",
    "scan",
    "cataract_fraction",
    "lens_area_px",
    "cataract_area_px",
    "lens_area_mm2",
    "average_lens_density",
    *(f"{name.replace(' ', '_')}_fraction" for name in DEPTH_NAMES),
    *(f"{name.replace(' ', '_')}_density" for name in DEPTH_NAMES),
    "crop_left",
    "crop_top",
    "crop_right",
    "crop_bottom",
    "overlay",
    "reason",
)
EYE_COLUMNS = (
    "eye",
    "scans",
    "scans_used",
    "cataract_fraction",
    "low",
    "high",
    "std",
    "average_lens_density",
    *(f"{name.replace(' ', '_')}_fraction" for name in DEPTH_NAMES),
    "mostly",
    "threshold",
    "wording",
)
_PICTURE_PX = 480


def write_cataract(result: CataractResult, folder: Path) -> None:
    """Write cataract.json, scans.csv, eyes.csv, overlays/*.png, report.html, timing.json."""
    (folder / "overlays").mkdir()
    for eye, k, name in overlay_names(result):
        _write_png(folder / name, overlay(eye, k))
    write_csv(folder / "scans.csv", SCAN_COLUMNS, scan_rows(result))
    write_csv(folder / "eyes.csv", EYE_COLUMNS, eye_rows(result))
    write_text(folder / "cataract.json", json_text(summary_of(result)) + "\n")
    write_text(folder / "report.html", page_of(result).html())
    write_timing(folder, result.seconds)


def overlay(eye: EyeMap, scan: int) -> NDArray[np.uint8]:
    """One scan (y, x, 3) at full size: probability hot over grey, the lens outlined.

    Pixels outside the crop, and those in it that are neither lens border nor likely cataract, are
    the scan's own.
    """
    grey = eye.scans.volume.array[scan]
    rgb = np.repeat(grey[..., None], 3, axis=2)
    window = eye.crops[scan].slices
    part = rgb[window]
    draw_probability(part, eye.probability[scan][window].astype(np.float32))
    width = max(1, grey.shape[1] // 1000)
    draw_outline(part, eye.lens[scan][window], CLASS_COLORS["lens"], width_px=width)
    return rgb


def overlay_picture(eye: EyeMap, scan: int) -> tuple[bytes, str]:
    """A scan's overlay as a PNG of about 500 pixels across, with square pixels, and its caption."""
    volume, m = eye.scans.volume, eye.measures[scan]
    rgb, size = gray_picture(volume.array[scan], volume.spacing_mm[1:])
    draw_probability(rgb, to_size(eye.probability[scan], size).astype(np.float32))
    draw_outline(rgb, to_size(eye.lens[scan], size), CLASS_COLORS["lens"])
    step = max(1, size[1] // _PICTURE_PX)
    words = m.reason or f"cataract fraction {m.cataract_fraction:.2f}"
    return png_bytes(rgb[::step, ::step]), f"{m.name}: {words}"


def overlay_names(result: CataractResult) -> Iterator[tuple[EyeMap, int, str]]:
    """Eye, scan number and file name of each overlay."""
    for eye in result.eyes:
        start = re.sub(r"[^A-Za-z0-9]+", "_", eye.scans.label).strip("_").lower() or "eye"
        for k in range(len(eye.measures)):
            yield eye, k, f"overlays/{start}_{k + 1:02d}.png"


def scan_rows(result: CataractResult) -> list[tuple[Any, ...]]:
    """One row a scan, in the order of SCAN_COLUMNS."""
    rows = []
    for eye, k, name in overlay_names(result):
        m, box = eye.measures[k], eye.crops[k]
        rows.append(
            (
                eye.scans.label,
                m.name,
                m.cataract_fraction,
                m.lens_area_px,
                m.cataract_area_px,
                m.lens_area_mm2,
                m.average_lens_density,
                *m.depth_fraction,
                *m.depth_density,
                box.left,
                box.top,
                box.right,
                box.bottom,
                name,
                m.reason,
            )
        )
    return rows


def eye_rows(result: CataractResult) -> list[tuple[Any, ...]]:
    """One row an eye, in the order of EYE_COLUMNS."""
    return [
        (
            e.label,
            e.scans,
            e.scans_used,
            e.cataract_fraction,
            e.low,
            e.high,
            e.std,
            e.average_lens_density,
            *e.depth_fraction,
            e.mostly,
            e.threshold,
            e.wording,
        )
        for e in (eye.summary for eye in result.eyes)
    ]


def summary_of(result: CataractResult) -> dict[str, Any]:
    """The result as plain data: eyes, scans, and how it was made."""
    scans = [dict(zip(SCAN_COLUMNS, row, strict=True)) for row in scan_rows(result)]
    return {
        "task": "cataract",
        "sentence": result.sentence,
        "eyes": [dict(zip(EYE_COLUMNS, row, strict=True)) for row in eye_rows(result)],
        "scans": scans,
        "model": {
            "id": result.card.id,
            "summary": result.card.summary,
            "weights_licence": result.card.licence.weights,
        },
        "options": {
            "crop": str(result.options.crop),
            "flip_average": result.options.flip_average,
            "threshold": threshold_of(result.card, result.options),
        },
        "device": result.device,
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def page_of(result: CataractResult) -> Page:
    """The report page."""
    page = Page("Cataract on anterior-segment OCT", result.sentence)
    for note in result.notes:
        page.note(note)
    page.heading("Where")
    page.legend([("lens, as far as it is seen", hex_color(CLASS_COLORS["lens"]))])
    page.pictures([(png_bytes(probability_legend()), "Cataract probability: 0 left, 1 right.")])
    for eye in result.eyes:
        page.sentence(eye.scans.label)
        page.pictures([overlay_picture(eye, k) for k in range(len(eye.measures))])
    page.heading("How much")
    page.table(
        ("eye", "cataract fraction", "lowest", "highest", "std", "lens density", "scans", ""),
        [
            (
                e.label,
                e.cataract_fraction,
                e.low,
                e.high,
                e.std,
                e.average_lens_density,
                e.scans_used,
                e.wording,
            )
            for e in (eye.summary for eye in result.eyes)
        ],
        caption="Cataract fraction: cataract pixels over lens pixels, mean over the eye's scans. "
        "Lens density: mean grey value of the lens, 0 to 255.",
    )
    page.table(
        ("eye", "scan", "cataract fraction", "lens (px)", "lens (mm²)", "lens density", "note"),
        [(r[0], r[1], r[2], r[3], r[5], r[6], r[-1]) for r in scan_rows(result)],
    )
    page.heading("How deep")
    page.table(
        ("eye", *(f"{name}, fraction" for name in DEPTH_NAMES), *DEPTH_NAMES),
        [
            (e.label, *e.depth_fraction, *e.depth_density)
            for e in (eye.summary for eye in result.eyes)
        ],
        caption="Thirds of the lens from front to back: cataract fraction, then mean grey value.",
    )
    if charts_available():
        page.pictures(
            [
                (figure_png(fraction_chart(result)), "Each scan, and the decision threshold"),
                (figure_png(depth_chart(result)), "Cataract fraction by depth in the lens"),
            ],
            width_px=460,
        )
    else:
        page.note(MISSING)
    add_model_card(page, result.card)
    page.heading("How it was made")
    page.sentence(
        f"{sum(len(e.measures) for e in result.eyes)} scans, device {result.device}. "
        f"Crop: {result.options.crop}. "
        f"Mirrored copies averaged: {'yes' if result.options.flip_average else 'no'}."
    )
    return page


def _write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    from PIL import Image

    with atomic_file(path) as temporary:
        Image.fromarray(rgb).save(temporary, format="PNG", compress_level=3)
