"""A viewer inside a report: all axial slices, outlines to switch, gray windows; no server needed.

The page stays one file that opens by a double click and fetches nothing. Without JavaScript it
shows what it showed before: the key pictures.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.palette import Rgb
from medai.reports.pictures import to_size

# Gray 0 and 255 of what is stored: wide enough for the windows below, 6 HU a step.
_LOW_HU, _HIGH_HU = -1050.0, 450.0
_WINDOWS = (("Lung", -1050, 250), ("Soft tissue", -160, 240), ("All that is stored", -1050, 450))
_MARGIN_MM = 30.0
_MOST_BYTES = 10 * 2**20
# Longest side in pixels and JPEG quality; the next is tried when a study gets too large.
_SIZES = ((384, 85), (320, 75), (256, 65), (192, 55))


@dataclass(frozen=True)
class Layer:
    """Outlines that can be switched: mask (z, y, x) on the axial grid."""

    name: str
    color: Rgb
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ViewedStudy:
    """What is scrolled through. hu: (z, y, x) on the axial grid. heights_mm: S of each slice."""

    hu: NDArray
    spacing_mm: tuple[float, float, float]
    heights_mm: Sequence[float]
    layers: Sequence[Layer]
    first: int


def viewer_html(study: ViewedStudy) -> str:
    """The viewer as a part of a page: under 14 MB of text whatever the study's size.

    Cropped to what the layers mark and 3 cm around it. A click on a table row with ``data-slice``
    goes to that slice.
    """
    rows, columns = _crop(study)
    for longest_px, quality in _SIZES:
        pictures, marks = _encoded(study, rows, columns, longest_px, quality)
        if sum(map(len, pictures)) + sum(map(len, marks)) < _MOST_BYTES:
            break
    content = {
        "pictures": [base64.b64encode(picture).decode("ascii") for picture in pictures],
        "marks": [base64.b64encode(mark).decode("ascii") for mark in marks],
        "heights": [round(float(height)) for height in study.heights_mm],
        "layers": [
            {"name": layer.name, "color": [round(255 * part) for part in layer.color]}
            for layer in study.layers
        ],
        "windows": _WINDOWS,
        "range": [_LOW_HU, _HIGH_HU],
        "first": study.first,
    }
    # Inside a script "<" could end it.
    data = json.dumps(content).replace("<", "\\u003c")
    return (
        '<div id="viewer" hidden></div>'
        f'<script type="application/json" id="viewer-data">{data}</script>'
        f"<script>{_SCRIPT}</script>"
    )


def _crop(study: ViewedStudy) -> tuple[slice, slice]:
    shape = study.hu.shape[1:]
    marked = np.zeros(shape, bool)
    for layer in study.layers:
        marked |= layer.mask.any(axis=0)
    if not marked.any():
        return slice(0, shape[0]), slice(0, shape[1])
    found = []
    for axis, spacing in ((1, study.spacing_mm[1]), (0, study.spacing_mm[2])):
        places = np.flatnonzero(marked.any(axis=axis))
        margin = round(_MARGIN_MM / spacing)
        found.append(slice(max(0, places[0] - margin), places[-1] + margin + 1))
    return found[0], found[1]


def _encoded(
    study: ViewedStudy, rows: slice, columns: slice, longest_px: int, quality: int
) -> tuple[list[bytes], list[bytes]]:
    """A JPEG of the gray values and a PNG of bits, one a layer, of every slice."""
    from PIL import Image

    height, width = study.hu[0, rows, columns].shape
    tall, wide = height * study.spacing_mm[1], width * study.spacing_mm[2]
    scale = min(longest_px, max(height, width)) / max(tall, wide)
    size = (max(1, round(tall * scale)), max(1, round(wide * scale)))
    pictures, marks = [], []
    for index in range(len(study.hu)):
        part = study.hu[index, rows, columns].astype(np.float32)
        gray = np.clip((part - _LOW_HU) * (255 / (_HIGH_HU - _LOW_HU)), 0, 255).astype(np.uint8)
        resized = Image.fromarray(gray).resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pictures.append(_bytes_of(resized, "JPEG", quality=quality))
        bits = np.zeros(size, np.uint8)
        for place, layer in enumerate(study.layers):
            bits |= to_size(layer.mask[index, rows, columns], size).astype(np.uint8) << place
        marks.append(_bytes_of(Image.fromarray(bits), "PNG", optimize=True))
    return pictures, marks


def _bytes_of(picture: object, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)  # type: ignore[attr-defined]
    return stream.getvalue()


_SCRIPT = """
(() => {
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const viewer = document.getElementById("viewer");
  const make = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  const slider = make("input", { type: "range", min: 1, max: data.pictures.length, step: 1 });
  slider.setAttribute("aria-label", "Slice");
  const where = make("output", {});
  const shown = data.layers.map(() => true);
  const switches = data.layers.map((layer, place) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = `rgb(${layer.color})`;
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => { shown[place] = box.checked; paint(); });
    return make("label", {}, box, " ", swatch, layer.name);
  });
  const choice = make("select", {}, ...data.windows.map(([name], place) =>
    make("option", { value: place, textContent: name })));
  choice.setAttribute("aria-label", "Gray values");
  choice.addEventListener("change", () => paint());
  let current = -1, gray = null, bits = null;

  const pixels = async (text, kind) => {
    const picture = new Image();
    picture.src = `data:image/${kind};base64,${text}`;
    await picture.decode();
    const layer = make("canvas", { width: picture.width, height: picture.height });
    const pen = layer.getContext("2d", { willReadFrequently: true });
    pen.drawImage(picture, 0, 0);
    return pen.getImageData(0, 0, picture.width, picture.height);
  };

  const go = async (wanted) => {
    const slice = Math.min(data.pictures.length - 1, Math.max(0, wanted));
    current = slice;
    slider.value = slice + 1;
    const found = await Promise.all(
      [pixels(data.pictures[slice], "jpeg"), pixels(data.marks[slice], "png")]);
    // Another slice may have been asked for meanwhile.
    if (current !== slice) return;
    [gray, bits] = found;
    where.value = `Slice ${slice + 1} of ${data.pictures.length}, S ${data.heights[slice]} mm`;
    canvas.setAttribute("aria-label", where.value);
    viewer.dataset.slice = slice;
    paint();
  };

  const paint = () => {
    if (!gray) return;
    const { width, height } = gray;
    Object.assign(canvas, { width, height });
    const [, low, high] = data.windows[choice.value];
    const step = (data.range[1] - data.range[0]) / 255;
    const table = Array.from({ length: 256 }, (_, value) =>
      Math.max(0, Math.min(255, (data.range[0] + value * step - low) * 255 / (high - low))));
    const out = new ImageData(width, height);
    for (let k = 0; k < width * height; k++) {
      const value = table[gray.data[4 * k]];
      out.data.set([value, value, value, 255], 4 * k);
    }
    const mark = (k) => bits.data[4 * k];
    data.layers.forEach((layer, place) => {
      if (!shown[place]) return;
      const bit = 1 << place;
      for (let k = 0; k < width * height; k++) {
        if (!(mark(k) & bit)) continue;
        const x = k % width;
        const inside = x > 0 && x < width - 1 && k >= width && k < width * (height - 1) &&
          [k - 1, k + 1, k - width, k + width].every((other) => mark(other) & bit);
        if (!inside) out.data.set([...layer.color, 255], 4 * k);
      }
    });
    canvas.getContext("2d").putImageData(out, 0, 0);
  };

  slider.addEventListener("input", () => go(slider.value - 1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    go(current + (event.deltaY < 0 ? 1 : -1));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, PageUp: 1, ArrowDown: -1, PageDown: -1 }[event.key];
    if (by) { event.preventDefault(); go(current + by); }
  });
  // The tables stand further down the page and are not there yet.
  addEventListener("DOMContentLoaded", () => {
    for (const row of document.querySelectorAll("tr[data-slice]")) {
      const show = () => {
        go(Number(row.dataset.slice));
        viewer.scrollIntoView({ block: "center" });
      };
      Object.assign(row, { tabIndex: 0, title: "Show its slice" });
      row.style.cursor = "pointer";
      row.addEventListener("click", show);
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") show(); });
    }
  });
  viewer.append(canvas, make("p", {}, slider, " ", where), make("p", {}, choice, " ", ...switches));
  viewer.hidden = false;
  go(data.first);
})();
"""
