// The owner's page: everybody's progress, and the analysis to read and download.

import { ask, tell } from "/api.js";
import { element, say, show } from "/elements.js";

const COLUMNS = [
  ["rater", "Rater", ""], ["cases", "Cases", "number"], ["submitted", "Submitted", "number"],
  ["skipped", "Skipped", "number"], ["unfinished", "Unfinished", "number"], ["active_minutes", "Active time (min)", "number"],
];

export async function ownerPage() {
  const progress = await ask("/api/owner/progress");
  document.getElementById("title").textContent = progress.title;
  document.getElementById("who").textContent = "Owner";
  const table = element("table", {},
    element("thead", {}, element("tr", {}, ...COLUMNS.map(([, text, kind]) => element("th", { class: kind, scope: "col" }, text)))),
    element("tbody", {}, ...progress.raters.map((row) =>
      element("tr", {}, ...COLUMNS.map(([key, , kind]) => element("td", { class: kind }, String(row[key])))))));
  const warnings = progress.raters.flatMap((row) => row.warnings).map((text) => element("p", { class: "note" }, text));
  const files = element("div");
  const button = element("button", { type: "button", class: "primary", onclick: () => run(button, files) }, "Compare the raters");
  show(element("div", { class: "sheet" },
    element("h2", {}, "Progress"), element("div", { class: "table", tabIndex: 0, role: "region", "aria-label": "Progress" }, table), ...warnings,
    element("h2", {}, "Agreement"), element("p", {}, "The report of medai agree on everything handed in so far."), button, files));
  list(files, await ask("/api/owner/analysis"));
}

async function run(button, files) {
  button.disabled = true;
  try {
    let state = await tell("/api/owner/analysis", {});
    while (state.running) {
      say("Comparing the raters …");
      await new Promise((resolve) => setTimeout(resolve, 1000));
      state = await ask("/api/owner/analysis");
    }
    say(state.problem || "The analysis is done", Boolean(state.problem));
    list(files, state);
  } catch (refusal) {
    say(refusal.message, true);
  }
  button.disabled = false;
}

function list(place, state) {
  const address = (name) => `/api/owner/files/${name.split("/").map(encodeURIComponent).join("/")}`;
  const links = state.files.map((name) => element("li", {}, element("a", { href: address(name), target: "_blank" }, name)));
  place.replaceChildren(...(links.length ? [element("ul", {}, ...links)] : []));
}
