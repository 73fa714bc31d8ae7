import { mediaURL } from "./api.js";
import { byId, text } from "./dom.js";
import { play } from "./player.js";

const section = byId("preview");
const title = byId("preview-title");
const video = byId("preview-video");
const again = byId("preview-again");

let stream = null;
let opener = null; // the button, which gets the focus back
let stop = null; // ends what plays

// openPreview plays a stream beside the picture.
export function openPreview(s, button) {
  stream = s;
  opener = button;
  text(title, `Preview of ${s.app}/${s.name}`);
  section.hidden = false;
  document.body.dataset.preview = "";
  start();
  title.focus();
}

async function start() {
  stop?.abort();
  const mine = (stop = new AbortController());
  again.hidden = true;
  say("asking for the stream …");
  try {
    await play(video, mediaURL(stream), mine.signal, say);
    say("The stream ended.");
  } catch (err) {
    if (mine.signal.aborted) return;
    say(err.message);
  }
  again.hidden = false;
}

const say = (words) => text(byId("preview-state"), words);

function close() {
  stop?.abort();
  stop = null;
  section.hidden = true;
  delete document.body.dataset.preview;
  if (opener?.isConnected) opener.focus();
  else byId("streams-title").focus();
}

byId("preview-close").addEventListener("click", close);
again.addEventListener("click", start);
section.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.fullscreenElement) close();
});
