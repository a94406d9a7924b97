// Renders results: boxes on a canvas, and the probabilities of a face as a table that a screen reader can read.

import { placeLabels } from "./labels.js";

const style = getComputedStyle(document.documentElement);
const SHOWN_FIRST = 3; // bars of a face; the rest is shown on demand
const UNNAMED = "uncertain";

/** The color of an expression; what is no expression, such as "uncertain", has one of its own. */
export const colorOf = (name) => style.getPropertyValue(`--${name}`).trim() || style.getPropertyValue("--unnamed").trim();

/** Whole percent, 100% for certainty alone, as the library writes it. */
export const percent = (share) => `${share >= 1 ? 100 : Math.min(99, Math.round(100 * share))}%`;

/** A new element with text and attributes. */
export function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** The number shown with a face: that of its track, or its position in the picture. */
export const numberOf = (face, index) => face.track_id ?? index + 1;

/** The name shown with a face: its corrected label, the named expression, or "uncertain" below the smallest confidence. */
export function nameOf(face, least = 0) {
  if (face.corrected) return face.corrected;
  return face.expression && face.probability >= least ? face.expression : UNNAMED;
}

/** Name and percent; a corrected label has no probability, and that of a face without a name is in its bars. */
export function titleOf(face, least = 0) {
  const name = nameOf(face, least);
  if (face.corrected) return `${name} (corrected)`;
  return name === UNNAMED ? name : `${name} ${percent(face.probability)}`;
}

/**
 * Render boxes with a label each over the canvas; `mirrored` flips the positions, not the text.
 *
 * All labels have one form: number, name and percent, or the number alone where these would cover a face or each other,
 * and with `numbered`. Returns whether they are numbers.
 */
export function drawBoxes(canvas, faces, { mirrored = false, least = 0, selected = -1, numbered = false } = {}) {
  const pen = canvas.getContext("2d"), size = [canvas.width, canvas.height];
  const shrunk = canvas.width / Math.min(canvas.width, window.innerWidth - 60); // letters stay legible on a phone
  const unit = Math.round(Math.max(11 * shrunk, Math.max(...size) / 52));
  pen.font = `600 ${unit}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  const boxes = faces.map(({ box }) => (mirrored ? { ...box, left: canvas.width - box.right, right: canvas.width - box.left } : box));
  const numbers = faces.map((face, index) => `${numberOf(face, index)}`);
  const place = (texts) => placeLabels(boxes, texts, size, unit, (text) => pen.measureText(text).width);
  const full = numbered ? { free: false } : place(faces.map((face, index) => `${numbers[index]} ${titleOf(face, least)}`));
  const isFull = full.free || (!numbered && faces.length === 1); // a face alone may fill the picture
  const { labels } = isFull ? full : place(numbers);
  faces.forEach((face, index) => { // boxes, then labels, so that no box runs through a label
    const { left, right, top, bottom } = boxes[index];
    pen.lineWidth = Math.max(2, unit / 6) * (index === selected ? 2.2 : 1);
    pen.strokeStyle = colorOf(nameOf(face, least));
    pen.strokeRect(left, top, right - left, bottom - top);
  });
  faces.forEach((face, index) => {
    const { left, top, right, bottom, text, textLeft } = labels[index], name = nameOf(face, least);
    pen.fillStyle = colorOf(name);
    pen.fillRect(left, top, right - left, bottom - top);
    pen.fillStyle = name === UNNAMED ? "#ffffff" : "#14161a";
    pen.fillText(text, textLeft, (top + bottom) / 2);
  });
  return !isFull;
}

/**
 * The probabilities of a face, highest first: three bars, and the others on demand.
 *
 * Those of a second model, if any, stand beside them; `titles` then names both.
 */
export function bars([first, ...others], caption, titles = []) {
  const all = [first, ...others], highest = (name) => Math.max(...all.map((probabilities) => probabilities[name] ?? 0));
  const names = Object.keys(first).sort((a, b) => highest(b) - highest(a));
  const rows = names.map((name) => [name, ...all.map((probabilities) => probabilities[name] ?? 0)]);
  const box = make("div"), rest = make("details");
  rest.append(make("summary", "All expressions"), table(rows.slice(SHOWN_FIRST), `${caption}, the others`, titles, "unseen"));
  box.append(table(rows.slice(0, SHOWN_FIRST), caption, titles), rest);
  return box;
}

/** Update existing bars, which is faster than new ones and keeps the position of a screen reader. */
export function updateBars(box, probabilities) {
  const ranked = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  box.querySelectorAll("tr").forEach((line, place) => {
    const [name, share] = ranked[place];
    line.className = name;
    line.querySelector("th").textContent = name;
    const meter = line.querySelector("meter");
    meter.value = share;
    meter.setAttribute("aria-label", name);
    line.querySelector(".value").textContent = percent(share);
  });
}

/** A row for each [name, share, …] with a bar for each share; with titles, a head that names the columns. */
function table(rows, caption, titles, headClass = "") {
  const made = make("table", "", { class: titles.length ? "bars pair" : "bars" });
  made.append(make("caption", caption, { class: "unseen" }));
  if (titles.length) {
    const columns = make("colgroup"); // the widths of a fixed layout, which keeps the bars of all faces equal
    columns.append(make("col", "", { class: "name" }), ...titles.flatMap(() => [make("col"), make("col", "", { class: "value" })]));
    made.append(columns);
    const head = made.createTHead().insertRow();
    head.append(make("td"), ...titles.map((title) => make("th", title, { scope: "colgroup", colspan: 2 })));
    head.className = headClass;
  }
  const body = made.createTBody();
  for (const [name, ...shares] of rows) {
    const line = make("tr", "", { class: name });
    line.append(make("th", name, { scope: "row" }));
    shares.forEach((share, column) => {
      const bar = make("meter", "", { "aria-label": titles.length ? `${name}, ${titles[column]}` : name });
      bar.value = share;
      const cell = make("td");
      cell.append(bar);
      line.append(cell, make("td", percent(share), { class: "value" }));
    });
    body.append(line);
  }
  return made;
}
