"""The report of a lesion segmentation: page, tables, summary, segmentation and probability."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.images import (
    lung_window,
    on_axial_grid,
    segmentation_from_masks,
    to_axial,
    write_segmentation,
    write_volume,
)
from medai.inference.lesions.result import LesionResult
from medai.inference.lesions.tables import LESIONS, REGIONS
from medai.measures import healthy_level
from medai.models.card import ModelCard
from medai.output import write_text
from medai.palette import CLASS_COLORS, class_color, hex_color
from medai.reports.charts import MISSING, charts_available, figure_png, histogram, scatter
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
from medai.reports.slice_viewer import Layer, ViewedStudy, viewer_html
from medai.reports.tables import write_table
from medai.reports.write import write_timing
from medai.terminology import terminology_entry

_KEY_SLICES = 6
_LISTED_LESIONS = 20


def write_lesions(result: LesionResult, folder: Path) -> None:
    """Write lesions.seg.nrrd, probability.nrrd, lesions.csv and summary.json, report and timing."""
    _write_segmentation(result, folder / "lesions.seg.nrrd")
    probability = replace(
        result.volume, array=result.probability.astype(np.float32), modality="", name="probability"
    )
    write_volume(probability, folder / "probability.nrrd")
    write_table(folder / "lesions.csv", LESIONS, result)
    write_text(folder / "summary.json", json_text(summary_of(result)) + "\n")
    write_text(folder / "report.html", page_of(result).html())
    write_timing(folder, result.seconds)


def summary_of(result: LesionResult) -> dict[str, Any]:
    """The summary as plain data: the burden with units in its names, and how it was made."""
    burden = result.burden
    return {
        "task": "lesions",
        "sentence": result.sentence,
        "burden": {name: getattr(burden, name) for name in burden.__dataclass_fields__},
        "model": _model(result.card),
        "options": {
            "score_threshold": result.options.score_threshold,
            "mask_threshold": result.options.mask_threshold,
            "min_region_ml": result.options.min_region_ml,
            "directions": list(result.options.planes),
        },
        "healthy_opacity_percent": result.healthy_percent,
        "input": {
            "shape_zyx": list(result.volume.grid_shape),
            "spacing_zyx_mm": list(result.volume.spacing_mm),
            "modality": result.volume.modality,
        },
        "device": result.device,
        "notes": list(result.notes),
        **correction_of(result),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def correction_of(result: LesionResult | None) -> dict[str, Any]:
    """What a hand changed, as a part of a summary; nothing where it changed nothing."""
    if result is None or result.correction is None:
        return {}
    return {"correction": asdict(result.correction)}


def page_of(result: LesionResult) -> Page:
    """The report page."""
    burden = result.burden
    page = Page("Lesions on chest CT", result.sentence)
    for note in result.notes:
        page.note(note)
    page.heading("Where")
    legend = [(name, hex_color(class_color(name))) for name in result.classes]
    legend += [(n, hex_color(CLASS_COLORS[n])) for n in lung_names(result).values()]
    page.legend(legend)
    page.note("Seen from below: the patient's right is on the left of each picture.")
    slices, probability = key_slices(result)
    page.viewer(viewer_html(viewed_study(result)))
    page.pictures(slices)
    if probability is not None:
        page.pictures([probability])
        page.pictures([(png_bytes(probability_legend()), "Lesion probability: 0 left, 1 right.")])
    page.heading("How much")
    add_healthy_level(page, result)
    page.table(REGIONS.headings("page"), REGIONS.rows("page", result))
    zones = list(burden.zone_opacity_percent.items())
    most = max([v for _, v in zones if np.isfinite(v)], default=0.0)
    page.bars(zones, unit="%", full=max(most, 1.0), caption="Opacity per zone, % of the zone")
    page.sentence(
        f"High opacity (lesion of −200 HU and more): {burden.high_opacity_percent:.1f} % of lung."
        if np.isfinite(burden.high_opacity_percent)
        else "High opacity: not measured, no lung in view."
    )
    page.heading("Each region")
    if result.findings:
        _add_lesion_table(page, result)
    else:
        page.sentence("No lesion above the thresholds.")
    if result.rois is not None and len(result.rois.score) > 0:
        _add_roi_charts(page, result)
    if result.card is not None:
        add_model_card(page, result.card)
    page.heading("How it was made")
    z, y, x = result.volume.spacing_mm
    page.sentence(
        f"Voxels {' × '.join(map(str, result.volume.grid_shape))} (z, y, x) of "
        f"{z:.3g} × {y:.3g} × {x:.3g} mm. Device {result.device}. " + _thresholds(result)
    )
    return page


def add_healthy_level(page: Page, result: LesionResult) -> None:
    """Say beside percentages of opacity what the model marks where there is none."""
    if result.healthy_percent is not None:
        page.note(healthy_level(result.healthy_percent))


def _thresholds(result: LesionResult) -> str:
    if result.card is None or result.options.mask_threshold is None:
        return "The lesions were given."
    return (
        f"Mask threshold {result.options.mask_threshold:g}. "
        f"Slices: {', '.join(result.options.planes)}."
    )


def _model(card: ModelCard | None) -> dict[str, Any]:
    if card is None:
        return {"id": "", "summary": "none: the lesions were given", "weights_licence": ""}
    return {"id": card.id, "summary": card.summary, "weights_licence": card.licence.weights}


def lung_names(result: LesionResult) -> dict[int, str]:
    """What the values of ``result.lungs`` are called; "lung" only where a side is unknown."""
    unknown = bool((result.lungs == 3).any())
    return {1: "right lung", 2: "left lung"} | ({3: "lung"} if unknown else {})


def key_slices(
    result: LesionResult,
) -> tuple[list[tuple[bytes, str]], tuple[bytes, str] | None]:
    """Pictures of the axial slices with most lesion, and the top one's probability overlay."""
    axial = to_axial(result.volume)
    lesions = on_axial_grid(result.volume, result.lesions)
    lungs = on_axial_grid(result.volume, result.lungs)
    area = np.count_nonzero(lesions, axis=(1, 2))
    by = area if area.any() else np.count_nonzero(lungs, axis=(1, 2))
    chosen = _spread_peaks(by, _KEY_SLICES)
    height = axial.ijk_to_ras
    spacing = axial.spacing_mm[1:]
    pictures = []
    for index in chosen:
        rgb, size = gray_picture(lung_window(axial.array[index]), spacing)
        for value, name in lung_names(result).items():
            draw_outline(rgb, to_size(lungs[index] == value, size), CLASS_COLORS[name], width_px=1)
        for value, name in enumerate(result.classes, start=1):
            mask = to_size(lesions[index] == value, size)
            draw_outline(rgb, mask, class_color(name), fill=0.2)
        s_mm = height[2, 3] + index * height[2, 2]
        pictures.append((png_bytes(rgb), f"Axial slice {index + 1}, S {s_mm:.0f} mm"))
    if not chosen:
        return [], None
    top = max(chosen, key=lambda k: by[k])
    rgb, size = gray_picture(lung_window(axial.array[top]), spacing)
    probability = on_axial_grid(result.volume, result.probability)[top]
    draw_probability(rgb, to_size(probability, size).astype(np.float32))
    return pictures, (png_bytes(rgb), f"Lesion probability on axial slice {top + 1}")


def viewed_study(result: LesionResult) -> ViewedStudy:
    """All axial slices with lungs and lesions as layers, beginning where most lesion is."""
    axial = to_axial(result.volume)
    lesions = on_axial_grid(result.volume, result.lesions)
    lungs = on_axial_grid(result.volume, result.lungs)
    names = {name: lungs == value for value, name in lung_names(result).items()}
    layers = [Layer(name, CLASS_COLORS[name], mask) for name, mask in names.items()]
    layers += [
        Layer(name, class_color(name), lesions == value)
        for value, name in enumerate(result.classes, start=1)
    ]
    shown = lesions if lesions.any() else lungs
    matrix = axial.ijk_to_ras
    return ViewedStudy(
        axial.array,
        axial.spacing_mm,
        [matrix[2, 3] + k * matrix[2, 2] for k in range(len(axial.array))],
        layers,
        int(np.count_nonzero(shown, axis=(1, 2)).argmax()),
    )


def _slice_of(result: LesionResult, center_ras: tuple[float, float, float]) -> int:
    """The axial slice that a point in RAS lies in."""
    axial = to_axial(result.volume)
    place = np.linalg.solve(axial.ijk_to_ras, np.array([*center_ras, 1.0]))
    return int(np.clip(round(place[2]), 0, len(axial.array) - 1))


def _spread_peaks(amount: NDArray, count: int) -> list[int]:
    filled = np.flatnonzero(amount)
    if len(filled) == 0:
        return []
    apart = max(1, (filled[-1] - filled[0]) // (2 * count))
    chosen: list[int] = []
    for index in filled[np.argsort(-amount[filled], kind="stable")]:
        if all(abs(int(index) - other) >= apart for other in chosen):
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return sorted(chosen, reverse=True)


def _add_lesion_table(page: Page, result: LesionResult) -> None:
    rows = LESIONS.rows("page", result)[:_LISTED_LESIONS]
    places = [_slice_of(result, lesion.center_ras) for lesion in result.findings[: len(rows)]]
    page.table(LESIONS.headings("page"), rows, slices=places)
    rest = result.findings[_LISTED_LESIONS:]
    if rest:
        volume_ml = sum(lesion.volume_ml for lesion in rest)
        page.note(
            f"and {len(rest)} smaller regions of {volume_ml:.1f} mL together, all in lesions.csv."
        )


def _add_roi_charts(page: Page, result: LesionResult) -> None:
    assert result.rois is not None
    page.heading("The network's regions")
    page.sentence("Every region the network kept, before thresholds: how sure, and how large.")
    if not charts_available():
        page.note(MISSING)
        return
    score, area = result.rois.score.tolist(), result.rois.area_px.tolist()
    page.pictures(
        [
            (figure_png(histogram(score, xlabel="RoI score", ylabel="RoIs")), "RoI scores"),
            (
                figure_png(
                    scatter(area, score, xlabel="RoI area (pixels)", ylabel="score", log_x=True)
                ),
                "RoI area against score",
            ),
        ],
        width_px=460,
    )


def _write_segmentation(result: LesionResult, path: Path) -> None:
    masks = {
        name: result.lesions == value for value, name in enumerate(result.classes, start=1)
    } | {name: result.lungs == value for value, name in lung_names(result).items()}
    segmentation = segmentation_from_masks(
        masks,
        result.volume.ijk_to_ras,
        colors={name: class_color(name) for name in masks},
        terminologies={name: terminology_entry(name) for name in masks},
        name="lesions",
    )
    write_segmentation(segmentation, path)
