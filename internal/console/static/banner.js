import { byId, el } from "./dom.js";
import { clock, plural } from "./format.js";

// What is wrong is told loudly, once: the banner changes only when something else is wrong, so that screen readers read it once.

const reasons = {
  timeout: "no answer in time: stopped or stuck", unreachable: "its process is dead", missing: "it is not running", status: "answered with an error",
  bad_answer: "answered nonsense", wrong_worker: "another worker answered in its place", too_large: "its answer is too large",
  canceled: "the question was given up", closed: "the server is shutting down",
};

let silence = null; // text
let coverage = null; // of the newest state
let outcome = null; // of what the user did last
let shown = "";

// silent says since when there has been no news; news takes it back.
export function silent(since) {
  silence = since ? `No news since ${clock(since)}. What is below is old.` : "No news from the server yet.";
  show();
}

export function news(state) {
  silence = null;
  coverage = summary(state);
  show();
}

// told shows what came of what the user did, until it is dismissed or the next.
export function told(message, failed = false) {
  outcome = { message, failed };
  show();
}

// summary names each worker that is missing from any part of the state.
function summary(state) {
  const parts = [state.workers, state.streams, state.zone].filter((p) => p);
  const missing = new Map();
  for (const part of parts) for (const e of part.errors ?? []) if (!missing.has(e.worker)) missing.set(e.worker, e);
  if (missing.size === 0) return null;
  return { answered: Math.min(...parts.map((p) => p.workers_answered)), expected: Math.max(...parts.map((p) => p.workers_expected)), missing };
}

function show() {
  const items = [];
  if (silence) items.push(["bad", silence]);
  if (coverage) {
    const missing = [...coverage.missing.values()].sort((a, b) => a.worker - b.worker);
    const each = missing.map((e) => `Worker ${e.worker}: ${e.reason} (${reasons[e.reason] ?? e.detail}).`).join(" ");
    items.push(["bad", `Only ${coverage.answered} of ${plural(coverage.expected, "worker")} answered; the rest is not in these figures. ${each}`]);
  }
  if (outcome) items.push([outcome.failed ? "bad" : "good", outcome.message]);
  const signature = JSON.stringify(items);
  if (signature === shown) return;
  shown = signature;
  byId("banner").replaceChildren(...items.map(([kind, message]) => el("p", { class: kind }, message)));
  if (outcome) byId("banner").lastElementChild.append(" ", el("button", { type: "button", onclick: dismiss }, "Dismiss"));
}

function dismiss() {
  outcome = null;
  show();
  byId("main").focus({ preventScroll: true });
}
