"""Slices as pictures for reports, drawn with numpy and Pillow: no display, no OpenGL."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.palette import LineStyle, RaterLine, Rgb, probability_colors


def gray_picture(
    picture: NDArray[np.uint8], spacing_mm: tuple[float, float], *, least_px: int = 360
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """An 8-bit slice (rows, columns) or (rows, columns, 3) as RGB with square pixels.

    Returns the picture, enlarged so that its longer side has at least ``least_px`` pixels, and its
    (rows, columns), to which masks are brought by ``to_size``.
    """
    rows, columns = picture.shape[:2]
    height, width = rows * spacing_mm[0], columns * spacing_mm[1]
    longest = max(rows, columns, least_px)
    scale = longest / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    from PIL import Image

    resized = Image.fromarray(np.ascontiguousarray(picture)).resize(
        (size[1], size[0]), Image.Resampling.BILINEAR
    )
    return np.array(resized.convert("RGB")), size


def to_size(image: NDArray, size: tuple[int, int]) -> NDArray:
    """A mask or map (rows, columns) brought to ``size`` by nearest neighbour."""
    rows = ((np.arange(size[0]) + 0.5) * image.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * image.shape[1] / size[1]).astype(int)
    return image[rows[:, None], columns[None, :]]


def draw_outline(
    rgb: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    color: Rgb,
    *,
    fill: float = 0.0,
    width_px: int = 2,
) -> None:
    """Draw the inner outline of ``mask`` on ``rgb`` in place, with a translucent fill."""
    paint = np.array(color) * 255
    if fill > 0:
        rgb[mask] = ((1 - fill) * rgb[mask] + fill * paint).astype(np.uint8)
    edge = mask & ~ndimage.binary_erosion(mask, iterations=width_px, border_value=0)
    rgb[edge] = paint.astype(np.uint8)


def draw_lines(
    rgb: NDArray[np.uint8],
    outlines: Iterable[tuple[NDArray[np.bool_], RaterLine]],
    *,
    width_px: int = 2,
) -> None:
    """Draw the inner outlines of masks on ``rgb`` in place, each edged with black.

    The edges make every color show on any background; they lie below all lines.
    """
    drawn = []
    for mask, line in outlines:
        edge = mask & ~ndimage.binary_erosion(mask, iterations=width_px, border_value=0)
        drawn.append((edge & _dashes(mask, line.style), line))
    for edge, _ in drawn:
        rgb[ndimage.binary_dilation(edge, np.ones((3, 3)))] = 0
    for edge, line in drawn:
        rgb[edge] = (np.array(line.color) * 255).astype(np.uint8)


def _dashes(mask: NDArray[np.bool_], style: LineStyle) -> NDArray[np.bool_]:
    """Where a broken line is drawn: by the way round each region, at its mean radius."""
    if not style.gap_px:
        return np.ones(mask.shape, bool)
    shown = np.zeros(mask.shape, bool)
    labels, count = ndimage.label(mask)
    for index, (row, column) in enumerate(
        ndimage.center_of_mass(mask, labels, range(1, count + 1)), start=1
    ):
        rows, columns = np.nonzero(labels == index)
        radius = np.sqrt(len(rows) / np.pi)
        way = (np.arctan2(rows - row, columns - column) + np.pi) * max(float(radius), 1.0)
        shown[rows, columns] = way % (style.dash_px + style.gap_px) < style.dash_px
    return shown


def draw_probability(
    rgb: NDArray[np.uint8], probability: NDArray, *, least: float = 0.05, opacity: float = 0.6
) -> None:
    """Lay the hot colour map over ``rgb`` in place, where probability is at least ``least``."""
    colors = (probability_colors() * 255).astype(np.uint8)
    shown = probability >= least
    index = (np.clip(probability[shown], 0, 1) * 255).astype(np.uint8)
    rgb[shown] = ((1 - opacity) * rgb[shown] + opacity * colors[index]).astype(np.uint8)


def draw_boxes(
    rgb: NDArray[np.uint8], boxes: Iterable[tuple[float, float, float, float]], color: Rgb
) -> None:
    """Draw rectangles (x0, y0, x1, y1) in the pixels of ``rgb``, in place."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(rgb)
    draw = ImageDraw.Draw(image)
    paint = tuple(round(255 * channel) for channel in color)
    for box in boxes:
        draw.rectangle(box, outline=paint, width=1)
    rgb[:] = np.asarray(image)


def probability_legend(width_px: int = 300, height_px: int = 18) -> NDArray[np.uint8]:
    """The colour bar from 0 (left) to 1 (right) as RGB."""
    bar = (probability_colors(width_px) * 255).astype(np.uint8)
    return np.broadcast_to(bar[None], (height_px, width_px, 3)).copy()


def png_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """An RGB or grey picture as the bytes of a PNG file, without metadata."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(stream, format="PNG", compress_level=6)
    return stream.getvalue()
