import { call, change } from "./api.js";
import { byId, attribute, cells, el, rows, text } from "./dom.js";
import { bytes, count, duration, plural } from "./format.js";

const LIMIT = 50;
const REFRESH = 3000; // milliseconds, while the table is in view

const titles = {
  session: "Session", stream: "Stream", role: "Role", protocol: "Protocol", worker: "Worker", address: "Address", since: "Since",
  in: "In", out: "Out", dropped: "Dropped", join: "Join", actions: "Actions",
};

const filters = ["app", "name", "role", "protocol", "worker"];
const filter = (name) => byId("sessions-" + name);
const next = byId("sessions-next");
const first = byId("sessions-first");

let after = ""; // where the page begins
let following = ""; // where the next one does
let asked = 0; // numbers the requests: the answer to an old one is not shown
let inView = false;
let ahead = 0; // milliseconds that the server's clock is ahead of ours

async function load() {
  const number = ++asked;
  const query = new URLSearchParams({ limit: LIMIT });
  for (const name of filters) if (filter(name).value) query.set(name, filter(name).value);
  if (after) query.set("after", after);
  let answer;
  try {
    answer = await call("GET", "sessions?" + query);
  } catch (err) {
    if (number === asked) text(byId("sessions-note"), `The sessions could not be asked for: ${err.message}`);
    return;
  }
  if (number === asked) show(answer);
}

function show(answer) {
  const sessions = answer.sessions ?? [];
  following = answer.next ?? "";
  rows(byId("sessions-rows"), sessions, { key: (s) => s.id, create, update, fallback: byId("sessions-title") });
  attribute(next, "disabled", following ? null : "");
  attribute(first, "disabled", after ? null : "");
  const total = answer.total == null ? plural(sessions.length, "session") : `${count(sessions.length)} of ${plural(answer.total, "session")}`;
  let note = sessions.length === 0 ? "No session is like that." : total + (after ? ", a later page" : "");
  for (const e of answer.errors ?? []) note += `; worker ${e.worker} did not answer (${e.reason})`;
  text(byId("sessions-note"), note);
}

function create(s) {
  const row = cells(titles, "session");
  const c = row.cell;
  text(c.session, s.id);
  const part = (row.inside = {});
  c.stream.append((part.stream = el("bdi", { class: "key" })));
  c.role.append((part.role = el("span", { class: "line" })), (part.source = el("span", { class: "more" })));
  c.address.append((part.address = el("span", { class: "line" })), (part.client = el("bdi", { class: "more" })));
  const kick = el("button", { type: "button", class: "quiet", "aria-label": `Kick: session ${s.id}`, onclick: () => kickSession(s) }, "Kick");
  c.actions.append(kick);
  return row;
}

function update(row, s) {
  const { inside: part, cell: c } = row;
  text(part.stream, s.name ? `${s.app}/${s.name}` : "–");
  text(part.role, s.role === "none" ? s.state : s.role + (s.state === "waiting" ? ", waiting" : ""));
  text(part.source, s.source === "worker" ? "through a relay" : "");
  text(c.protocol, s.protocol);
  text(c.worker, s.worker);
  text(part.address, s.address);
  text(part.client, s.client ?? "");
  text(c.since, `${duration((Date.now() + ahead - Date.parse(s.since)) / 1000)} ago`);
  text(c.in, bytes(s.bytes_in));
  text(c.out, bytes(s.bytes_out));
  text(c.dropped, s.dropped > 0 ? `${count(s.dropped)} of ${count(s.frames + s.dropped)}` : "0");
  text(c.join, s.join == null ? "–" : `${(s.join * 1000).toFixed(0)} ms`);
}

async function kickSession(s) {
  await change("DELETE", `sessions/${encodeURIComponent(s.id)}`, {
    title: "Kick the session", action: "Kick",
    message: `Session ${s.id} (${s.role}, ${s.protocol}, ${s.address}) is disconnected. It may come back at once.`,
  }, () => `Session ${s.id} was kicked.`);
  load();
}

// learn takes from the state what the table needs: the server's clock, and which workers may be chosen.
export function learn(state, workers) {
  ahead = Date.parse(state.time) - Date.now();
  const select = filter("worker");
  const have = new Set([...select.options].map((o) => o.value));
  for (const w of workers) if (!have.has(String(w.worker))) select.append(el("option", {}, String(w.worker)));
}

function restart() {
  after = "";
  load();
}

for (const name of filters) filter(name).addEventListener("input", restart);
next.addEventListener("click", () => {
  after = following;
  load();
});
first.addEventListener("click", restart);

new IntersectionObserver(([entry]) => {
  inView = entry.isIntersecting;
  if (inView) load();
}).observe(byId("sessions"));
setInterval(() => inView && !document.hidden && load(), REFRESH);
