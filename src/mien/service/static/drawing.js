// Renders results: boxes on a canvas, and the probabilities of a face as a table that a screen reader can read.

const style = getComputedStyle(document.documentElement);
const SHOWN_FIRST = 3; // bars of a face; the rest is shown on demand

export const colorOf = (expression) => style.getPropertyValue(`--${expression}`).trim() || "#8d99ae";

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
  return face.expression && face.probability >= least ? face.expression : "uncertain";
}

/** Render boxes with number and name over the canvas; `mirrored` flips the positions, not the text. */
export function drawBoxes(canvas, faces, { mirrored = false, least = 0, selected = -1 } = {}) {
  const pen = canvas.getContext("2d");
  const shrunk = canvas.width / Math.min(canvas.width, window.innerWidth - 60); // letters stay legible on a phone
  const unit = Math.round(Math.max(11 * shrunk, Math.max(canvas.width, canvas.height) / 52));
  pen.font = `600 ${unit}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  faces.forEach((face, index) => {
    const { left, right, top, bottom } = face.box;
    const x = mirrored ? canvas.width - right : left;
    const name = nameOf(face, least);
    pen.lineWidth = Math.max(2, unit / 6) * (index === selected ? 2.2 : 1);
    pen.strokeStyle = pen.fillStyle = colorOf(name);
    pen.strokeRect(x, top, right - left, bottom - top);
    const number = numberOf(face, index);
    const texts = [`${number} ${name} ${percent(face.probability)}`, `${number} ${name}`];
    const room = Math.max(1.2 * (right - left), faces.length === 1 ? canvas.width : 0); // so that neighbors stay legible
    // The longest text that fits.
    const text = texts.find((one) => pen.measureText(one).width + unit * 0.8 <= room) ?? `${number}`;
    const width = pen.measureText(text).width + unit * 0.8;
    const tagX = Math.max(0, Math.min(x, canvas.width - width));
    const tagY = top >= 1.5 * unit ? top - 1.5 * unit : Math.min(bottom, canvas.height - 1.5 * unit);
    pen.fillRect(tagX, tagY, width, 1.5 * unit);
    pen.fillStyle = "#14161a";
    pen.fillText(text, tagX + unit * 0.4, tagY + 0.75 * unit);
  });
}

/** The probabilities of a face, highest first: three bars, and the others on demand. */
export function bars(probabilities, caption) {
  const ranked = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const box = make("div");
  const rest = make("details");
  rest.append(make("summary", "All expressions"), table(ranked.slice(SHOWN_FIRST), `${caption}, the others`));
  box.append(table(ranked.slice(0, SHOWN_FIRST), caption), rest);
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

function table(entries, caption) {
  const made = make("table", "", { class: "bars" });
  made.append(make("caption", caption, { class: "unseen" }));
  for (const [name, share] of entries) {
    const line = make("tr", "", { class: name });
    const bar = make("meter", "", { "aria-label": name });
    bar.value = share;
    const cell = make("td");
    cell.append(bar);
    line.append(make("th", name, { scope: "row" }), cell, make("td", percent(share), { class: "value" }));
    made.append(line);
  }
  return made;
}
