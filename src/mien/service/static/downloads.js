// Results as files: JSON and CSV with the columns of the command line, the annotated picture, and corrected faces.

import { zip } from "./zip.js";

const FACE = ["face", "left", "top", "right", "bottom", "detector_score", "expression", "probability"];
const MARGIN = 0.6; // margin on each side of a crop, in face sizes, so that a detector finds the face in it

export const saveJson = (results) =>
  save(new Blob([JSON.stringify(results, (_, value) => rounded(value), 2) + "\n"], { type: "application/json" }), "expressions.json");

export const saveCsv = (results, labels) => save(new Blob([toCsv(results, labels)], { type: "text/csv" }), "expressions.csv");

export const savePicture = (canvas, source) =>
  canvas.toBlob((blob) => save(blob, `${source.replace(/\.[^.]*$/, "")}-expressions.png`), "image/png");

/** A row for each face; a picture without a face, or that could not be read, has one row with empty columns. */
export function toCsv(results, labels) {
  const rows = [["source", "width", "height", ...FACE, ...labels, "error"]];
  const empty = Array(FACE.length + labels.length).fill("");
  for (const result of results) {
    const start = [result.source, result.width ?? "", result.height ?? ""];
    if (!result.faces?.length) rows.push([...start, ...empty, result.error ?? ""]);
    (result.faces ?? []).forEach((face, index) => {
      const { left, top, right, bottom } = face.box;
      const found = [index + 1, left, top, right, bottom, face.detector_score, face.expression ?? "", face.probability];
      rows.push([...start, ...found, ...labels.map((label) => face.probabilities[label]), ""]);
    });
  }
  return csv(rows);
}

/** A zip for `mien adapt`: labels.csv and a crop of each face whose label was corrected or confirmed. */
export async function saveLabels(entries) {
  const files = [], rows = [["path", "label", "source", "face"]];
  for (const { file, result } of entries) {
    const labeled = (result.faces ?? []).flatMap((face, index) => (face.corrected ? [[face, index + 1]] : []));
    if (!labeled.length) continue;
    const pixels = await createImageBitmap(file);
    for (const [face, number] of labeled) {
      const path = `faces/${String(rows.length).padStart(4, "0")}.png`;
      files.push([path, new Uint8Array(await (await crop(pixels, face.box)).arrayBuffer())]);
      rows.push([path, face.corrected, result.source, number]);
    }
    pixels.close();
  }
  save(zip([...files, ["labels.csv", new TextEncoder().encode(csv(rows))]]), "labeled-faces.zip");
}

function crop(pixels, { left, top, right, bottom }) {
  const side = Math.max(right - left, bottom - top) * (1 + 2 * MARGIN);
  const x = Math.max(0, (left + right - side) / 2), y = Math.max(0, (top + bottom - side) / 2);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.min(side, pixels.width - x), Math.min(side, pixels.height - y)].map(Math.round);
  canvas.getContext("2d").drawImage(pixels, x, y, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

const csv = (rows) => rows.map((row) => row.map(quoted).join(",") + "\n").join("");

/** Numbers have six significant digits, as in the files of the command line. */
const rounded = (value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);

/** A cell of CSV; a file name that a spreadsheet would run as a formula begins with an apostrophe. */
function quoted(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(rounded(value));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
