// Outlines as bytes, 1 where a voxel is marked, and what drawing does to them. No page here.

export class Masks {
  // shape: [slices, rows, columns]; count: how many labels.
  constructor(shape, count) {
    [this.depth, this.height, this.width] = shape;
    this.area = this.height * this.width;
    this.labels = Array.from({ length: count }, () => new Uint8Array(this.depth * this.area));
    this.undone = [];
    this.done = [];
    this.step = null;
  }

  slice(label, z) {
    return this.labels[label].subarray(z * this.area, (z + 1) * this.area);
  }

  // Everything until end() is one step to undo.
  begin(label, z) {
    this.step = { label, z, before: this.slice(label, z).slice() };
  }

  // Whether the step changed anything.
  end() {
    const { label, z, before } = this.step;
    this.step = null;
    const now = this.slice(label, z);
    if (before.every((value, place) => value === now[place])) return false;
    this.done.push({ label, z, other: before });
    if (this.done.length > 100) this.done.shift();
    this.undone = [];
    return true;
  }

  undo() { return this.exchange(this.done, this.undone); }
  redo() { return this.exchange(this.undone, this.done); }

  exchange(from, to) {
    const step = from.pop();
    if (!step) return null;
    const now = this.slice(step.label, step.z);
    const other = now.slice();
    now.set(step.other);
    to.push({ label: step.label, z: step.z, other });
    return step;
  }

  // Mark every voxel whose center lies at most radius from the line between two points (x, y).
  // A voxel's center is at its column and row + 0.5.
  stroke(label, z, [ax, ay], [bx, by], radius, value) {
    const target = this.slice(label, z);
    const dx = bx - ax, dy = by - ay, length2 = dx * dx + dy * dy;
    const left = Math.max(0, Math.floor(Math.min(ax, bx) - radius - 0.5));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(ax, bx) + radius));
    const top = Math.max(0, Math.floor(Math.min(ay, by) - radius - 0.5));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(ay, by) + radius));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const px = column + 0.5 - ax, py = row + 0.5 - ay;
        const along = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
        const ox = px - along * dx, oy = py - along * dy;
        if (ox * ox + oy * oy <= radius * radius) target[row * this.width + column] = value;
      }
    }
  }

  // Mark every voxel whose center lies inside the polygon (points (x, y), even-odd rule).
  polygon(label, z, points, value) {
    const target = this.slice(label, z);
    for (let row = 0; row < this.height; row++) {
      const y = row + 0.5;
      const crossings = [];
      points.forEach(([ax, ay], place) => {
        const [bx, by] = points[(place + 1) % points.length];
        if ((ay <= y) !== (by <= y)) crossings.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
      });
      crossings.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        const first = Math.max(0, Math.ceil(crossings[pair] - 0.5));
        const last = Math.min(this.width - 1, Math.ceil(crossings[pair + 1] - 0.5) - 1);
        for (let column = first; column <= last; column++) target[row * this.width + column] = value;
      }
    }
  }

  // Turn over the connected (4 neighbors) area of equal marking at a voxel: fill, or empty.
  fill(label, z, column, row) {
    const target = this.slice(label, z);
    const from = target[row * this.width + column];
    const open = [row * this.width + column];
    target[open[0]] = 1 - from;
    while (open.length) {
      const place = open.pop();
      const x = place % this.width;
      const next = [place - this.width, place + this.width];
      if (x > 0) next.push(place - 1);
      if (x < this.width - 1) next.push(place + 1);
      for (const other of next) {
        if (other >= 0 && other < this.area && target[other] === from) {
          target[other] = 1 - from;
          open.push(other);
        }
      }
    }
  }

  // All labels' bits, one label after the other, each from a new byte.
  packed() {
    const length = Math.ceil((this.depth * this.area) / 8);
    const content = new Uint8Array(length * this.labels.length);
    this.labels.forEach((voxels, label) => pack(voxels, content.subarray(label * length, (label + 1) * length)));
    return content;
  }

  load(content) {
    const length = Math.ceil((this.depth * this.area) / 8);
    if (content.length !== length * this.labels.length) return false;
    this.labels.forEach((voxels, label) => unpack(content.subarray(label * length, (label + 1) * length), voxels));
    this.done = [];
    this.undone = [];
    return true;
  }
}

export function pack(voxels, content) {
  for (let place = 0; place < voxels.length; place++) {
    if (voxels[place]) content[place >> 3] |= 128 >> (place & 7);
  }
}

export function unpack(content, voxels) {
  for (let place = 0; place < voxels.length; place++) {
    voxels[place] = (content[place >> 3] >> (7 - (place & 7))) & 1;
  }
}
