import { byId, text } from "./dom.js";

const dialog = byId("confirm");
let settle = null; // answers the question that is asked

// confirm asks before something is ended. The dialog is the browser's own: it keeps the focus, Escape says no, and the focus goes back.
export function confirm({ title, message, action }) {
  answer(false);
  text(byId("confirm-title"), title);
  text(byId("confirm-text"), message);
  text(byId("confirm-yes"), action);
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    settle = resolve;
  });
}

function answer(yes) {
  dialog.close();
  settle?.(yes);
  settle = null;
}

byId("confirm-no").addEventListener("click", () => answer(false));
byId("confirm-yes").addEventListener("click", () => answer(true));
// The event comes a moment after the closing: by then, the next question may be open.
dialog.addEventListener("close", () => dialog.open || answer(false));
