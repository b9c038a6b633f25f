// Coming in, the list of cases, and the way from one case to the next.

import { ask as fetchJson, Refusal, tell } from "/api.js";
import { work } from "/case.js";
import { ask, element, say, show } from "/elements.js";
import { forget, keep, keptOf } from "/kept_drafts.js";
import { ownerPage } from "/owner.js";

const WORDS = { open: "open", submitted: "done", skipped: "skipped" };

async function begin() {
  try {
    const token = location.hash.slice(1);
    if (token) {
      // Out of the address first: no history, bookmark or screenshot keeps it.
      history.replaceState(null, "", "/");
      await tell("/api/enter", { token });
    }
    const { role } = await fetchJson("/api/whoami");
    if (role === "owner") await ownerPage();
    else if (role === "rater") await overview();
    else greet("Open your personal link to enter: whoever runs this study gives it to you.");
  } catch (refusal) {
    greet(refusal.message);
  }
}

function greet(sentence) {
  show(element("div", { class: "sheet" }, element("p", { role: "alert" }, sentence),
    element("button", { type: "button", onclick: () => location.reload() }, "Try again")));
}

async function overview(answer = null) {
  const study = await fetchJson("/api/study");
  document.title = study.title;
  document.getElementById("title").textContent = study.title;
  document.getElementById("who").textContent = `Rater ${study.rater}`;
  const kept = await keptOf(study.study, study.rater).catch(() => []);
  const feedback = answer?.feedback?.length
    ? [element("h2", {}, "How your outline compares"), ...answer.feedback.map((text) => element("p", {}, text))] : [];
  const next = element("button", { type: "button", class: "primary", disabled: study.next === null, onclick: () => go(study, study.next) },
    study.next === null ? "All cases are done" : `${study.cases.some((each) => each.state !== "open") ? "Go on with" : "Start with"} case ${study.next}`);
  show(element("div", { class: "sheet" },
    ...feedback,
    element("p", { id: "sentence" }, study.sentence),
    ...study.warnings.map((text) => element("p", { class: "note" }, text)),
    ...kept.map((each) => unsent(study, each)),
    ...study.drafts.filter((draft) => !kept.some((each) => each.session === draft.draft)).map((draft) =>
      element("p", {}, `${draft.question} `, element("button", { type: "button", onclick: () => go(study, draft.case, { draft: draft.draft }) }, `Continue case ${draft.case}`))),
    element("p", {}, next),
    study.instructions ? element("h2", {}, "Instructions") : "",
    element("p", { class: "instructions" }, study.instructions),
    element("h2", {}, "Your cases"),
    element("ul", { class: "cases" }, ...study.cases.map((each) => element("li", {}, caseEntry(study, each))))));
  if (!feedback.length) next.focus();
}

function caseEntry(study, each) {
  const words = `${each.number} ${WORDS[each.state] || each.state}`;
  if (each.state === "open") return element("span", {}, words);
  return element("button", { type: "button", title: "Outline it again", onclick: () => go(study, each.number, { correct: true }) }, `${words} · correct`);
}

// An outline that this browser still holds: the study did not get it, or not its last changes.
function unsent(study, kept) {
  const when = new Date(kept.saved).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return element("p", { class: "note" }, `This browser holds an outline of case ${kept.case} from ${when} that may not have arrived. `,
    element("button", { type: "button", onclick: () => go(study, kept.case, { lost: kept.session, correct: kept.corrects }, kept) }, `Continue case ${kept.case}`), " ",
    element("button", { type: "button", onclick: async () => {
      if (await ask(`Throw away this browser's outline of case ${kept.case}?`, [["Keep it", null], ["Throw it away", true]])) { await forget(kept.session); overview(); }
    } }, "Throw away"));
}

async function go(study, number, body = {}, kept = null) {
  say("Opening …");
  let answer = null;
  try {
    const opened = await tell(`/api/cases/${number}/open`, body);
    if (opened.arrived) {
      await forget(kept.session);
      say("That outline had arrived already.");
    } else {
      history.pushState({ case: number }, "", "/");
      if (kept) await forgetLater(kept, opened);
      answer = await work(study, opened, kept);
      if (history.state?.case) history.replaceState(null, "", "/");
    }
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    say(refusal.message, true);
  }
  const again = await fetchJson("/api/study").catch(() => null);
  const goesOn = answer?.handed_in && !answer.feedback.length && again?.next;
  if (goesOn) await go(again, again.next);
  else await overview(answer).catch((refusal) => greet(refusal.message));
}

// The outline goes on under a new session; the old entry is removed once that one is kept.
async function forgetLater(kept, opened) {
  await keep({ ...kept, session: opened.session });
  await forget(kept.session);
}

// Back out of a case leaves it as "Put away" does: nothing drawn is lost.
addEventListener("popstate", () => document.dispatchEvent(new CustomEvent("leave-case")));
addEventListener("unhandledrejection", (event) => say(String(event.reason?.message || event.reason), true));

begin();
