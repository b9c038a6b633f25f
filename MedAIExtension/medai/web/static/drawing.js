// The hand: mouse, pen, fingers and keys become strokes, polygons, and moves of the picture.

const ZOOM_STEP = 1.2;

export class Drawing {
  // changed(): called after every step that changed an outline.
  constructor(view, masks, changed) {
    Object.assign(this, { view, masks, changed });
    this.tool = "brush";
    this.radius = 6;
    this.label = 0;
    this.fingers = new Map();
    this.active = null;
    this.locked = false;
    const canvas = view.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => { if (!this.active) { view.pointer = null; view.draw(); } });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("focus", () => this.showPointer());
    this.use("brush");
  }

  use(tool) {
    this.tool = tool;
    this.view.brush = tool === "brush" || tool === "eraser" ? this.radius : 0;
    this.view.draw();
  }

  size(radius) {
    this.radius = Math.min(200, Math.max(0.5, radius));
    this.use(this.tool);
  }

  place(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    const [x, y] = this.place(event);
    this.view.canvas.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, [x, y]);
    if (this.fingers.size === 2) {
      this.cancelStep();
      this.active = { kind: "pinch" };
      return;
    }
    if (this.active) return;
    const point = this.view.toImage(x, y);
    if (event.button === 1 || event.button === 2 || this.tool === "pan") {
      this.active = { kind: "pan", last: [x, y] };
    } else if (!this.locked) {
      this.start(point);
    }
  }

  start(point) {
    const { view, masks, label } = this;
    if (this.tool === "fill") {
      const column = Math.floor(point[0]), row = Math.floor(point[1]);
      if (column < 0 || row < 0 || column >= view.width || row >= view.height) return;
      masks.begin(label, view.z);
      masks.fill(label, view.z, column, row);
      this.finish();
      return;
    }
    masks.begin(label, view.z);
    this.active = { kind: this.tool, points: [point], z: view.z };
    this.goOn(point);
  }

  goOn(point) {
    const { kind, points, z } = this.active;
    if (kind === "polygon") {
      points.push(point);
      this.view.trail = points;
    } else {
      const from = points[points.length - 1];
      this.masks.stroke(this.label, z, from, point, this.radius, kind === "brush" ? 1 : 0);
      points.push(point);
    }
    this.view.draw();
  }

  moved(event) {
    const [x, y] = this.place(event);
    if (this.fingers.has(event.pointerId)) {
      if (this.active?.kind === "pinch") this.pinch(event.pointerId, [x, y]);
      this.fingers.set(event.pointerId, [x, y]);
    }
    this.view.pointer = this.view.toImage(x, y);
    if (this.active?.kind === "pan") {
      this.view.move(x - this.active.last[0], y - this.active.last[1]);
      this.active.last = [x, y];
    } else if (this.active?.points) {
      // All that the pen measured between two pictures, not only the last.
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.goOn(this.view.toImage(...this.place(each)));
    } else {
      this.view.draw();
    }
  }

  pinch(moving, place) {
    const other = [...this.fingers].find(([id]) => id !== moving)?.[1];
    const before = this.fingers.get(moving);
    if (!other) return;
    const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
    this.view.move((place[0] - before[0]) / 2, (place[1] - before[1]) / 2);
    this.view.zoom(apart(place, other) / Math.max(1, apart(before, other)), (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    const active = this.active;
    if (!active || (active.kind === "pinch" && this.fingers.size)) return;
    this.active = null;
    if (active.points) {
      if (active.kind === "polygon") this.masks.polygon(this.label, active.z, active.points, 1);
      this.finish();
    }
  }

  finish() {
    this.view.trail = [];
    this.view.draw();
    if (this.masks.end()) this.changed();
  }

  // A second finger came down: what the first began was no stroke.
  cancelStep() {
    if (this.active?.points) {
      const { label, z, before } = this.masks.step;
      this.masks.slice(label, z).set(before);
      this.masks.step = null;
      this.view.trail = [];
    }
    this.active = null;
  }

  undo(again = false) {
    if (this.locked || this.masks.step) return;
    const step = again ? this.masks.redo() : this.masks.undo();
    if (!step) return;
    this.toSlice?.(step.z);
    this.view.draw();
    this.changed();
  }

  wheel(event) {
    event.preventDefault();
    if (event.ctrlKey || this.view.depth === 1) {
      this.view.zoom(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, ...this.place(event));
    } else {
      this.toSlice?.(this.view.z + (event.deltaY < 0 ? 1 : -1));
    }
  }

  showPointer() {
    this.view.pointer ??= [this.view.width / 2, this.view.height / 2];
    this.view.draw();
  }

  // Keys of the picture; true when the key was one of them.
  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = moves[event.key];
    if (step) {
      this.showPointer();
      const far = event.shiftKey ? 10 : 1;
      const from = this.view.pointer;
      const to = [from[0] + far * step[0], from[1] + far * step[1]];
      this.view.pointer = [Math.min(this.view.width, Math.max(0, to[0])), Math.min(this.view.height, Math.max(0, to[1]))];
      this.view.draw();
      return true;
    }
    if ((event.key === " " || event.key === "Enter") && !this.locked) {
      this.showPointer();
      if (this.tool === "polygon") this.corner();
      else {
        this.start(this.view.pointer);
        if (this.active?.points) { this.active = null; this.finish(); }
      }
      return true;
    }
    return false;
  }

  // A polygon by keys: each press sets a corner; close() ends it.
  corner() {
    this.corners = [...(this.corners || []), [...this.view.pointer]];
    this.view.trail = this.corners;
    this.view.draw();
  }

  close() {
    const corners = this.corners;
    this.corners = null;
    if (!corners || corners.length < 3) { this.view.trail = []; this.view.draw(); return; }
    this.masks.begin(this.label, this.view.z);
    this.masks.polygon(this.label, this.view.z, corners, 1);
    this.finish();
  }
}
