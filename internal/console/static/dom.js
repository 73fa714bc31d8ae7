// What the other files need to build and update the page. Strings from the server become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

// el makes an HTML element. Attributes that begin with "on" are listeners; children are elements or strings.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function svg(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export const byId = (id) => document.getElementById(id);

// text and attribute touch the page only when something changes: once a second, for every cell.
const texts = new WeakMap();

export function text(node, value) {
  const s = String(value);
  if (texts.get(node) === s) return;
  texts.set(node, s);
  node.textContent = s;
}

export function attribute(node, name, value) {
  const s = value == null ? null : String(value);
  if (node.getAttribute(name) === s) return;
  if (s === null) node.removeAttribute(name);
  else node.setAttribute(name, s);
}

// rows keeps the children of parent in step with items: one for each, found again by its key, in their order. What did not change is not
// touched, so focus and scrolling stay. Rows that go while they have the focus hand it to fallback.
export function rows(parent, items, { key, create, update, fallback }) {
  const known = parent.rowsByKey ?? (parent.rowsByKey = new Map());
  // First those that go: the others would have to move around them.
  const wanted = new Set(items.map(key));
  for (const [k, row] of known) {
    if (wanted.has(k)) continue;
    known.delete(k);
    const focused = row.contains(document.activeElement);
    row.remove();
    if (focused) fallback?.focus();
  }
  let at = parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    let row = known.get(k);
    if (!row) {
      row = create(item);
      known.set(k, row);
    }
    update(row, item);
    if (row === at) at = at.nextElementSibling;
    else move(parent, row, at);
  }
}

function move(parent, row, before) {
  const focused = row.parentNode === parent && row.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(row, before);
  focused?.focus({ preventScroll: true });
}

// cells makes a table row of named cells, which also carry their column's title for the cards on a phone. The roles say what the layout of
// the cards would make browsers forget.
export function cells(titles, header) {
  const row = el("tr", { role: "row" });
  row.cell = {};
  for (const [name, title] of Object.entries(titles)) {
    const cell = name === header ? el("th", { scope: "row", role: "rowheader" }) : el("td", { role: "cell" });
    cell.dataset.title = title;
    cell.className = name;
    row.cell[name] = cell;
    row.append(cell);
  }
  return row;
}
