import { change, streamPath } from "./api.js";
import { attribute, byId, cells, el, rows, text } from "./dom.js";
import { audioCodec, bits, count, duration, join, plural, since, videoCodec } from "./format.js";
import { openPreview } from "./preview.js";
import { Sparkline } from "./sparkline.js";

const MOST = 250; // rows; more are found by typing
const SILENT = 3; // seconds without a frame until a live stream is called stalled

const titles = {
  stream: "Stream", rate: "Bitrate", video: "Video", codecs: "Codecs", keyframes: "Keyframes",
  uptime: "Uptime", viewers: "Viewers", place: "Runs on", actions: "Actions",
};

const title = byId("streams-title");
const find = byId("streams-find");
const sort = byId("streams-sort");
const history = new Map(); // key → Sparkline
let newest = null;

export const keyOf = (s) => `${s.app}/${s.name}`;
const bitrate = (s) => s.media?.bitrate_in ?? 0;
const orders = { players: (a, b) => b.players - a.players, bitrate: (a, b) => bitrate(b) - bitrate(a) };

export function showStreams(state) {
  newest = state;
  const living = new Set();
  for (const s of state.streams.streams) {
    const key = keyOf(s);
    living.add(key);
    if (!history.has(key)) history.set(key, new Sparkline(`Bitrate of ${key}`));
    history.get(key).add(bitrate(s));
  }
  for (const key of history.keys()) if (!living.has(key)) history.delete(key);
  render();
}

function render() {
  const wanted = find.value.trim().toLowerCase();
  const all = newest.streams.streams;
  const found = all.filter((s) => keyOf(s).toLowerCase().includes(wanted));
  if (orders[sort.value]) found.sort(orders[sort.value]);
  rows(byId("streams-rows"), found.slice(0, MOST), { key: keyOf, create, update, fallback: title });
  let note = "";
  if (all.length === 0) note = "Nobody publishes, and nobody waits for a stream.";
  else if (found.length === 0) note = "No stream has this in its name.";
  else if (newest.streams.next) note = `The first ${count(all.length)} streams are shown. Ask /api/v1/streams for the others.`;
  else if (found.length > MOST) note = `${count(MOST)} of ${count(found.length)} streams are shown. Type a part of the name to find others.`;
  text(byId("streams-note"), note);
}

find.addEventListener("input", () => newest && render());
sort.addEventListener("change", () => newest && render());

function create(s) {
  const key = keyOf(s);
  const row = cells(titles, "stream");
  const c = row.cell;
  const part = (row.inside = {});
  const line = (cell, name, className) => cell.append((part[name] = el("span", { class: className })));

  c.stream.append(el("bdi", { class: "key" }, el("span", { class: "app" }, s.app + "/"), s.name));
  line(c.stream, "state", "pill");
  line(c.stream, "from", "more");
  c.rate.append(history.get(key).node);
  line(c.rate, "rate", "figure");
  line(c.video, "size", "figure");
  line(c.video, "fps", "figure");
  line(c.codecs, "videoCodec", "line");
  line(c.codecs, "audioCodec", "line");
  line(c.viewers, "viewers", "figure strong");
  line(c.viewers, "by", "more");
  line(c.place, "owner", "line");
  line(c.place, "relays", "line");
  const button = (label, onclick, className) => el("button", { type: "button", class: className, "aria-label": `${label}: ${key}`, onclick }, label);
  part.preview = button("Preview", (event) => openPreview(row.item, event.currentTarget));
  part.kick = button("Kick publisher", () => kickPublisher(row.item), "quiet");
  part.kickPlayers = button("Kick players", () => kickPlayers(row.item), "quiet");
  c.actions.append(el("div", { class: "buttons" }, part.preview, part.kick, part.kickPlayers));
  return row;
}

function update(row, s) {
  const { inside: part, cell } = row;
  row.item = s;
  const live = s.state === "live";
  const [state, words] = stateOf(s);
  attribute(part.state, "data-state", state);
  text(part.state, words);
  text(part.from, s.publisher ? join(s.publisher.protocol, "from", s.publisher.address) : "");
  text(part.rate, live ? bits(bitrate(s)) : "–");
  const v = s.media?.video;
  text(part.size, v?.width ? `${v.width}×${v.height}` : "–");
  text(part.fps, v?.fps ? `${v.fps.toFixed(v.fps < 10 ? 1 : 0)} fps` : "");
  text(part.videoCodec, videoCodec(s) || "–");
  text(part.audioCodec, audioCodec(s));
  text(cell.keyframes, s.media?.gop?.keyframe_interval ? `every ${s.media.gop.keyframe_interval.toFixed(1)} s` : "–");
  text(cell.uptime, s.uptime == null ? "–" : duration(s.uptime));
  text(part.viewers, count(s.players));
  text(part.by, s.workers.filter((w) => w.players > 0).map((w) => `worker\u00a0${w.worker}:\u00a0${count(w.players)}`).join(", "));
  text(part.owner, ownerOf(s));
  text(part.relays, s.relays.length > 0 ? `relayed\u00a0by ${s.relays.join(", ")}` : "");
  attribute(part.kick, "disabled", live ? null : "");
  attribute(part.preview, "disabled", live ? null : "");
  attribute(part.kickPlayers, "disabled", s.players > 0 ? null : "");
}

// stateOf tells a stream that lives from one that has a publisher who sends nothing.
function stateOf(s) {
  if (s.state !== "live") return ["waiting", "waiting"];
  const health = s.media?.health;
  const silent = health ? since(health.last_frame, newest.time) : 0;
  if (silent > SILENT) return ["stalled", `no frame for ${duration(silent)}`];
  const jumps = (health?.forward ?? 0) + (health?.backward ?? 0);
  return jumps > 0 ? ["jumps", `live, ${plural(jumps, "timestamp jump")}`] : ["live", "live"];
}

function ownerOf(s) {
  if (s.owner_worker != null) return `worker\u00a0${s.owner_worker}`;
  return s.owner_slot == null ? "–" : `slot ${s.owner_slot}, which does not answer`;
}

const kickPublisher = (s) => change("DELETE", streamPath(s), {
  title: "Kick the publisher", action: "Kick publisher",
  message: `The publisher of ${keyOf(s)} is disconnected. Its players wait for it to come back. It may publish again at once.`,
}, () => `The publisher of ${keyOf(s)} was kicked.`);

const kickPlayers = (s) => change("DELETE", streamPath(s) + "/players", {
  title: "Kick the players", action: "Kick players",
  message: `Whoever watches ${keyOf(s)} is disconnected, on all workers: ${plural(s.players, "viewer")}. They may come back at once.`,
}, (answer) => `${plural(answer.kicked ?? 0, "player")} of ${keyOf(s)} ${answer.kicked === 1 ? "was" : "were"} kicked.`);
