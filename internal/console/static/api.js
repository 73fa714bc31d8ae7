import { told } from "./banner.js";
import { confirm } from "./confirm.js";

// Relative to the page, so that it also works behind /workers/{id}/ and behind proxies; without the name and password that the page's own
// address may have, which fetch refuses.
const absolute = (path) => new URL(path, location.origin + location.pathname).href;

export const api = (path) => absolute("../api/v1/" + path);

export const streamPath = (s) => `streams/${encodeURIComponent(s.app)}/${encodeURIComponent(s.name)}`;

// mediaURL is where a stream plays as fragmented MP4.
export const mediaURL = (s) => absolute("../" + `${s.app}/${s.name}`.split("/").map(encodeURIComponent).join("/") + ".mp4");

// call returns what the server answers; an error has its own words.
export async function call(method, path) {
  const response = await fetch(api(path), { method, credentials: "same-origin", cache: "no-store" });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${response.status}: ${body.detail ?? response.statusText}`);
  return body;
}

// change asks the user, if there is a question, then the server, and tells what came of it.
export async function change(method, path, question, done) {
  if (question && !(await confirm(question))) return;
  try {
    const answer = await call(method, path);
    told(done(answer) + missing(answer));
  } catch (err) {
    told(`${question?.title ?? "It"} failed: ${err.message}`, true);
  }
}

function missing(answer) {
  return answer.workers_answered < answer.workers_expected ? ` Only ${answer.workers_answered} of ${answer.workers_expected} workers answered.` : "";
}
