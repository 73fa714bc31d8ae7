import { attribute, byId, el, rows, svg, text } from "./dom.js";
import { count, plural } from "./format.js";
import { lay } from "./layout.js";
import { everyWorker } from "./workers.js";

const MOST = 12; // streams that are drawn: those with most viewers …
const CURVES = 40; // … until there are so many curves
const COLOURS = 8;

const canvas = byId("picture-svg");
const colours = new Map(); // key of a stream that is drawn → its colour
let newest = null;

export function showPicture(state) {
  newest = state;
  const space = byId("picture-scroll").clientWidth;
  if (space === 0) return; // hidden: it is drawn when that changes
  const workers = everyWorker(state).map((w) => ({ ...w, owns: 0, relays: 0, viewers: 0, marks: [] }));
  const streams = state.streams.streams.map((s) => parts(s, workers)).filter((s) => s.owner);
  streams.sort((a, b) => b.viewers - a.viewers || b.relays.length - a.relays.length || (a.key < b.key ? -1 : 1));
  const drawn = choose(streams);
  paint(drawn);
  for (const s of drawn) for (const part of [s.owner, ...s.relays]) part.worker.marks.push({ ...part, stream: s });
  draw(lay(workers, drawn, space));
  legend(drawn);
  text(byId("picture-more"), drawn.length < streams.length ? `Drawn: the ${plural(drawn.length, "stream")} with most viewers, of ${count(streams.length)}.` : "");
  text(byId("picture-text"), describe(workers, drawn));
}

function choose(streams) {
  let curves = 0;
  const chosen = streams.slice(0, MOST).filter((s, i) => (curves += s.relays.length) <= CURVES || i === 0);
  return chosen.sort((a, b) => (a.key < b.key ? -1 : 1));
}

// parts finds who owns a stream and who relays it, and counts both.
function parts(s, workers) {
  const found = { key: `${s.app}/${s.name}`, viewers: s.players, owner: null, relays: [] };
  for (const part of s.workers) {
    const worker = workers.find((w) => w.worker === part.worker);
    if (!worker) continue;
    worker.viewers += part.players;
    const mark = { worker, viewers: part.players, role: part.role };
    if (part.role === "publisher") {
      worker.owns++;
      found.owner = mark;
    } else if (part.role === "relay") {
      worker.relays++;
      found.relays.push(mark);
    }
  }
  // The owner did not answer: it still has its place.
  if (!found.owner && s.state === "live") {
    const worker = workers.find((w) => w.slot === s.owner_slot || (w.error && w.worker === s.owner_slot));
    if (worker) found.owner = { worker, viewers: 0, role: "publisher" };
  }
  return found;
}

// paint gives each stream a colour, which it keeps for as long as it is drawn.
function paint(streams) {
  const keys = new Set(streams.map((s) => s.key));
  for (const key of colours.keys()) if (!keys.has(key)) colours.delete(key);
  for (const s of streams) {
    if (!colours.has(s.key)) {
      const uses = Array(COLOURS).fill(0);
      for (const c of colours.values()) uses[c]++;
      colours.set(s.key, uses.indexOf(Math.min(...uses)));
    }
    s.colour = colours.get(s.key);
  }
}

// draw brings the picture in step with shapes, {key, tag, attributes, text}, in their order. Nodes that stay are the same, so nothing flickers.
function draw({ width, height, shapes }) {
  attribute(canvas, "width", width);
  attribute(canvas, "height", height);
  attribute(canvas, "viewBox", `0 0 ${width} ${height}`);
  let layer = canvas.querySelector("g");
  if (!layer) canvas.append((layer = svg("g")));
  rows(layer, shapes, {
    key: (shape) => shape.key,
    create: (shape) => svg(shape.tag),
    update: (node, shape) => {
      for (const [name, value] of Object.entries(shape.attributes)) attribute(node, name, value);
      if (shape.text != null) text(node, shape.text);
    },
  });
}

function legend(streams) {
  rows(byId("picture-legend"), streams, {
    key: (s) => s.key,
    create: (s) => el("li", {}, el("span", { class: "swatch" }), el("bdi", {}, s.key)),
    update: (item, s) => attribute(item.firstElementChild, "class", `swatch c${s.colour}`),
  });
}

// describe is the picture in words.
function describe(workers, streams) {
  const sentences = [plural(workers.length, "worker") + "."];
  for (const w of workers) {
    if (w.error) sentences.push(`Worker ${w.worker} does not answer.`);
    else sentences.push(`Worker ${w.worker} owns ${count(w.owns)}, relays ${count(w.relays)}, has ${plural(w.viewers, "viewer")}.`);
  }
  for (const s of streams) {
    const to = s.relays.map((r) => `worker ${r.worker.worker} with ${count(r.viewers)}`).join(", ");
    sentences.push(`${s.key} comes from worker ${s.owner.worker.worker} with ${plural(s.owner.viewers, "viewer")}${to ? `; relayed by ${to}` : ""}.`);
  }
  return sentences.join(" ");
}

new ResizeObserver(() => newest && showPicture(newest)).observe(byId("picture-scroll"));
