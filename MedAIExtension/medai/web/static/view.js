// The picture: one slice with outlines over it, enlarged and moved about; no drawing rules here.

const READERS = { uint8: Uint8Array, int16: Int16Array, float32: Float32Array };

export class View {
  constructor(canvas, case_, masks, colors) {
    Object.assign(this, { canvas, case_, masks, colors });
    [this.depth, this.height, this.width] = case_.shape;
    // Voxels that are not square are shown as wide and high as they are.
    const spacing = case_.spacing_mm || [1, 1, 1];
    this.stretch = spacing[1] / spacing[2];
    this.z = Math.floor(this.depth / 2);
    this.window = case_.windows[0] ? case_.windows[0].slice(1) : null;
    this.slices = new Map();
    this.region = null;
    this.prediction = null;
    this.showMasks = true;
    this.pointer = null;
    this.trail = [];
    this.brush = 0;
    this.gray = document.createElement("canvas");
    this.over = document.createElement("canvas");
    for (const layer of [this.gray, this.over]) Object.assign(layer, { width: this.width, height: this.height });
    this.stale = true;
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    this.fit();
  }

  fit() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.ratio = ratio;
    this.scale = Math.min(box.width / this.width, box.height / (this.height * this.stretch)) * 0.96;
    this.left = (box.width - this.width * this.scale) / 2;
    this.top = (box.height - this.height * this.stretch * this.scale) / 2;
    this.draw();
  }

  // From the screen (relative to the canvas) to the image: column and row, fractions within.
  toImage(x, y) {
    return [(x - this.left) / this.scale, (y - this.top) / (this.scale * this.stretch)];
  }

  zoom(factor, x, y) {
    const wanted = Math.min(64, Math.max(0.05, this.scale * factor));
    const real = wanted / this.scale;
    this.left = x - (x - this.left) * real;
    this.top = y - (y - this.top) * real;
    this.scale = wanted;
    this.draw();
  }

  move(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.draw();
  }

  give(z, content) {
    const values = new READERS[this.case_.kind](content);
    const expected = this.width * this.height * (this.case_.is_color ? 3 : 1);
    if (values.length !== expected) throw new Error("The slice came incomplete.");
    this.slices.set(z, values);
    // A few hundred slices of 512 × 512 fit; more would fill a phone's memory.
    if (this.slices.size > 400) this.slices.delete(this.slices.keys().next().value);
    if (z === this.z) this.refresh();
  }

  refresh() {
    this.stale = true;
    this.draw();
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.paint(); });
  }

  paint() {
    if (this.stale) {
      this.paintGray();
      this.stale = false;
    }
    this.paintMasks();
    const pen = this.canvas.getContext("2d");
    const ratio = this.ratio;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const tall = this.scale * this.stretch;
    pen.setTransform(ratio * this.scale, 0, 0, ratio * tall, ratio * this.left, ratio * this.top);
    pen.imageSmoothingEnabled = this.scale < 2;
    pen.drawImage(this.gray, 0, 0);
    pen.imageSmoothingEnabled = false;
    if (this.showMasks) pen.drawImage(this.over, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintTrail(pen);
    this.paintPointer(pen);
  }

  paintGray() {
    const values = this.slices.get(this.z);
    const pen = this.gray.getContext("2d");
    const picture = pen.createImageData(this.width, this.height);
    const out = new Uint32Array(picture.data.buffer);
    if (!values) out.fill(0xff303030);
    else if (this.case_.is_color) {
      for (let k = 0; k < out.length; k++) {
        out[k] = 0xff000000 | (values[3 * k + 2] << 16) | (values[3 * k + 1] << 8) | values[3 * k];
      }
    } else {
      const [low, high] = this.window;
      const factor = 255 / (high - low);
      for (let k = 0; k < out.length; k++) {
        const value = Math.max(0, Math.min(255, Math.round((values[k] - low) * factor)));
        out[k] = 0xff000000 | (value << 16) | (value << 8) | value;
      }
    }
    pen.putImageData(picture, 0, 0);
  }

  // Areas faint, borders strong, so that the picture below stays readable.
  paintMasks() {
    const pen = this.over.getContext("2d");
    const picture = pen.createImageData(this.width, this.height);
    const out = new Uint32Array(picture.data.buffer);
    if (this.region) this.border(out, this.region.subarray(this.z * this.masks.area), 0xffffffff, 0);
    if (this.prediction) {
      this.prediction.labels.forEach((_, label) =>
        this.border(out, this.prediction.slice(label, this.z), 0xffffffff, 0));
    }
    this.masks.labels.forEach((_, label) => {
      const color = this.colors[label];
      this.border(out, this.masks.slice(label, this.z), 0xff000000 | color, 0x58000000 | color);
    });
    pen.putImageData(picture, 0, 0);
  }

  border(out, mask, line, inside) {
    const { width, height } = this;
    for (let row = 0, k = 0; row < height; row++) {
      for (let column = 0; column < width; column++, k++) {
        if (!mask[k]) continue;
        const edge =
          row === 0 || column === 0 || row === height - 1 || column === width - 1 ||
          !mask[k - 1] || !mask[k + 1] || !mask[k - width] || !mask[k + width];
        if (edge) out[k] = line;
        else if (inside) out[k] = inside;
      }
    }
  }

  paintTrail(pen) {
    if (!this.trail.length) return;
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.beginPath();
    for (const [x, y] of this.trail) {
      pen.lineTo(this.left + x * this.scale, this.top + y * this.scale * this.stretch);
    }
    pen.stroke();
  }

  paintPointer(pen) {
    if (!this.pointer) return;
    const [x, y] = this.pointer;
    const sx = this.left + x * this.scale, sy = this.top + y * this.scale * this.stretch;
    pen.lineWidth = 1;
    for (const [color, more] of [["#000", 1], ["#fff", 0]]) {
      pen.strokeStyle = color;
      pen.beginPath();
      if (this.brush) {
        pen.ellipse(sx, sy, this.brush * this.scale + more, this.brush * this.scale * this.stretch + more, 0, 0, 2 * Math.PI);
      } else {
        pen.moveTo(sx - 9, sy + more); pen.lineTo(sx + 9, sy + more);
        pen.moveTo(sx + more, sy - 9); pen.lineTo(sx + more, sy + 9);
      }
      pen.stroke();
    }
  }
}

// "#rrggbb" as canvas pixels have it on little-endian machines, without alpha.
export function pixelColor(color) {
  const value = parseInt(color.slice(1), 16);
  return ((value & 255) << 16) | (value & 0xff00) | (value >> 16);
}
