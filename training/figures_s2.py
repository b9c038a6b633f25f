"""Figures 1, 2 and 3 of S2: the backbones, what is found and scored, and how regions rank."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from medai.errors import TrainingDataError
from medai.images import to_axial
from medai.inference.covid.mask_net import mask_net_logits, mask_net_regions
from medai.inference.running.letterbox import Frame, normalise
from medai.inference.running.lung_slices import lung_slices
from medai.models import Model, ModelStore
from medai.networks import CovidMaskNet, count_parameters, covid_mask_net, lesion_mask_rcnn
from medai.palette import BLUE, BLUISH_GREEN, ORANGE, VERMILLION, hex_color
from medai.phantoms import chest_ct, chest_with_opacity
from medai.reports.charts import new_figure
from training.judging import find_lesions, run_on_picture
from training.lesion_slices import mask_of, read_lesion_slices, value_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CPU = torch.device("cpu")
_TOP = 16
_MOST_BOXES = 6
_MASK_NET = ("control", "common pneumonia", "COVID-19")


@dataclass(frozen=True, eq=False)
class ShownSlice:
    """A slice (y, x), its true lesions and, where known, its lungs; title: what it shows."""

    title: str
    image: NDArray[np.uint8]
    lesions: NDArray[np.bool_]
    lungs: NDArray[np.bool_] | None


def backbones(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 1: which blocks of the backbone stay, where the pyramid sits, what follows it."""
    figure, axes = new_figure(10.4, 5.6)
    blocks = (("stem", 64), ("block 1", 64), ("block 2", 128), ("block 3", 256), ("block 4", 512))
    rows = (("full", 0, BLUISH_GREEN), ("T1", 1, VERMILLION), ("T2", 2, ORANGE))
    for row, (name, truncation, color) in enumerate(rows):
        y = 4.4 - 1.5 * row
        axes.text(-0.1, y + 0.4, name, ha="right", va="center", fontweight="bold")
        kept = len(blocks) - truncation
        for column, (block, maps) in enumerate(blocks):
            alive = column < kept
            _box(
                axes, 1.35 * column, y, 1.15, f"{block}\n{maps} maps" if alive else "removed",
                hex_color(color) if alive else "0.92",
            )  # fmt: skip
        last = blocks[kept - 1][1]
        fpn = 1.35 * len(blocks)
        _box(axes, fpn, y, 1.15, f"FPN\n{last}→256", hex_color(BLUE))
        start = (1.35 * (kept - 1) + 0.575, y)
        bent = {"arrowstyle": "->", "connectionstyle": "arc3,rad=0.18"}
        axes.annotate("", (fpn + 0.575, y), start, arrowprops=bent)
        sizes = [
            count_parameters(make(backbone, truncation)).with_buffers / 1e6
            for make in (lesion_mask_rcnn, covid_mask_net)
            for backbone in ("resnet18", "resnet34")
        ]
        text = (
            f"Mask R-CNN: {sizes[0]:.2f} M (ResNet-18), {sizes[1]:.2f} M (ResNet-34)\n"
            f"Mask-Net: {sizes[2]:.2f} M, {sizes[3]:.2f} M"
        )
        axes.text(8.1, y + 0.4, text, va="center", fontsize="small")
    parts = (
        "backbone\n+ FPN",
        "RPN",
        "128 regions,\nbest first",
        "box + score:\n5 · 128",
        "S: 512, 512",
    )
    for column, part in enumerate((*parts, "3 classes")):
        _box(axes, 1.9 * column, -0.9, 1.6, part, "0.85")
        if column:
            ends = ((1.9 * column, -0.5), (1.9 * column - 0.3, -0.5))
            axes.annotate("", *ends, arrowprops={"arrowstyle": "->"})
    axes.text(0, 0.25, "COVID-CT-Mask-Net: no mask branch", fontweight="bold")
    axes.text(0, 5.5, "Backbones with one pyramid level on the last kept block", fontweight="bold")
    axes.set(xlim=(-0.9, 12.6), ylim=(-1.2, 5.9))
    axes.set_axis_off()
    return figure, "the networks as they are built here, parameters with batch-norm statistics"


def segmentation(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 2: boxes, scores and masks; raw mask scores; truth; class scores of the Mask-Net."""
    slices, where = _slices(given, 4)
    model, mask_net = _models(given)
    threshold = model.card.decision.score_threshold or 0.75
    tallest = max(item.image.shape[0] / item.image.shape[1] for item in slices)
    figure, first = new_figure(11.4, (2.7 * tallest + 0.3) * len(slices))
    figure.delaxes(first)
    grid = figure.subplots(len(slices), 4, squeeze=False)
    heads = ("found", "raw mask scores", "truth", "class scores")
    for row, item in zip(grid, slices, strict=True):
        _found(row[0], model, item, threshold)
        _score_map(figure, row[1], model, item)
        _truth(row[2], item)
        _class_scores(row[3], mask_net, item)
        row[0].set_ylabel(item.title, fontsize="small")
        for axes in row:
            # One size for the four of a row, so that what lies side by side can be compared.
            axes.set_box_aspect(item.image.shape[0] / item.image.shape[1])
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize="medium")
    return figure, f"{where}; {model.card.id}, {mask_net.card.id}, scores ≥ {threshold:g}"


def region_ranks(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 3: confidence of the regions, and against their area: the best 16, and all of them."""
    slices, where = _slices(given, 3)
    _, mask_net = _models(given)
    assert isinstance(mask_net.network, CovidMaskNet)
    figure, first = new_figure(12.0, 2.4 * len(slices))
    figure.delaxes(first)
    grid = figure.subplots(len(slices), 4, squeeze=False)
    for line, (row, item) in enumerate(zip(grid, slices, strict=True)):
        (regions,) = mask_net_regions(mask_net.network, _fed(mask_net, item.image), _CPU)
        scores, boxes = regions["scores"].numpy(), regions["boxes"].numpy()
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        for place, count in enumerate((_TOP, len(scores))):
            histogram, points = row[2 * place], row[2 * place + 1]
            histogram.hist(scores[:count], bins=20, color=hex_color(BLUE), edgecolor="white")
            histogram.set_xlabel("confidence", fontsize="small")
            histogram.set_ylabel("regions", fontsize="small")
            points.plot(
                area[:count], scores[:count], "o", markersize=4, alpha=0.6,
                color=hex_color(VERMILLION), markeredgewidth=0,
            )  # fmt: skip
            points.set_xlabel("area of the box (px)", fontsize="small")
            points.set_ylabel("confidence", fontsize="small")
            if line == 0:
                words = f"best {_TOP}" if place == 0 else f"all {len(scores)}"
                histogram.set_title(words, fontsize="small")
                points.set_title(words, fontsize="small")
        row[0].annotate(
            item.title, (-0.32, 0.5), xycoords="axes fraction", rotation=90, va="center",
            ha="right", fontsize="small",
        )  # fmt: skip
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize="x-small")
    return figure, f"{where}; regions of {mask_net.card.id}"


def _models(given: argparse.Namespace) -> tuple[Model, Model]:
    store = ModelStore()
    return (
        store.load(given.model, task="lesions"),
        store.load(given.mask_net, task="covid"),
    )


def _slices(given: argparse.Namespace, count: int) -> tuple[list[ShownSlice], str]:
    if given.images is None:
        return _phantoms(count), "synthetic chest CTs"
    if given.masks is None:
        raise TrainingDataError("--images and --masks belong together.")
    slices = read_lesion_slices(
        given.images, given.masks, patients=r"^(.+)$", mask_values=given.mask_values
    )
    if given.names:
        by_name = {item.name: item for item in slices}
        missing = [name for name in given.names if name not in by_name]
        if missing:
            raise TrainingDataError(f"{missing[0]} is not in {given.images}.")
        slices = [by_name[name] for name in given.names]
    else:
        # As many with lesions as without, where there are both.
        order = sorted(slices, key=lambda item: -np.count_nonzero(item.mask))
        half = (count + 1) // 2
        slices = order[:half] + order[max(half, len(order) - count + half) :]
    shown = []
    for item in slices[:count]:
        assert item.mask is not None
        lungs = None
        if given.mask_values is not None:
            file = mask_of(given.images / f"{item.name}.png", given.masks)
            values = np.array(Image.open(file).convert("L"))
            names = value_names(np.unique(values).tolist(), given.mask_values, file.name)
            inside = [value for value, name in names.items() if name != "background"]
            lungs = np.isin(values, inside)
        shown.append(ShownSlice(item.name, item.image, item.mask > 0, lungs))
    return shown, f"{len(shown)} slices of {given.images}"


def _phantoms(count: int) -> list[ShownSlice]:
    """Half of the slices with lesions, half of healthy lungs; odd ones between."""
    shape, spacing = (8, 400, 400), (36.0, 0.95, 0.95)
    made = {
        4: (("many lesions", 45.0), ("some lesions", 15.0), ("healthy", 0.0), ("healthy", 0.0)),
        3: (("many lesions", 45.0), ("few lesions", 5.0), ("healthy", 0.0)),
    }[count]
    shown = []
    for seed, (words, opacity) in enumerate(made, start=500):
        if opacity:
            phantom = chest_with_opacity(opacity, shape, spacing, seed=seed)
        else:
            phantom = chest_ct(shape, spacing, lesions=(), seed=seed)
        slices = lung_slices(to_axial(phantom.volume), phantom.lungs)
        amounts = [
            np.count_nonzero((phantom.lesions if opacity else phantom.lungs)[slices.place(k)])
            for k in range(len(slices))
        ]
        number = int(np.argmax(amounts))
        place = slices.place(number)
        title = f"synthetic, {words}"
        lesions, lungs = phantom.lesions[place] > 0, phantom.lungs[place] > 0
        shown.append(ShownSlice(title, slices.picture(number), lesions, lungs))
    return shown


def _fed(model: Model, image: NDArray[np.uint8]) -> torch.Tensor:
    given = model.card.input
    assert given is not None
    frame = Frame.fit((image.shape[0], image.shape[1]), (given.size[0], given.size[1]))
    grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None])
    return normalise(grey, given.mean, given.std)


def _found(axes: Axes, model: Model, item: ShownSlice, threshold: float) -> None:
    from matplotlib.patches import Rectangle

    found = find_lesions(model, item.image, "cpu")
    sure = found.scores >= threshold
    _picture(axes, item.image)
    marked = found.masks[sure].any(axis=0) if sure.any() else np.zeros(item.image.shape, bool)
    axes.imshow(_tinted(marked, (*VERMILLION, 0.45)))
    # Best first; more would hide the picture, as in the paper.
    best = np.argsort(-found.scores[sure])[:_MOST_BOXES]
    for mask, score in zip(found.masks[sure][best], found.scores[sure][best], strict=True):
        rows, columns = np.nonzero(mask)
        if not len(rows):
            continue
        left, top = columns.min(), rows.min()
        size = (columns.max() - left + 1, rows.max() - top + 1)
        axes.add_patch(Rectangle((left, top), *size, fill=False, color="white", linewidth=0.8))
        axes.text(left + 2, top + 2, f"{score:.2f}", color="white", fontsize=6, va="top")
    if not sure.any():
        axes.text(
            0.5, 0.04, f"no region of {threshold:g} or more", transform=axes.transAxes,
            ha="center", color="white", fontsize="x-small", backgroundcolor="black",
        )  # fmt: skip


def _score_map(figure: Figure, axes: Axes, model: Model, item: ShownSlice) -> None:
    answer = run_on_picture(model, item.image, "cpu")
    assert answer.score_map is not None
    scores = answer.score_map[0].astype(np.float32)
    scores[scores == 0] = np.nan  # no region is there
    axes.set_facecolor("0.85")
    drawn = axes.imshow(scores, cmap="magma")
    bar = figure.colorbar(drawn, cax=axes.inset_axes((1.02, 0.0, 0.04, 1.0)))
    bar.ax.tick_params(labelsize="x-small")
    _bare(axes)


def _truth(axes: Axes, item: ShownSlice) -> None:
    picture = np.zeros((*item.image.shape, 3))
    if item.lungs is not None:
        picture[item.lungs] = BLUISH_GREEN
    picture[item.lesions] = (0.94, 0.89, 0.26)
    axes.imshow(picture, interpolation="nearest")
    _bare(axes)


def _class_scores(axes: Axes, model: Model, item: ShownSlice) -> None:
    assert isinstance(model.network, CovidMaskNet)
    logits = mask_net_logits(model.network, _fed(model, item.image), _CPU)[0].tolist()
    names = model.classes if len(model.classes) == len(logits) else _MASK_NET[: len(logits)]
    if len(logits) == 1:
        names = ("COVID-19",)
    axes.set_axis_off()
    for line, (name, value) in enumerate(zip(names, logits, strict=True)):
        axes.text(0.0, 0.75 - 0.2 * line, f"{name}: {value:+.2f}", color=hex_color(VERMILLION))
    truth = "lesions" if item.lesions.any() else "no lesion"
    axes.text(0.0, 0.95, f"truth: {truth}", color=hex_color(BLUISH_GREEN))


def _picture(axes: Axes, image: NDArray[np.uint8]) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _tinted(mask: NDArray[np.bool_], color: tuple[float, ...]) -> NDArray[np.float64]:
    picture = np.zeros((*mask.shape, 4))
    picture[mask] = color
    return picture


def _box(axes: Axes, x: float, y: float, width: float, text: str, color: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, 0.8, facecolor=color, edgecolor="0.3", alpha=0.55))
    axes.text(x + width / 2, y + 0.4, text, ha="center", va="center", fontsize="small")


FIGURES: dict[str, Callable[[argparse.Namespace], tuple[Figure, str]]] = {
    "1": backbones,
    "2": segmentation,
    "3": region_ranks,
}
