import { change } from "./api.js";
import { attribute, byId, cells, el, rows, text } from "./dom.js";
import { bits, bytes, count, duration, since } from "./format.js";

const titles = {
  worker: "Worker", state: "State", process: "Process", slot: "Slot", uptime: "Uptime", restarts: "Restarts", cpu: "CPU", memory: "Memory",
  in: "In", out: "Out", sessions: "Sessions", publishers: "Publishers", players: "Players", actions: "Actions",
};

const RECENT = 60; // seconds in which a restart is pointed at

// everyWorker lists those that answered and, by what is missing, those that did not.
export function everyWorker(state) {
  const missing = (state.workers.errors ?? []).map((e) => ({ worker: e.worker, error: e }));
  return [...state.workers.workers, ...missing].sort((a, b) => a.worker - b.worker);
}

export function showWorkers(state) {
  rows(byId("workers-rows"), everyWorker(state), {
    key: (w) => w.worker, create, update: (row, w) => update(row, w, state.time), fallback: byId("workers-title"),
  });
}

function create(w) {
  const row = cells(titles, "worker");
  const c = row.cell;
  text(c.worker, `Worker ${w.worker}`);
  row.state = el("span", { class: "pill" });
  c.state.append(row.state);
  row.drain = el("button", { type: "button", onclick: () => drain(w.worker, row.draining) });
  c.actions.append(row.drain);
  return row;
}

function update(row, w, now) {
  const c = row.cell;
  attribute(row, "class", w.error ? "missing" : null);
  row.draining = w.state === "draining";
  attribute(row.state, "data-state", w.error ? "error" : row.draining ? "waiting" : "live");
  text(row.state, w.error ? `no answer: ${w.error.reason}` : w.state);
  const figure = (cell, value) => text(cell, w.error ? "–" : value());
  figure(c.process, () => w.pid);
  figure(c.slot, () => w.slot);
  figure(c.uptime, () => duration(since(w.started, now)));
  figure(c.restarts, () => count(w.restarts));
  attribute(c.restarts, "data-recent", !w.error && w.restarts > 0 && since(w.started, now) < RECENT ? "" : null);
  figure(c.cpu, () => `${(w.load.cpu * 100).toFixed(1)} %`);
  figure(c.memory, () => bytes(w.load.rss_bytes));
  figure(c.in, () => bits(w.load.bitrate_in));
  figure(c.out, () => bits(w.load.bitrate_out));
  figure(c.sessions, () => count(w.sessions));
  figure(c.publishers, () => count(w.publishers));
  figure(c.players, () => count(w.players));
  const label = row.draining ? "Resume" : "Drain";
  text(row.drain, label);
  attribute(row.drain, "aria-label", `${label}: worker ${w.worker}`);
  attribute(row.drain, "disabled", w.error ? "" : null);
}

function drain(worker, draining) {
  const path = `workers/${worker}/drain`;
  if (draining) return change("DELETE", path, null, () => `Worker ${worker} takes connections again.`);
  return change("PUT", path, {
    title: `Drain worker ${worker}`, action: "Drain",
    message: `Worker ${worker} takes no new connections of RTMP. Its sessions go on. The other workers take what comes.`,
  }, () => `Worker ${worker} takes no new connections.`);
}
