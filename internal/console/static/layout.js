// Where things are in the picture: workers in a row, or one below the other where it is narrow. A stream's marks are on the edge of the boxes,
// and curves beyond that edge go from its owner's to those of its relays.

import { plural } from "./format.js";

const NARROW = 560;
const GAP = 14;
const RADIUS = 11; // of a mark
const row = { least: 136, most: 300, height: 84 };
const column = { width: 190, height: 82 };

// lay returns the size of the picture and its shapes, those behind first.
export function lay(workers, streams, space) {
  const across = space >= NARROW;
  const boxes = across ? inRow(workers, space) : inColumn(workers, space);
  const places = new Map(); // of marks, by worker and stream
  const shapes = { curves: [], boxes: [], marks: [] };
  for (const box of boxes) {
    shapes.boxes.push(...boxShapes(box));
    for (const [i, mark] of box.worker.marks.entries()) {
      const place = across
        ? { x: box.x + ((i + 1) * box.width) / (box.worker.marks.length + 1), y: box.y + box.height }
        : { x: box.x + box.width, y: box.y + ((i + 1) * box.height) / (box.worker.marks.length + 1) };
      places.set(`${box.worker.worker} ${mark.stream.key}`, place);
      shapes.marks.push(...markShapes(box.worker.worker, mark, place));
    }
  }
  let deepest = RADIUS;
  for (const s of streams) {
    const from = places.get(`${s.owner.worker.worker} ${s.key}`);
    for (const relay of s.relays) {
      const to = places.get(`${relay.worker.worker} ${s.key}`);
      const distance = across ? Math.abs(to.x - from.x) : Math.abs(to.y - from.y);
      const depth = across ? Math.min(28 + distance * 0.26, 220) : Math.min(26 + distance * 0.22, (space - column.width) * 1.2);
      deepest = Math.max(deepest, depth * 0.75);
      shapes.curves.push(curve(s, relay, from, to, depth, across));
    }
  }
  const last = boxes.at(-1) ?? { x: 0, y: 0, width: 0, height: 0 };
  const width = across ? last.x + last.width + 1 : space;
  const height = last.y + last.height + (across ? deepest + 8 : RADIUS + 2);
  return { width: Math.ceil(width), height: Math.ceil(height), shapes: [...shapes.curves, ...shapes.boxes, ...shapes.marks] };
}

function inRow(workers, space) {
  const width = Math.max(row.least, Math.min(row.most, (space - 2 - (workers.length - 1) * GAP) / workers.length));
  const free = Math.max(0, space - 2 - workers.length * width - (workers.length - 1) * GAP);
  const gap = GAP + (workers.length > 1 ? free / (workers.length - 1) : 0);
  return workers.map((worker, i) => ({ worker, x: 1 + i * (width + gap), y: 1, width, height: row.height }));
}

function inColumn(workers, space) {
  const width = Math.min(column.width, space * 0.6);
  return workers.map((worker, i) => ({ worker, x: 1, y: 1 + i * (column.height + GAP), width, height: column.height }));
}

function boxShapes({ worker, x, y, width, height }) {
  const line = (name, dy, words) => ({ key: `${name} ${worker.worker}`, tag: "text", attributes: { class: name, x: x + 12, y: y + dy }, text: words });
  const box = { key: `box ${worker.worker}`, tag: "rect", attributes: { class: worker.error ? "box missing" : "box", x, y, width, height, rx: 10 } };
  const title = line("title", 24, `Worker ${worker.worker}`);
  if (worker.error) return [box, title, line("trouble", 43, worker.error.reason.replace("_", " "))];
  const cpu = Math.min(1, worker.load.cpu);
  const bar = (name, part) => ({ key: `${name} ${worker.worker}`, tag: "rect", attributes: { class: name, x: x + 12, y: y + 56, width: ((width - 24) * part).toFixed(1), height: 4, rx: 2 } });
  return [box, title, line("detail", 43, worker.viewers > 0 ? plural(worker.viewers, "viewer") : "no viewers"), bar("track", 1), bar("load", cpu)];
}

// markShapes are a dot or a ring with the number of viewers in it.
function markShapes(worker, { stream, role, viewers }, { x, y }) {
  const key = `${worker} ${stream.key}`;
  const words = viewers < 10000 ? String(viewers) : `${Math.round(viewers / 1000)}k`;
  const width = Math.max(2 * RADIUS, words.length * 7 + 10);
  const className = `${role === "publisher" ? "dot" : "ring"} c${stream.colour}`;
  return [
    { key: `mark ${key}`, tag: "rect", attributes: { class: className, x: x - width / 2, y: y - RADIUS, width, height: 2 * RADIUS, rx: RADIUS } },
    { key: `number ${key}`, tag: "text", attributes: { class: `number in-${className}`, x, y: y + 4 }, text: words },
  ];
}

// curve is thicker where more watch at its end.
function curve(stream, relay, from, to, depth, across) {
  const d = across
    ? `M${from.x} ${from.y}C${from.x} ${from.y + depth} ${to.x} ${to.y + depth} ${to.x} ${to.y}`
    : `M${from.x} ${from.y}C${from.x + depth} ${from.y} ${to.x + depth} ${to.y} ${to.x} ${to.y}`;
  const thick = (1.5 + Math.min(4, Math.log2(1 + relay.viewers) / 2)).toFixed(1);
  return { key: `curve ${relay.worker.worker} ${stream.key}`, tag: "path", attributes: { class: `curve c${stream.colour}`, d, "stroke-width": thick } };
}
