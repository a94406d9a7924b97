// The results of a video: a table row for each face, and its expressions stacked over time.

import { colorOf, percent } from "./drawing.js";

const MOST_ROWS = 50, LEAST_SHARE = 0.005, WIDTH = 1200, HEIGHT = 96;

/** A duration as text: 3.0 s, 4:05, 1:04:05, 24 hours. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)}\u00a0s`;
  if (seconds >= 7200 && seconds % 3600 === 0) return `${seconds / 3600}\u00a0hours`;
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A table of the faces, the one longest on the screen first. */
export function trackTable(tracks) {
  const table = document.createElement("table");
  table.className = "tracks";
  table.createCaption().textContent = tracks.length > MOST_ROWS
    ? `The ${MOST_ROWS} faces longest on the screen; the summary has all ${tracks.length}` : "Faces, by their time on the screen";
  const head = table.createTHead().insertRow();
  for (const name of ["Face", "On screen", "From–to", "Share of time"]) head.append(cell("th", name, "col"));
  const body = table.createTBody();
  for (const track of tracks.slice(0, MOST_ROWS)) {
    const shares = Object.entries(track.shares).filter(([, share]) => share >= LEAST_SHARE).sort((a, b) => b[1] - a[1]);
    // Without spaces around the dash, the only place where a narrow column may break it; one unit for both.
    const from = duration(track.first_s), span = `${track.last_s < 60 ? from.slice(0, -2) : from}–${duration(track.last_s)}`;
    const words = shares.map(([name, share]) => `${name}\u00a0${percent(share)}`).join(", ");
    body.insertRow().append(cell("th", track.track_id, "row"), cell("td", duration(track.seconds)), cell("td", span), cell("td", words));
  }
  return table;
}

/** A picture for each face with the mean probabilities in each bin of time, and the names of the colors. */
export function drawCurves(timeline) {
  if (!timeline.tracks.length) return [paragraph("No face was found.")];
  const axis = document.createElement("div");
  axis.className = "axis";
  for (const part of [0, 0.5, 1]) axis.append(paragraph(duration(part * timeline.seconds)));
  return [legend(timeline.labels), ...timeline.tracks.map((track) => curve(track, timeline)), axis];
}

function curve(track, { labels }) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Face ${track.track_id}: its expressions over time`);
  const pen = canvas.getContext("2d"), bins = track.probabilities.length;
  const colors = labels.map(colorOf), at = (bin) => Math.round((bin * WIDTH) / bins);
  track.probabilities.forEach((shares, bin) => {
    let top = HEIGHT;
    shares?.forEach((share, index) => {
      pen.fillStyle = colors[index];
      pen.fillRect(at(bin), top - share * HEIGHT, at(bin + 1) - at(bin), share * HEIGHT);
      top -= share * HEIGHT;
    });
  });
  const row = document.createElement("div");
  row.className = "curve";
  row.append(paragraph(`Face ${track.track_id}`), canvas);
  return row;
}

function legend(labels) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const name of labels) {
    const item = document.createElement("li");
    item.className = name;
    item.textContent = name;
    list.append(item);
  }
  return list;
}

function cell(kind, text, scope) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
