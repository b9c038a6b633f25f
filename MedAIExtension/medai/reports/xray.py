"""The report of chest radiographs: pictures with lungs, opacities and zones, tables, JSON, page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.images import segmentation_from_masks, write_segmentation
from medai.inference.xray.contrast import even_contrast
from medai.inference.xray.result import GLASS_CLASS, SOLID_CLASS, Film, XrayResult
from medai.inference.xray.tables import FILMS, ZONE_ROWS
from medai.measures.radiograph import ZONES
from medai.output import write_text
from medai.palette import CLASS_COLORS, WHITE, class_color, hex_color
from medai.reports.json_text import json_text
from medai.reports.model_card import add_model_card
from medai.reports.page import Page
from medai.reports.pictures import draw_outline, gray_picture, png_bytes, to_size
from medai.reports.tables import write_table
from medai.reports.write import write_timing
from medai.terminology import terminology_entry

LUNGS = {1: "right lung", 2: "left lung"}
OPACITIES = {1: GLASS_CLASS, 2: SOLID_CLASS}
_PICTURE_PX, _SHOWN_PX = 520, 440


def write_xray(result: XrayResult, folder: Path) -> None:
    """Write xray.json, films.csv, zones.csv, a film_N.seg.nrrd each, report.html, timing.json."""
    for number, film in enumerate(result.films, start=1):
        _write_segmentation(film, folder / f"film_{number}.seg.nrrd")
    write_table(folder / "films.csv", FILMS, result)
    write_table(folder / "zones.csv", ZONE_ROWS, result)
    write_text(folder / "xray.json", json_text(summary_of(result)) + "\n")
    write_text(folder / "report.html", page_of(result).html())
    write_timing(folder, result.seconds)


def summary_of(result: XrayResult) -> dict[str, Any]:
    """The result as plain data: films, zones, and how it was made."""
    return {
        "task": "xray",
        "sentence": result.sentence,
        "images": FILMS.records(result),
        "zones": ZONE_ROWS.records(result),
        "six_zone_change": result.change,
        "model": {
            "id": result.card.id,
            "summary": result.card.summary,
            "weights_licence": result.card.licence.weights,
        },
        "device": result.device,
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def page_of(result: XrayResult) -> Page:
    """The report page."""
    page = Page("Chest X-ray", result.sentence)
    for note in result.notes:
        page.note(note)
    page.heading("Where")
    names = (*LUNGS.values(), *OPACITIES.values())
    page.legend([(name, hex_color(class_color(name))) for name in names])
    page.note("The patient's right is on the left. White lines part the zones A to F.")
    for film in result.films:
        page.pictures([film_picture(film, found=False), film_picture(film)], width_px=_SHOWN_PX)
    page.heading("How much")
    page.table(FILMS.headings("page"), FILMS.rows("page", result))
    page.note(
        "Six-zone score: 0 to 18 after Brixia (Borghesi and Maroldi 2020); from, to: where the "
        "total lies in 80 % of cases by the model's own probabilities. Extent: 0 to 4 a lung by "
        "the share that is opaque (Wong et al. 2020). Opacity: 0 to 3 a lung by kind (Cohen et "
        "al. 2020)."
    )
    page.heading("Each zone")
    page.table(ZONE_ROWS.headings("page"), ZONE_ROWS.rows("page", result))
    page.note("Thirds of each lung's height stand in for the published landmarks of the zones.")
    add_model_card(page, result.card)
    page.heading("How it was made")
    page.sentence(f"{len(result.films)} films, device {result.device}.")
    return page


def film_picture(film: Film, *, found: bool = True) -> tuple[bytes, str]:
    """A film as a PNG of about 500 pixels across, and its caption; with what was found or bare."""
    rgb, size = gray_picture(even_contrast(film.volume.array[0]), film.volume.spacing_mm[1:])
    step = max(1, round(max(size) / _PICTURE_PX))
    if not found:
        return png_bytes(rgb[::step, ::step]), film.volume.name
    width = max(1, 2 * step)
    for value, name in LUNGS.items():
        draw_outline(rgb, to_size(film.lungs[0] == value, size), CLASS_COLORS[name], width_px=width)
    for value, name in OPACITIES.items():
        mask = to_size(film.opacities[0] == value, size)
        draw_outline(rgb, mask, class_color(name), width_px=width, fill=0.25)
    zones = to_size(film.zones[0], size)
    rgb[_between_zones(zones, width)] = np.round(255 * np.array(WHITE)).astype(np.uint8)
    scores = " ".join(
        f"{zone} {'–' if score is None else score}"
        for zone, score in zip(ZONES, film.score.zones, strict=True)
    )
    return png_bytes(rgb[::step, ::step]), f"{film.volume.name}: {scores}"


def _between_zones(zones: NDArray[np.uint8], width: int) -> NDArray[np.bool_]:
    """Where a zone lies on the next one of its lung."""
    below = np.roll(zones, -width, axis=0)
    between = (zones > 0) & (below > 0) & (below != zones)
    between[-width:] = False
    return between


def _write_segmentation(film: Film, path: Path) -> None:
    masks = {name: film.lungs == value for value, name in LUNGS.items()}
    masks |= {name: film.opacities == value for value, name in OPACITIES.items()}
    segmentation = segmentation_from_masks(
        masks,
        film.volume.ijk_to_ras,
        colors={name: class_color(name) for name in masks},
        terminologies={name: terminology_entry(name) for name in masks},
        name="chest X-ray",
    )
    write_segmentation(segmentation, path)
