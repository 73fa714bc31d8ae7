// Plays fragmented MP4 that never ends, with Media Source Extensions, close to its live edge.

const FAR = 2.5; // seconds behind the newest frame at which it jumps ahead
const NEAR = 0.4; // where it jumps to
const LAZY = 1.2; // seconds behind at which it hurries
const KEEP = 12; // seconds of the past that are kept

const Source = window.ManagedMediaSource ?? window.MediaSource;

// play returns when the stream ends, and throws what a viewer should know when it can't be played. say gets the state in words.
export async function play(video, url, signal, say) {
  if (!Source) throw new Error("This browser has no Media Source Extensions. Play the stream with VLC or ffplay.");
  const response = await fetch(url, { signal, credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Error(`The server answered ${response.status}: ${(await response.text()).slice(0, 300).trim()}`);
  const type = response.headers.get("Content-Type");
  if (!Source.isTypeSupported(type)) {
    await response.body.cancel();
    throw new Error(`This browser cannot play ${type}. VLC and ffplay can.`);
  }
  const media = new Source();
  const address = URL.createObjectURL(media);
  try {
    video.src = address;
    await happens(media, "sourceopen", signal);
    const buffer = media.addSourceBuffer(type);
    buffer.mode = "segments";
    await feed(video, buffer, response.body.getReader(), signal, say);
    if (media.readyState === "open") media.endOfStream();
  } finally {
    URL.revokeObjectURL(address);
    if (signal.aborted) {
      video.removeAttribute("src");
      video.load();
    }
  }
}

async function feed(video, buffer, reader, signal, say) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    await append(buffer, value, signal);
    if (video.error) throw new Error(`The browser cannot decode the stream: ${video.error.message}`);
    if (buffer.buffered.length === 0) continue;
    const end = buffer.buffered.end(buffer.buffered.length - 1);
    if (!video.paused || video.currentTime === 0) chase(video, buffer.buffered, end);
    if (end - buffer.buffered.start(0) > 2 * KEEP) await remove(buffer, end - KEEP, signal);
    tell(video, end, say);
  }
}

async function append(buffer, bytes, signal) {
  try {
    buffer.appendBuffer(bytes);
  } catch (err) {
    if (err.name !== "QuotaExceededError") throw err;
    const end = buffer.buffered.end(buffer.buffered.length - 1);
    await remove(buffer, end - 1, signal);
    buffer.appendBuffer(bytes);
  }
  await happens(buffer, "updateend", signal);
}

async function remove(buffer, until, signal) {
  buffer.remove(0, until);
  await happens(buffer, "updateend", signal);
}

// chase keeps close to the live edge: it hurries a little, or jumps when that would take long. A stream may also begin anywhere, and jump.
function chase(video, ranges, end) {
  const start = ranges.start(ranges.length - 1);
  const lag = end - video.currentTime;
  if (lag > FAR || lag < 0 || video.currentTime < start) video.currentTime = Math.max(start, end - NEAR);
  video.playbackRate = lag > LAZY ? 1.1 : 1;
  if (video.paused) video.play().catch(() => {}); // a browser that wants a click first shows its controls
}

function tell(video, end, say) {
  if (video.paused) say("paused");
  else say(`${video.videoWidth}×${video.videoHeight}, ${Math.max(0, end - video.currentTime).toFixed(0)} s behind. The preview counts as a viewer.`);
}

// happens waits for an event, for the abort, or for the element's death.
function happens(target, name, signal) {
  return new Promise((resolve, reject) => {
    const listeners = new AbortController();
    const end = (f, value) => {
      listeners.abort();
      f(value);
    };
    const once = { signal: listeners.signal };
    target.addEventListener(name, () => end(resolve), once);
    target.addEventListener("error", () => end(reject, new Error("The browser cannot decode the stream.")), once);
    signal.addEventListener("abort", () => end(reject, signal.reason), once);
    if (signal.aborted) end(reject, signal.reason);
  });
}
