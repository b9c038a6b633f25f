// One case on the screen: the picture, the tools, what is said about the image, handing in.

import { bytes, Refusal, tell } from "/api.js";
import { ask, element, say, show } from "/elements.js";
import { Drawing } from "/drawing.js";
import { Masks, unpack } from "/masks.js";
import { Saving } from "/saving.js";
import { pixelColor, View } from "/view.js";

const TOOLS = [
  ["brush", "Brush", "b"], ["eraser", "Eraser", "e"], ["polygon", "Polygon", "p"],
  ["fill", "Fill", "f"], ["pan", "Move", "m"],
];
const KEYS =
  "Keys: B brush, E eraser, P polygon (Space sets a corner, C closes), F fill, M move, [ and ] " +
  "size, Ctrl+Z and Ctrl+Y undo and redo, arrows move the cross, Space draws there, Page Up and " +
  "Page Down change the slice, + and − zoom, 0 fits, H hides outlines, 1 to 9 choose a label, " +
  "Ctrl+Enter hands in.";

// Opens what the server described, with an outline of this browser where there is one.
// Resolves once the case is left: {next, feedback, sentence}.
export async function work(study, opened, kept = null) {
  const masks = new Masks(opened.shape, study.labels.length);
  const at = `/api/open/${opened.open}`;
  if (kept) masks.load(kept.bits);
  else if (opened.has_masks) masks.load(new Uint8Array(await bytes(`${at}/masks`)));
  let region = null;
  if (opened.has_region) {
    region = new Uint8Array(masks.depth * masks.area);
    unpack(new Uint8Array(await bytes(`${at}/region`)), region);
  }
  let predicted = null;
  if (opened.predictions.length) {
    predicted = new Masks(opened.shape, study.labels.length * opened.predictions.length);
    predicted.load(new Uint8Array(await bytes(`${at}/predictions`)));
  }
  return new Promise((resolve) => new Case(study, opened, masks, region, predicted, kept, resolve));
}

class Case {
  constructor(study, opened, masks, region, predicted, kept, left) {
    Object.assign(this, { study, opened, masks, left, spent: opened.active_seconds });
    this.since = performance.now();
    // What was said of the image before goes on with the outline.
    const { quality, reasons, other_reason } = kept ? kept.head : opened.remarks;
    this.remarks = { quality, reasons, other_reason };
    if (kept) this.spent = Math.max(this.spent, kept.head.active_seconds);
    this.canvas = element("canvas", {
      tabIndex: 0, role: "application", "aria-label": `Case ${opened.case}: picture to outline`,
      "aria-describedby": "keys",
    });
    this.stage = element("div", { class: "stage" }, this.canvas);
    this.build(region);
    this.view = new View(this.canvas, opened, masks, study.labels.map((label) => pixelColor(label.color)));
    this.view.region = region;
    this.view.prediction = predicted;
    this.saving = new Saving(study, opened, () => this.content());
    this.drawing = new Drawing(this.view, masks, () => this.changed());
    this.drawing.toSlice = (z) => this.toSlice(z);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    // A page that nobody sees is not work.
    this.onHidden = () => this.pause(document.hidden, "hidden");
    document.addEventListener("visibilitychange", this.onHidden);
    this.onLeave = () => this.putAway();
    document.addEventListener("leave-case", this.onLeave);
    this.ticking = setInterval(() => this.tick(), 1000);
    this.toSlice(this.view.z);
    this.showChoice();
    this.canvas.focus();
    if (kept) this.saving.note();
    else say(opened.corrects ? "Your outline, to correct" : "");
  }

  build(region) {
    const { study, opened } = this;
    const button = (text, action, more = {}) => element("button", { type: "button", onclick: action, ...more }, text);
    this.toolButtons = TOOLS.map(([name, text, key]) =>
      button(text, () => this.use(name), { title: `Key ${key.toUpperCase()}`, "aria-pressed": "false" }));
    this.size = element("input", { type: "range", min: 1, max: 60, step: 1, value: 6, id: "size", oninput: () => this.drawing.size(Number(this.size.value)) });
    this.hide = button("Hide outlines", () => this.hideMasks(), { "aria-pressed": "false" });
    const tools = element("div", { class: "tools", role: "toolbar", "aria-label": "Drawing" },
      ...this.toolButtons,
      element("label", { for: "size" }, "Size"), this.size,
      button("Undo", () => this.drawing.undo()), button("Redo", () => this.drawing.undo(true)),
      button("Zoom in", () => this.zoom(1.3)), button("Zoom out", () => this.zoom(1 / 1.3)),
      button("Fit", () => this.view.fit()), this.hide);
    if (opened.windows.length) tools.append(...this.windowControls());
    if (opened.shape[0] > 1) this.stage.append(this.sliceControls());
    if (opened.has_sides) {
      this.stage.append(element("p", { class: "side right" }, "R"), element("p", { class: "side left" }, "L"));
    }
    this.pauseButton = button("Pause", () => this.pause(!this.paused, "button"));
    this.note = element("p", { class: "note", role: "alert" });
    this.clock = element("p", { class: "quiet" });
    const panel = element("section", { class: "panel", "aria-label": "This case" },
      element("h2", {}, `Case ${opened.case} of ${study.cases.length}${opened.is_training ? " · training" : ""}`),
      this.clock, this.note,
      region ? element("p", { class: "quiet" }, "Only what lies inside the white border counts.") : "",
      opened.predictions.length ? element("p", { class: "quiet" }, `Thin white outlines: ${opened.predictions.join(", ")}.`) : "",
      this.labelChoice(), this.qualityChoice(), this.reasonChoice(),
      element("div", { class: "row" },
        button("Submit", () => this.submit(), { class: "primary", title: "Ctrl+Enter" })),
      element("div", { class: "row" }, this.pauseButton, button("Skip …", () => this.skip())),
      element("div", { class: "row" }, button("Put away", () => this.putAway())),
      element("details", {}, element("summary", {}, "Instructions and keys"),
        element("p", { class: "instructions" }, study.instructions || "No instructions were given."),
        element("p", { class: "quiet" }, KEYS)),
      // What the picture is described by is there whether or not the details are open.
      element("p", { id: "keys", hidden: true }, KEYS));
    const screen = show(tools, this.stage, panel);
    screen.className = "working";
  }

  labelChoice() {
    this.labelInputs = this.study.labels.map((label, place) => element("input", {
      type: "radio", name: "label", id: `label-${place}`, checked: place === 0, onchange: () => { this.drawing.label = place; },
    }));
    return element("fieldset", {}, element("legend", {}, "Label"), ...this.study.labels.map((label, place) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.backgroundColor = label.color;
      return element("label", { for: `label-${place}` }, this.labelInputs[place], swatch, label.name);
    }));
  }

  qualityChoice() {
    return element("fieldset", {}, element("legend", {}, "Image quality"), ...this.study.qualities.map((quality) =>
      element("label", {}, element("input", {
        type: "radio", name: "quality", checked: quality === this.remarks.quality,
        onchange: () => { this.remarks.quality = quality; this.saving.note(); },
      }), quality)));
  }

  reasonChoice() {
    const other = element("input", {
      type: "text", "aria-label": "Other reason", value: this.remarks.other_reason, maxLength: 1000,
      oninput: () => { this.remarks.other_reason = other.value; this.saving.note(); },
    });
    return element("fieldset", {}, element("legend", {}, "Why"), ...this.study.reasons.map((reason) =>
      element("label", {}, element("input", {
        type: "checkbox", checked: this.remarks.reasons.includes(reason),
        onchange: (event) => {
          const kept = this.remarks.reasons.filter((each) => each !== reason);
          this.remarks.reasons = event.target.checked ? [...kept, reason] : kept;
          this.saving.note();
        },
      }), reason)), other);
  }

  windowControls() {
    const choice = element("select", { id: "window", onchange: () => {
      this.view.window = this.opened.windows[choice.value].slice(1);
      level();
      this.view.refresh();
    } }, ...this.opened.windows.map(([name], place) => element("option", { value: place }, name)));
    const all = this.opened.windows.flatMap((window) => window.slice(1));
    const low = Math.min(...all), high = Math.max(...all);
    const limit = (name, place) => element("input", {
      type: "range", min: low, max: high, step: (high - low) / 200, "aria-label": name,
      oninput: (event) => {
        const wanted = [...this.view.window];
        wanted[place] = Number(event.target.value);
        if (wanted[0] < wanted[1]) { this.view.window = wanted; this.view.refresh(); }
      },
    });
    const dark = limit("Darkest value", 0), bright = limit("Brightest value", 1);
    const level = () => { [dark.value, bright.value] = this.view ? this.view.window : this.opened.windows[0].slice(1); };
    level();
    return [element("label", { for: "window" }, "Gray values"), choice, dark, bright];
  }

  sliceControls() {
    this.sliceInput = element("input", {
      type: "range", min: 1, max: this.opened.shape[0], step: 1, "aria-label": "Slice",
      oninput: () => this.toSlice(Number(this.sliceInput.value) - 1),
    });
    this.sliceText = element("output");
    return element("div", { class: "slices" }, this.sliceInput, this.sliceText);
  }

  use(tool) { this.drawing.use(tool); this.showChoice(); }

  showChoice() {
    TOOLS.forEach(([name], place) => this.toolButtons[place].setAttribute("aria-pressed", String(name === this.drawing.tool)));
    this.size.value = String(Math.round(this.drawing.radius));
  }

  hideMasks() {
    this.view.showMasks = !this.view.showMasks;
    this.hide.setAttribute("aria-pressed", String(!this.view.showMasks));
    this.view.draw();
  }

  zoom(factor) {
    const box = this.canvas.getBoundingClientRect();
    this.view.zoom(factor, box.width / 2, box.height / 2);
  }

  async toSlice(z) {
    const wanted = Math.min(this.view.depth - 1, Math.max(0, z));
    this.view.z = wanted;
    if (this.sliceInput) {
      this.sliceInput.value = String(wanted + 1);
      this.sliceText.value = `${wanted + 1} / ${this.view.depth}`;
    }
    this.view.refresh();
    for (const each of [wanted, wanted + 1, wanted - 1, wanted + 2, wanted - 2]) await this.fetchSlice(each);
  }

  async fetchSlice(z) {
    if (z < 0 || z >= this.view.depth || this.view.slices.has(z)) return;
    try {
      this.view.give(z, await bytes(`/api/open/${this.opened.open}/slices/${z}`));
    } catch (refusal) {
      if (z !== this.view.z) return;
      this.note.textContent = `Slice ${z + 1} can't be shown: ${refusal.message}`;
      if (refusal instanceof Refusal && refusal.isPassing) setTimeout(() => { if (this.view.z === z && !this.ended) this.fetchSlice(z); }, 2000);
      return;
    }
    if (z === this.view.z) this.note.textContent = "";
  }

  get seconds() { return this.spent + (this.paused ? 0 : (performance.now() - this.since) / 1000); }

  pause(paused, why) {
    if (paused === Boolean(this.paused) || (!paused && why === "hidden" && this.paused !== "hidden")) return;
    this.spent = this.seconds;
    this.since = performance.now();
    this.paused = paused ? why : "";
    this.drawing.locked = paused;
    this.pauseButton.textContent = paused ? "Continue" : "Pause";
    this.tick();
  }

  tick() {
    const seconds = Math.floor(this.seconds);
    const words = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} min${this.paused ? " · paused" : ""}`;
    const limit = this.study.time_limit_seconds;
    const over = limit && seconds > limit;
    this.clock.textContent = limit ? `${words} of ${Math.round(limit / 60 * 10) / 10} min${over ? ": time is over, hand in what you have" : ""}` : words;
    this.clock.classList.toggle("note", Boolean(over));
  }

  content() {
    return { head: { ...this.remarks, active_seconds: this.seconds }, bits: this.masks.packed() };
  }

  changed() { this.saving.note(); this.view.draw(); }

  key(event) {
    if (event.target.closest("dialog")) return;
    if (event.ctrlKey || event.metaKey) {
      const action = { z: () => this.drawing.undo(event.shiftKey), y: () => this.drawing.undo(true), Enter: () => this.submit() }[event.key];
      if (action) { event.preventDefault(); action(); }
      return;
    }
    if (event.target.matches("input[type=text], textarea, select, summary")) return;
    if (event.altKey) return;
    if (event.target === this.canvas && this.drawing.key(event)) { event.preventDefault(); return; }
    const tool = TOOLS.find(([, , key]) => key === event.key.toLowerCase());
    const actions = {
      "[": () => this.drawing.size(this.drawing.radius - 1), "]": () => this.drawing.size(this.drawing.radius + 1),
      "+": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), "−": () => this.zoom(1 / 1.3), 0: () => this.view.fit(),
      h: () => this.hideMasks(), c: () => this.drawing.close(),
      PageUp: () => this.toSlice(this.view.z + 1), PageDown: () => this.toSlice(this.view.z - 1),
    };
    if (tool) this.use(tool[0]);
    else if (/^[1-9]$/.test(event.key) && this.labelInputs[event.key - 1]) this.labelInputs[event.key - 1].click();
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
    this.showChoice();
  }

  async submit() {
    if (this.handing) return;
    if (this.masks.labels.every((voxels) => !voxels.includes(1))) {
      const sure = await ask("Nothing is outlined. Is there nothing to outline in this image?", [["Submit empty", true], ["Back", null]]);
      if (!sure) return;
    }
    await this.handOver(() => this.saving.handIn());
  }

  async skip() {
    const reason = element("textarea", { rows: 3, "aria-label": "Reason", maxLength: 1000 });
    const sure = await ask("Why can't this image be outlined?", [["Skip", true], ["Back", null]], reason);
    if (sure) await this.handOver(() => this.saving.skip(reason.value.trim(), this.seconds));
  }

  async handOver(action) {
    if (this.handing) return;
    this.handing = true;
    this.drawing.locked = true;
    say("Handing in …");
    try {
      const answer = await action();
      say("Handed in");
      this.close(answer);
    } catch (refusal) {
      this.handing = false;
      this.drawing.locked = Boolean(this.paused);
      if (refusal.status === 409) await this.handedInElsewhere(refusal);
      else if (refusal instanceof Refusal && refusal.isPassing) {
        say("No connection: nothing is lost. Submit again when it is back.", true);
        this.saving.soon(3000);
      } else say(refusal.message, true);
    }
  }

  // Another window was first. This outline is kept, and may take the other's place if wanted.
  async handedInElsewhere(refusal) {
    const choice = await ask(`${refusal.message} Shall this outline replace it?`, [["Replace it", "replace"], ["Leave it as it is", null]]);
    if (choice !== "replace") { say("The outline stays in this browser as it is.", true); return; }
    try {
      const again = await tell(`/api/cases/${this.opened.case}/open`, { correct: true });
      this.opened.open = again.open;
      this.opened.session = again.session;
      this.opened.corrects = true;
    } catch (problem) { say(problem.message, true); return; }
    await this.handOver(() => this.saving.handIn());
  }

  async putAway() {
    await this.saving.putAway();
    this.close({ next: null, feedback: [], sentence: "" });
  }

  close(answer) {
    this.ended = true;
    clearInterval(this.ticking);
    this.saving.stop();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("leave-case", this.onLeave);
    document.removeEventListener("visibilitychange", this.onHidden);
    this.left(answer);
  }
}

