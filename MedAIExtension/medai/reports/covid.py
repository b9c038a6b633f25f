"""The report of a COVID assessment: page, per-slice table and summary."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.images import lung_window, on_axial_grid, to_axial
from medai.images.output_names import output_name
from medai.inference.covid.assessment import CovidAssessment
from medai.inference.covid.result import COVID_CLASS, RULES, CovidResult, probability_words
from medai.inference.covid.tables import CHANGE, SEVERITY
from medai.inference.lesions.result import LesionResult
from medai.measures.follow_up import FollowUp
from medai.output import write_text
from medai.palette import BLACK, VERMILLION, class_color, hex_color
from medai.reports.charts import (
    MISSING,
    charts_available,
    figure_png,
    histogram,
    new_figure,
    scatter,
)
from medai.reports.json_text import json_text
from medai.reports.lesions import add_healthy_level, correction_of, key_slices
from medai.reports.model_card import add_model_card
from medai.reports.page import Page
from medai.reports.pictures import (
    draw_boxes,
    draw_probability,
    gray_picture,
    png_bytes,
    probability_legend,
    to_size,
)
from medai.reports.tables import write_csv, write_table
from medai.reports.write import write_timing

_SHOWN = 4
_TOP_REGIONS = 16


def write_covid(result: CovidAssessment, folder: Path) -> None:
    """Write classification.json, slices.csv, report.html and timing.json.

    Where they were measured, also severity.csv and change.csv.
    """
    write_text(folder / "classification.json", json_text(summary_of(result)) + "\n")
    answer = result.classification
    write_csv(folder / "slices.csv", slice_columns(answer), slice_rows(answer))
    if result.severity is not None:
        write_table(folder / "severity.csv", SEVERITY, result.severity)
    if result.change is not None:
        write_table(folder / "change.csv", CHANGE, result.change)
    write_text(folder / "report.html", page_of(result).html())
    write_timing(folder, result.classification.seconds)


def slice_columns(result: CovidResult) -> tuple[str, ...]:
    """What stands in ``slice_rows``; pictures have names."""
    return ("plane", "slice", *result.classes, "spread", "picture")


def slice_rows(result: CovidResult) -> list[tuple[Any, ...]]:
    """One row a slice: plane, slice number from 1, probabilities, spread, its picture's name."""
    return [
        (
            part.plane,
            int(index) + 1,
            *map(float, row),
            float(spread),
            _picture_name(result, int(index)),
        )
        for part in result.slices
        for index, row, spread in zip(part.index, part.probability, part.spread, strict=True)
    ]


def _picture_name(result: CovidResult, index: int) -> str:
    """What the picture of a slice is called, never a patient's name; "" for a volume's slices."""
    if result.volume.grid_shape[0] > 1:
        return ""
    return output_name(result.inputs[index].name, index + 1, kind="picture")


def summary_of(result: CovidAssessment) -> dict[str, Any]:
    """The assessment as plain data."""
    answer = result.classification
    return {
        "task": "covid",
        "doubts": list(answer.doubts),
        "sentence": result.sentence,
        "covid_probability": answer.covid_probability,
        "spread": answer.spread,
        "probability": dict(zip(answer.classes, answer.probability.tolist(), strict=True)),
        "decision_threshold": answer.threshold,
        "rule": answer.options.rule,
        "planes": list(answer.options.planes),
        "model": {"id": answer.card.id, "members": [card.id for card in answer.cards[1:]]},
        "severity": None if result.severity is None else asdict(result.severity),
        "follow_up": None if result.change is None else asdict(result.change),
        **correction_of(result.lesions),
        "device": answer.device,
        "notes": list(result.notes),
        "medai_version": medai.__version__,
        "use": "research only",
    }


def page_of(result: CovidAssessment) -> Page:
    """The report page of one study."""
    page = Page("COVID-19 on chest CT", result.sentence)
    add_assessment(page, result)
    return page


def add_assessment(page: Page, result: CovidAssessment) -> None:
    """Add everything about one study to a page."""
    answer = result.classification
    for note in result.notes:
        page.note(note)
    if answer.doubts:
        _add_severity(page, result)
    page.heading("How likely")
    page.table(
        ("class", "probability"),
        [
            *(
                (n, probability_words(p))
                for n, p in zip(answer.classes, answer.probability, strict=True)
            ),
            ("spread over views, not accuracy", probability_words(answer.spread)),
        ],
    )
    page.note(
        f"Of the study: {RULES[answer.options.rule]}. The spread is the standard deviation "
        "over mirrored and cut views of the input and over the ensemble's members: it says how "
        "steady the answer is, not how accurate."
    )
    _add_slice_chart(page, answer)
    page.heading("Where the network looked")
    page.pictures(explained_pictures(answer, _SHOWN))
    page.pictures(
        [
            (
                png_bytes(probability_legend()),
                f"{answer.explanation_kind}: 0 left, the highest of the study right",
            )
        ]
    )
    _add_region_charts(page, answer)
    if not answer.doubts:
        _add_severity(page, result)
    if result.change is not None:
        _add_change(page, result.change, result.prior_lesions, result.lesions)
    for card in answer.cards:
        add_model_card(page, card)


def explained_pictures(result: CovidResult, count: int) -> list[tuple[bytes, str]]:
    """The most suspicious slices with the explanation over them, as PNG and caption."""
    part = result.slices[0]
    covid = result.classes.index(COVID_CLASS)
    order = np.argsort(-part.probability[:, covid], kind="stable")[:count]
    pictures = []
    for position in order:
        index = int(part.index[position])
        grey, why, spacing = _slice_and_map(result, index)
        rgb, size = gray_picture(grey, spacing)
        draw_probability(rgb, to_size(why, size).astype(np.float32), least=0.3, opacity=0.45)
        for found in result.regions:
            if found.slice_index == index:
                scale = np.array(size[::-1] * 2) / np.array(grey.shape[1::-1] * 2)
                draw_boxes(rgb, (found.box[:_TOP_REGIONS] * scale).tolist(), VERMILLION)
        value = part.probability[position, covid]
        name = _picture_name(result, index) or f"Slice {index + 1}"
        pictures.append((png_bytes(rgb), f"{name}: p(COVID-19) {probability_words(value)}"))
    return pictures


def _slice_and_map(
    result: CovidResult, index: int
) -> tuple[NDArray[np.uint8], NDArray, tuple[float, float]]:
    if result.volume.grid_shape[0] == 1:
        picture = result.inputs[index]
        return picture.array[0], result.explanation[index][0], picture.spacing_mm[1:]
    axial = to_axial(result.volume)
    why = on_axial_grid(result.volume, result.explanation[0])
    return lung_window(axial.array[index]), why[index], axial.spacing_mm[1:]


def _add_slice_chart(page: Page, result: CovidResult) -> None:
    covid = result.classes.index(COVID_CLASS)
    if max(len(part.index) for part in result.slices) < 2:
        return
    if not charts_available():
        page.note(MISSING)
        return
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(width_in=6.5)
    for part, style in zip(result.slices, ("-", "--", ":"), strict=False):
        axes.errorbar(
            part.index + 1,
            part.probability[:, covid],
            yerr=part.spread,
            fmt=style,
            color=hex_color(VERMILLION),
            ecolor="0.7",
            label=part.plane,
        )
    axes.axhline(result.threshold, color=hex_color(BLACK), linewidth=0.8)
    axes.set(xlabel="slice (from the feet up)", ylabel="p(COVID-19)", ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    page.pictures(
        [(figure_png(figure), "Probability per slice; the line is the threshold")], width_px=560
    )


def _add_region_charts(page: Page, result: CovidResult) -> None:
    if not result.regions or not charts_available():
        return
    top = result.regions[0]
    charts = []
    for count in (_TOP_REGIONS, len(top.score)):
        score, area = top.score[:count].tolist(), top.area_px[:count].tolist()
        words = f"the {count} highest regions" if count == _TOP_REGIONS else f"all {count} regions"
        charts += [
            (figure_png(histogram(score, xlabel="score", ylabel="regions")), f"Scores, {words}"),
            (
                figure_png(
                    scatter(area, score, xlabel="area (pixels)", ylabel="score", log_x=True)
                ),
                f"Area against score, {words}",
            ),
        ]
    page.heading(f"The regions on slice {top.slice_index + 1}")
    page.pictures(charts, width_px=400)


def _add_severity(page: Page, result: CovidAssessment) -> None:
    severe, lesions = result.severity, result.lesions
    if severe is None or lesions is None:
        return
    page.heading("How severe")
    page.sentence(f"Opacity {severe.opacity_words(' of lung')}.")
    add_healthy_level(page, lesions)
    page.table(SEVERITY.headings("page"), SEVERITY.rows("page", severe))
    if severe.lung_severity_score is not None:
        page.sentence(
            f"Lung severity score (five lobes): {severe.lung_severity_score} of 20. CT severity "
            f"score (CT-SS): {severe.ct_severity_score} of 25."
        )
    elif severe.zone_score is not None:
        page.sentence(
            f"Zone score {severe.zone_score} of 24: six zones by volume, 0–4 each. This is not the "
            "lobe-based lung severity score, which needs a lobe segmentation."
        )
    page.sentence(f"High opacity (−200 HU and more): {severe.high_opacity_percent:.1f} % of lung.")
    page.legend([(name, hex_color(class_color(name))) for name in lesions.classes])
    page.pictures(key_slices(lesions)[0][:3])


def _add_change(
    page: Page, change: FollowUp, earlier: LesionResult | None, later: LesionResult | None
) -> None:
    page.heading("Since the earlier study")
    page.sentence(change.sentence)
    if later is not None:
        add_healthy_level(page, later)
    page.table(CHANGE.headings("page"), CHANGE.rows("page", change))
    if charts_available():
        figure, axes = new_figure(width_in=4.0)
        axes.plot(
            [0, 1],
            [change.earlier.opacity_percent, change.later.opacity_percent],
            "o-",
            color=hex_color(VERMILLION),
        )
        axes.set(xticks=[0, 1], xticklabels=["earlier", "later"], ylabel="opacity (% of lung)")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.3)
        page.pictures([(figure_png(figure), "Opacity on the two dates")])
    for words, study in (("earlier", earlier), ("later", later)):
        if study is not None:
            page.sentence(f"The {words} study:")
            page.pictures(key_slices(study)[0][:3])
