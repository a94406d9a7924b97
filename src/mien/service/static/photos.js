// The tab of photos: choosing, dropping, pasting, sending one after the other, and showing what came back.

import { Problem, predict } from "./api.js";
import { saveCsv, saveJson, savePicture } from "./downloads.js";
import { drawBoxes, faceTable } from "./drawing.js";
import { takeFiles } from "./files.js";

const by = (id) => document.getElementById(id);
const shown = [];

export function startPhotos(onProblem, labels) {
  takeFiles(by("photos"), by("drop"), by("files"), (files) => read(files, onProblem));
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) read(files, onProblem);
  });
  by("save-json").addEventListener("click", () => saveJson(shown));
  by("save-csv").addEventListener("click", () => saveCsv(shown, labels()));
  by("clear").addEventListener("click", clear);
}

/** Send the files one at a time, so that the first result shows soon and the limits hold for each. */
async function read(files, onProblem) {
  let faces = 0, failed = 0;
  for (const [index, file] of files.entries()) {
    say(`Reading ${index + 1} of ${files.length}: ${file.name} …`);
    try {
      const [result] = await predict([file]);
      await show(file, result);
      faces += result.faces?.length ?? 0;
      failed += "error" in result ? 1 : 0;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      onProblem(problem);
      say(`${file.name}: ${problem.message}${problem.hint ? ` (${problem.hint})` : ""}`, true);
      return;
    }
  }
  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  if (files.length) say(`${count(faces, "face")} in ${count(files.length - failed, "picture")}` +
    (failed ? `; ${count(failed, "file")} could not be read.` : "."), false);
}

async function show(file, result) {
  const article = document.createElement("article");
  article.className = "result";
  const heading = document.createElement("h2");
  heading.textContent = result.source;
  article.append(heading);
  if ("error" in result) {
    const line = document.createElement("p");
    line.className = "failed";
    line.textContent = `Could not be read: ${result.error}`;
    article.append(line);
  } else {
    article.append(await picture(file, result), tables(result));
  }
  by("results").prepend(article);
  shown.push(result);
  by("downloads").hidden = false;
}

async function picture(file, result) {
  const frame = document.createElement("div");
  frame.className = "picture";
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", describe(result));
  [canvas.width, canvas.height] = [result.width, result.height];
  const pixels = await createImageBitmap(file).catch(() => null);
  const pen = canvas.getContext("2d");
  if (pixels) {
    pen.drawImage(pixels, 0, 0, result.width, result.height);
    pixels.close();
  } else {
    pen.fillStyle = "#8d99ae";
    pen.fillRect(0, 0, result.width, result.height);
  }
  drawBoxes(canvas, result.faces);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Download picture";
  button.setAttribute("aria-label", `Download picture: ${result.source} with its boxes`);
  button.addEventListener("click", () => savePicture(canvas, result.source));
  const line = document.createElement("div");
  line.className = "row";
  line.append(button);
  frame.append(canvas, line);
  return frame;
}

function tables(result) {
  const column = document.createElement("div");
  column.className = "faces";
  column.tabIndex = 0; // it scrolls, so the keyboard must reach it
  column.setAttribute("role", "group");
  column.setAttribute("aria-label", `Faces of ${result.source}`);
  if (!result.faces.length) column.textContent = "No face found.";
  column.append(...result.faces.map((face, index) => faceTable(face, index + 1)));
  return column;
}

function describe(result) {
  const names = result.faces.map((face, index) => `face ${index + 1} ${face.expression}`);
  return names.length ? `${result.source} with ${names.join(", ")}` : `${result.source}, no face found`;
}

function clear() {
  shown.length = 0;
  by("results").replaceChildren();
  by("downloads").hidden = true;
  say("");
  by("files").focus();
}

function say(text, trouble = false) {
  by("status").textContent = text;
  by("status").classList.toggle("trouble", trouble);
}
