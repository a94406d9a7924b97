// Draws results: boxes on a canvas, and the bars of a face as a table that a screen reader reads.

const style = getComputedStyle(document.documentElement);

export const colorOf = (expression) => style.getPropertyValue(`--${expression}`).trim() || "#4a90e2";

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Boxes with number and expression over what is already on the canvas; `mirrored` flips the places, not the text. */
export function drawBoxes(canvas, faces, mirrored = false) {
  const pen = canvas.getContext("2d");
  const shrunk = canvas.width / Math.min(canvas.width, window.innerWidth - 60); // letters stay legible on a phone
  const unit = Math.round(Math.max(11 * shrunk, Math.max(canvas.width, canvas.height) / 52));
  pen.lineWidth = Math.max(2, unit / 6);
  pen.font = `600 ${unit}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  faces.forEach((face, index) => {
    const { left, right, top, bottom } = face.box;
    const x = mirrored ? canvas.width - right : left;
    pen.strokeStyle = pen.fillStyle = colorOf(face.expression);
    pen.strokeRect(x, top, right - left, bottom - top);
    const number = face.track_id ?? index + 1;
    const texts = [`${number} ${face.expression} ${Math.round(100 * face.probability)} %`, `${number} ${face.expression}`];
    const room = Math.max(1.2 * (right - left), faces.length === 1 ? canvas.width : 0); // so that neighbors stay legible
    const text = texts.find((one) => pen.measureText(one).width + unit * 0.8 <= room) ?? `${number}`;
    const width = pen.measureText(text).width + unit * 0.8;
    const tagX = Math.max(0, Math.min(x, canvas.width - width));
    const tagY = top >= 1.5 * unit ? top - 1.5 * unit : Math.min(bottom, canvas.height - 1.5 * unit);
    pen.fillRect(tagX, tagY, width, 1.5 * unit);
    pen.fillStyle = "#14161a";
    pen.fillText(text, tagX + unit * 0.4, tagY + 0.75 * unit);
  });
}

/** Number, expression, and a row for each probability. */
export function faceTable(face, number) {
  const section = document.createElement("section");
  const heading = document.createElement("h3");
  heading.textContent = `Face ${number}: ${face.expression} ${percent(face.probability)}`;
  const table = document.createElement("table");
  table.className = "bars";
  const caption = table.createCaption();
  caption.textContent = `Probabilities of face ${number}`;
  caption.className = "unseen";
  for (const [name, share] of Object.entries(face.probabilities)) table.append(row(name, share));
  section.append(heading, table);
  return section;
}

/** Show other probabilities in a table that exists, which is quicker than a new one and keeps the reader's place. */
export function updateTable(section, face, number) {
  section.querySelector("h3").textContent = `Face ${number}: ${face.expression} ${percent(face.probability)}`;
  for (const [name, share] of Object.entries(face.probabilities)) {
    const line = section.querySelector(`tr.${name}`);
    line.querySelector("meter").value = share;
    line.querySelector(".value").textContent = percent(share);
  }
}

function row(name, share) {
  const line = document.createElement("tr");
  line.className = name;
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const bar = document.createElement("meter");
  bar.value = share;
  bar.setAttribute("aria-label", name);
  const value = document.createElement("td");
  value.className = "value";
  value.textContent = percent(share);
  const cell = document.createElement("td");
  cell.append(bar);
  line.append(head, cell, value);
  return line;
}
