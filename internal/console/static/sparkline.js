import { attribute, svg } from "./dom.js";
import { bits } from "./format.js";

const POINTS = 60;
const WIDTH = 120;
const HEIGHT = 28;

// A Sparkline is a small curve of the last minute, drawn from zero.
export class Sparkline {
  constructor(what) {
    this.what = what;
    this.values = [];
    this.node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "line" });
    this.node.append(this.area, this.line);
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    const top = Math.max(...this.values, 1) * 1.15;
    const first = POINTS - this.values.length;
    const points = this.values.map((v, i) => `${(((first + i) / (POINTS - 1)) * WIDTH).toFixed(1)} ${(HEIGHT - (v / top) * HEIGHT).toFixed(1)}`);
    const line = "M" + points.join("L");
    const left = points[0].split(" ")[0];
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", `${line}V${HEIGHT}H${left}Z`);
    const range = `${bits(Math.min(...this.values))} to ${bits(Math.max(...this.values))}`;
    attribute(this.node, "aria-label", `${this.what}, last minute: ${range}`);
  }
}
