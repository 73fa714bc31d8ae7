// Figures as people read them.

const number = new Intl.NumberFormat("en");

export const count = (n) => number.format(n);

export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

function scaled(value, base, units) {
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

// bits are bits a second; bytes a size.
export const bits = (n) => scaled(n ?? 0, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
export const bytes = (n) => scaled(n ?? 0, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

// duration of so many seconds, in its two largest units.
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

// since is the seconds from one RFC 3339 time to another, both of the server's clock.
export const since = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

export const clock = (date) => date.toLocaleTimeString("en-GB");

const codecs = { h264: "H.264", hevc: "HEVC", h265: "HEVC", av1: "AV1", vp8: "VP8", vp9: "VP9", aac: "AAC", opus: "Opus", mp3: "MP3", ac3: "AC-3", eac3: "E-AC-3", flac: "FLAC" };
const codec = (name) => codecs[name] ?? name;
const kind = (c) => (c.profile?.startsWith(codec(c.codec)) ? c.profile : join(codec(c.codec), c.profile));

export const join = (...parts) => parts.filter((p) => p).join(" ");

export function videoCodec(s) {
  const v = s.media?.video;
  if (!v) return s.video_codec ? codec(s.video_codec) : "";
  return join(kind(v), v.level);
}

export function audioCodec(s) {
  const a = s.media?.audio;
  if (!a) return s.audio_codec ? codec(s.audio_codec) : "";
  const channels = { 1: "mono", 2: "stereo" }[a.channels] ?? (a.channels ? `${a.channels} channels` : "");
  return join(kind(a), a.sample_rate ? `${a.sample_rate / 1000} kHz` : "", channels);
}

export const percent = (part) => `${Math.round(part * 100)} %`;
