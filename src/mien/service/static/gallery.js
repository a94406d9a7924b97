// All pictures of the tab: thumbnails, a chart of their expressions, and a filter.

import { colorOf, make, nameOf } from "./drawing.js";

const THUMB = 160;

/** A thumbnail of a file: the square in its center. */
export async function thumbnail(file) {
  const canvas = make("canvas", "", { "aria-hidden": "true" });
  [canvas.width, canvas.height] = [THUMB, THUMB];
  const pixels = await createImageBitmap(file).catch(() => null), pen = canvas.getContext("2d");
  pen.fillStyle = "#8d99ae";
  pen.fillRect(0, 0, THUMB, THUMB);
  if (pixels) {
    const side = Math.min(pixels.width, pixels.height);
    pen.drawImage(pixels, (pixels.width - side) / 2, (pixels.height - side) / 2, side, side, 0, 0, THUMB, THUMB);
    pixels.close();
  }
  return canvas;
}

/** The number of faces with each name, most frequent first. */
export function counts(entries, least) {
  const found = new Map();
  for (const { result } of entries) {
    for (const face of result.faces) found.set(nameOf(face, least), (found.get(nameOf(face, least)) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1]);
}

/** The chart: a row for each name, which is a button that filters the pictures by it. */
export function chart(entries, least, chosen, choose) {
  const found = counts(entries, least), most = found[0]?.[1] ?? 1;
  const without = entries.filter(({ result }) => !result.faces.length).length;
  const list = make("ul", "", { class: "chart", "aria-label": "Faces of all pictures by expression; choose one to filter" });
  for (const [name, count] of [...found, ...(without ? [["no face", without]] : [])]) {
    const button = make("button", "", { type: "button", "aria-pressed": String(chosen === name) });
    const bar = make("span", "", { class: "length" });
    bar.style.width = `${Math.max(1, (60 * Math.min(count, most)) / most)}%`;
    bar.style.background = colorOf(name);
    button.append(make("span", name, { class: "name" }), bar, make("span", String(count), { class: "count" }));
    button.addEventListener("click", () => choose(chosen === name ? null : name));
    const item = make("li");
    item.append(button);
    list.append(item);
  }
  return list;
}

/** The thumbnails as buttons, named by the expressions in each picture. */
export function gallery(entries, least, current, open) {
  const list = make("ul", "", { class: "gallery", "aria-label": "Pictures" });
  for (const entry of entries) {
    const { result } = entry, names = result.faces.map((face) => nameOf(face, least));
    const words = names.length > 3 ? `${names.length} faces` : names.join(", ") || "no face";
    const button = make("button", "", { type: "button", "aria-label": `${result.source}: ${words}` });
    if (entry === current) button.setAttribute("aria-current", "true");
    button.append(entry.thumb, make("span", words));
    button.addEventListener("click", () => open(entry));
    const item = make("li");
    item.append(button);
    list.append(item);
  }
  return list;
}

export const shows = (entry, name, least) =>
  name === null || (name === "no face" ? !entry.result.faces.length : entry.result.faces.some((face) => nameOf(face, least) === name));
