// The event stream: the state of the server, once a second.

const STALE = 3500; // milliseconds without a state until the page says so: a worker that hangs makes it take two seconds
const RETRY = 6000; // until another connection is tried, which may reach another worker

// listen calls onState with every state, and onSilence with the time of the last one (or null) when there has been none for a while.
export function listen(url, onState, onSilence) {
  let source;
  let opened = 0;
  let newest = null;

  function open() {
    opened = Date.now();
    source?.close();
    source = new EventSource(url);
    source.addEventListener("state", (event) => {
      newest = new Date();
      onState(JSON.parse(event.data));
    });
    // Other errors a browser mends by itself. Not this one: an answer that is no event stream, such as 503.
  }

  function look() {
    const now = Date.now();
    if (now - Math.max(newest ?? 0, opened) > RETRY) open();
    if (now - (newest ?? started) > STALE) onSilence(newest);
  }

  const started = Date.now();
  open();
  setInterval(look, 500);
}
