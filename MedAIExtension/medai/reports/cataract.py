"""The report of a cataract map: overlays at full size, tables, JSON, page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.inference.cataract.result import CataractResult, EyeMap, threshold_of
from medai.inference.cataract.tables import EYES, SCANS, scans_of
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
from medai.reports.tables import write_table
from medai.reports.write import write_timing

_PICTURE_PX = 480


def write_cataract(result: CataractResult, folder: Path) -> None:
    """Write cataract.json, scans.csv, eyes.csv, overlays/*.png, report.html, timing.json."""
    (folder / "overlays").mkdir()
    for scan in scans_of(result):
        _write_png(folder / scan.overlay, overlay(scan.eye, scan.number))
    write_table(folder / "scans.csv", SCANS, result)
    write_table(folder / "eyes.csv", EYES, result)
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
    if eye.correction is not None:
        # What the hand left is not what the probability shows.
        cataract = eye.cataract[scan]
        draw_outline(rgb, cataract, CLASS_COLORS["cataract"], width_px=width)
    return rgb


def overlay_picture(eye: EyeMap, scan: int) -> tuple[bytes, str]:
    """A scan's overlay as a PNG of about 500 pixels across, with square pixels, and its caption."""
    volume, m = eye.scans.volume, eye.measures[scan]
    rgb, size = gray_picture(volume.array[scan], volume.spacing_mm[1:])
    draw_probability(rgb, to_size(eye.probability[scan], size).astype(np.float32))
    draw_outline(rgb, to_size(eye.lens[scan], size), CLASS_COLORS["lens"])
    if eye.correction is not None:
        draw_outline(rgb, to_size(eye.cataract[scan], size), CLASS_COLORS["cataract"])
    step = max(1, size[1] // _PICTURE_PX)
    words = m.reason or f"cataract fraction {m.cataract_fraction:.2f}"
    return png_bytes(rgb[::step, ::step]), f"{m.name}: {words}"


def summary_of(result: CataractResult) -> dict[str, Any]:
    """The result as plain data: eyes, scans, and how it was made."""
    return {
        "task": "cataract",
        "sentence": result.sentence,
        "eyes": EYES.records(result),
        "scans": SCANS.records(result),
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
        **_corrections(result),
        "device": result.device,
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def _corrections(result: CataractResult) -> dict[str, Any]:
    """What a hand changed of each eye; nothing where it changed nothing."""
    if result.of_network is None:
        return {}
    changed = {
        eye.scans.label: asdict(eye.correction) for eye in result.eyes if eye.correction is not None
    }
    return {"correction": changed}


def page_of(result: CataractResult) -> Page:
    """The report page."""
    page = Page("Cataract on anterior-segment OCT", result.sentence)
    for note in result.notes:
        page.note(note)
    page.heading("Where")
    legend = [("lens, as far as it is seen", hex_color(CLASS_COLORS["lens"]))]
    if result.of_network is not None:
        legend.append(("cataract, corrected by hand", hex_color(CLASS_COLORS["cataract"])))
    page.legend(legend)
    page.pictures([(png_bytes(probability_legend()), "Cataract probability: 0 left, 1 right.")])
    for eye in result.eyes:
        page.sentence(eye.scans.label)
        page.pictures([overlay_picture(eye, k) for k in range(len(eye.measures))])
    page.heading("How much")
    page.table(
        EYES.headings("page"),
        EYES.rows("page", result),
        caption="Cataract fraction: cataract pixels over lens pixels, mean over the eye's scans. "
        "Lens density: mean gray value of the lens, 0 to 255.",
    )
    page.table(SCANS.headings("page"), SCANS.rows("page", result))
    page.heading("How deep")
    page.table(
        ("eye", *(f"{name}, fraction" for name in DEPTH_NAMES), *DEPTH_NAMES),
        [
            (e.label, *e.depth_fraction, *e.depth_density)
            for e in (eye.summary for eye in result.eyes)
        ],
        caption="Thirds of the lens from front to back: cataract fraction, then mean gray value.",
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
