// Results as files: JSON and CSV with the columns of the command line, and the annotated picture.

const FACE = ["face", "left", "top", "right", "bottom", "detector_score", "expression", "probability"];

export const saveJson = (results) =>
  save(new Blob([JSON.stringify(results, null, 2) + "\n"], { type: "application/json" }), "expressions.json");

export const saveCsv = (results, labels) => save(new Blob([toCsv(results, labels)], { type: "text/csv" }), "expressions.csv");

export const savePicture = (canvas, source) =>
  canvas.toBlob((blob) => save(blob, `${source.replace(/\.[^.]*$/, "")}-expressions.png`), "image/png");

/** A row a face; a picture without a face, or that could not be read, has one row with empty columns. */
export function toCsv(results, labels) {
  const rows = [["source", "width", "height", ...FACE, ...labels, "error"]];
  const empty = Array(FACE.length + labels.length).fill("");
  for (const result of results) {
    const start = [result.source, result.width ?? "", result.height ?? ""];
    if (!result.faces?.length) rows.push([...start, ...empty, result.error ?? ""]);
    (result.faces ?? []).forEach((face, index) => {
      const { left, top, right, bottom } = face.box;
      const found = [index + 1, left, top, right, bottom, face.detector_score, face.expression, face.probability];
      rows.push([...start, ...found, ...labels.map((label) => face.probabilities[label]), ""]);
    });
  }
  return rows.map((row) => row.map(quoted).join(",") + "\n").join("");
}

const quoted = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
