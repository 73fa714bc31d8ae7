import { api } from "./api.js";
import { news, silent } from "./banner.js";
import { attribute, byId, text } from "./dom.js";
import { listen } from "./events.js";
import { clock } from "./format.js";
import { showOverview } from "./overview.js";
import { showPicture } from "./picture.js";
import { learn } from "./sessions.js";
import { showStreams } from "./streams.js";
import { everyWorker, showWorkers } from "./workers.js";

// Old browsers read tables that are laid out as cards as plain text without these.
for (const [selector, role] of [["table", "table"], ["thead,tbody", "rowgroup"], ["thead tr", "row"], ["thead th", "columnheader"]]) {
  for (const node of document.querySelectorAll(selector)) node.setAttribute("role", role);
}

// What can be scrolled sideways can be by keyboard.
const scrollers = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scroll = target.closest(".scroll");
    attribute(scroll, "tabindex", scroll.scrollWidth > scroll.clientWidth ? 0 : null);
  }
});
for (const inside of document.querySelectorAll(".scroll > *")) scrollers.observe(inside);

const link = byId("link");

function onState(state) {
  news(state);
  const whole = state.workers.workers_answered === state.workers.workers_expected;
  attribute(link, "data-state", whole ? "live" : "partial");
  text(link, state.zone ? `live, through worker ${state.zone.seen_by}` : "live");
  attribute(document.body, "data-old", null);
  showOverview(state);
  showStreams(state);
  showWorkers(state);
  showPicture(state);
  learn(state, everyWorker(state));
}

function onSilence(since) {
  silent(since);
  attribute(link, "data-state", "lost");
  text(link, since ? `no news since ${clock(since)}` : "no news yet");
  attribute(document.body, "data-old", "");
}

listen(api("events"), onState, onSilence);
