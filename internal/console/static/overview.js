import { attribute, byId, text } from "./dom.js";
import { bits, bytes, count, percent, plural } from "./format.js";
import { Sparkline } from "./sparkline.js";

const into = new Sparkline("Bitrate from publishers");
const out = new Sparkline("Bitrate to viewers and relays");
byId("spark-in").append(into.node);
byId("spark-out").append(out.node);

const sum = (list, f) => list.reduce((n, x) => n + (f(x) ?? 0), 0);

export function showOverview(state) {
  const workers = state.workers.workers;
  const streams = state.streams.streams;
  const live = streams.filter((s) => s.state === "live");
  const waiting = streams.length - live.length;
  const answered = state.workers.workers_answered;
  const expected = state.workers.workers_expected;

  text(byId("tile-workers"), `${answered} of ${expected}`);
  attribute(byId("tile-workers"), "data-state", answered === expected ? null : "error");
  text(byId("tile-restarts"), plural(sum(workers, (w) => w.restarts), "restart"));
  text(byId("tile-streams"), count(state.streams.next ? state.sessions.publishers : live.length));
  text(byId("tile-waiting"), waiting > 0 ? `${count(waiting)} more awaited` : "");
  text(byId("tile-viewers"), count(state.streams.next ? state.sessions.players : sum(streams, (s) => s.players)));
  text(byId("tile-sessions"), plural(state.sessions.sessions, "session"));
  const bitrateIn = sum(live, (s) => s.media?.bitrate_in);
  const bitrateOut = sum(workers, (w) => w.load.bitrate_out);
  text(byId("tile-in"), bits(bitrateIn));
  text(byId("tile-out"), bits(bitrateOut));
  into.add(bitrateIn);
  out.add(bitrateOut);
  text(byId("tile-cpu"), percent(sum(workers, (w) => w.load.cpu)));
  text(byId("tile-memory"), `of a core; ${bytes(sum(workers, (w) => w.load.rss_bytes))} of memory`);
  showZone(state.zone?.zone);
}

function showZone(zone) {
  text(byId("tile-zone"), zone ? `${count(zone.live)} of ${count(zone.capacity)}` : "–");
  byId("zone-meter").value = zone?.capacity ? zone.live / zone.capacity : 0;
}
