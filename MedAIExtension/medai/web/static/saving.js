// Keeping an outline safe: in the browser at once, in the study within seconds, and whatever a
// lost connection held back as soon as the server is there again.

import { forget, keep } from "/kept_drafts.js";
import { Refusal, send, tell } from "/api.js";
import { say } from "/elements.js";

const SERVER_EVERY_MS = 6000;
const RETRY_EVERY_MS = 3000;
const BROWSER_AFTER_MS = 250;

export class Saving {
  // case_: what the server said of the open case; content(): {head, bits} as they are now.
  constructor(study, case_, content) {
    Object.assign(this, { study, case_, content });
    this.revision = 0;
    this.changed = 0;
    this.onServer = 0;
    this.ended = false;
    this.busy = null;
    this.retry = () => this.soon(0);
    addEventListener("online", this.retry);
    this.leaving = (event) => { if (this.isUnsaved) event.preventDefault(); };
    addEventListener("beforeunload", this.leaving);
    this.hidden = () => { if (document.hidden && this.isUnsaved) { this.inBrowser(); this.soon(0); } };
    document.addEventListener("visibilitychange", this.hidden);
  }

  get isUnsaved() { return this.changed > this.onServer; }

  // The outline, or what is said about the image, changed.
  note() {
    this.changed++;
    clearTimeout(this.browserTimer);
    this.browserTimer = setTimeout(() => this.inBrowser(), BROWSER_AFTER_MS);
    if (!this.serverTimer) this.soon(SERVER_EVERY_MS);
    say("Not saved yet");
  }

  soon(delay) {
    if (this.ended) return;
    clearTimeout(this.serverTimer);
    this.serverTimer = setTimeout(() => { this.serverTimer = null; this.toServer(); }, delay);
  }

  async inBrowser() {
    if (this.ended) return;
    const { head, bits } = this.content();
    try {
      await keep({
        study: this.study.study, rater: this.study.rater, case: this.case_.case,
        session: this.case_.session, corrects: this.case_.corrects, head, bits,
        changed: this.changed, saved: Date.now(),
      });
      // Handed in while it was being kept.
      if (this.ended) await forget(this.case_.session);
    } catch {
      say("This browser can't keep the outline itself: stay online until it is saved.", true);
    }
  }

  async toServer() {
    if (this.ended || this.busy || !this.isUnsaved) return;
    const at = this.changed;
    this.busy = this.sent("draft");
    try {
      await this.busy;
      this.onServer = Math.max(this.onServer, at);
      say(this.isUnsaved ? "Not saved yet" : `Saved ${clock()}`);
      if (this.isUnsaved) this.soon(SERVER_EVERY_MS);
    } catch (refusal) {
      this.refused(refusal);
    } finally {
      this.busy = null;
    }
  }

  refused(refusal) {
    if (refusal instanceof Refusal && refusal.isPassing) {
      say("No connection: go on drawing. Everything is kept in this browser and sent later.", true);
      this.soon(RETRY_EVERY_MS);
    } else {
      say(refusal.message, true);
    }
  }

  // Send the outline as a draft, or hand it in. A server that began anew, or put the case away, is
  // asked to open it again; the outline here is the newest.
  async sent(where) {
    const { head, bits } = this.content();
    const whole = { ...head, revision: ++this.revision };
    try {
      return await send(`/api/open/${this.case_.open}/${where}`, whole, bits);
    } catch (refusal) {
      if (!(refusal instanceof Refusal) || refusal.status !== 410) throw refusal;
    }
    const again = await this.reopened();
    if (again) return again;
    return send(`/api/open/${this.case_.open}/${where}`, whole, bits);
  }

  async reopened() {
    const before = this.case_.session;
    const body = { lost: before, correct: this.case_.corrects };
    const opened = await tell(`/api/cases/${this.case_.case}/open`, body);
    if (opened.arrived) return { handed_in: true, feedback: [], sentence: "", next: null };
    this.case_.open = opened.open;
    this.case_.session = opened.session;
    await this.inBrowser();
    await forget(before);
    return null;
  }

  // Hand in. Resolves with the server's answer; throws a Refusal.
  async handIn() {
    await this.inBrowser();
    if (this.busy) await this.busy.catch(() => {});
    const answer = await this.sent("submit");
    await this.end();
    return answer;
  }

  async skip(reason, activeSeconds) {
    if (this.busy) await this.busy.catch(() => {});
    const body = { reason, active_seconds: activeSeconds };
    const address = () => `/api/open/${this.case_.open}/skip`;
    let answer;
    try {
      answer = await tell(address(), body);
    } catch (refusal) {
      if (!(refusal instanceof Refusal) || refusal.status !== 410) throw refusal;
      answer = (await this.reopened()) || (await tell(address(), body));
    }
    await this.end();
    return answer;
  }

  // Put the case away: what isn't in the study yet is sent, or stays in the browser.
  async putAway() {
    if (this.isUnsaved) {
      await this.inBrowser();
      if (this.busy) await this.busy.catch(() => {});
      await this.toServer();
    }
    const arrived = !this.isUnsaved;
    const session = this.case_.session;
    this.stop();
    if (arrived) await forget(session);
  }

  async end() {
    this.stop();
    await forget(this.case_.session);
  }

  stop() {
    this.ended = true;
    clearTimeout(this.serverTimer);
    clearTimeout(this.browserTimer);
    removeEventListener("online", this.retry);
    removeEventListener("beforeunload", this.leaving);
    document.removeEventListener("visibilitychange", this.hidden);
  }
}

function clock() {
  return new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
