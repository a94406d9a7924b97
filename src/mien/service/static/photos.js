// The photo tab: choose, drop or paste pictures, send one after the other, and show the results.

import { Problem, predict } from "./api.js";
import { saveCsv, saveJson, saveLabels } from "./downloads.js";
import { make } from "./drawing.js";
import { takeFiles } from "./files.js";
import { chart, gallery, shows, thumbnail } from "./gallery.js";
import { forget, remember, showHistory } from "./history.js";
import { compared, least, parameters, startOptions } from "./options.js";
import { Viewer } from "./viewer.js";

const by = (id) => document.getElementById(id);
const entries = []; // pictures that were read: {file, thumb, result, other}
const failures = []; // pictures that could not be read: {source, error}

let onTrouble = null, model = () => null, viewer = null, chosen = null, reading = false;

export function startPhotos(onProblem, theModel) {
  onTrouble = onProblem;
  model = theModel;
  viewer = new Viewer(by("result"), () => model()?.labels ?? [], least, redraw);
  takeFiles(by("photos"), by("drop"), [by("files"), by("folder")], read);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && !by("photos").hidden) read(files);
  });
  by("save-json").addEventListener("click", () => saveJson(everything()));
  by("save-csv").addEventListener("click", () => saveCsv(everything(), model().labels));
  by("save-labels").addEventListener("click", () => saveLabels(entries));
  by("clear").addEventListener("click", clear);
  by("forget").addEventListener("click", () => { forget(); redraw(); });
  startOptions(() => { redraw(); viewer.refresh(); }, reread);
  redraw();
}

/** All results in the order they were read, then the failures; as the command line writes them. */
const everything = () => [
  ...entries.map(({ result: { model: _, ...result } }) => result),
  ...failures.map(({ source, error }) => ({ schema: 2, source, error })),
];

/** Send the files one at a time, so that the first result appears soon and the limits apply to each file alone. */
async function read(files) {
  if (reading) return say("Wait until the earlier pictures have been read.", true);
  reading = true;
  let first = true, faces = 0, failed = 0;
  try {
    for (const [index, file] of files.entries()) {
      say(`Reading ${index + 1} of ${files.length}: ${file.name} …`);
      const entry = { file, thumb: await thumbnail(file) };
      if (await ask(entry)) {
        entries.push(entry);
        faces += entry.result.faces.length;
        remember(entry.result);
        if (first) await open(entry, true);
        first = false;
      } else failed += 1;
      redraw();
    }
    if (files.length) say(summary(faces, files.length - failed, failed));
  } catch (problem) {
    trouble(problem);
  } finally {
    reading = false;
  }
}

/** Fill an entry with its result, and that of the model to compare with; false if it cannot be read. */
async function ask(entry) {
  const result = await predict(entry.file, parameters(""));
  if ("error" in result) {
    failures.push({ source: result.source, error: withoutName(result) });
    return false;
  }
  const before = entry.result?.faces ?? []; // when a picture is read again, corrected labels stay
  result.faces.forEach((face, index) => { if (before[index]?.corrected) face.corrected = before[index].corrected; });
  entry.result = { ...result, model: model().models[0] };
  entry.other = compared() ? { ...(await predict(entry.file, parameters(compared()))), model: compared() } : null;
  return true;
}

/** Read all pictures again after an option has changed. */
async function reread() {
  if (reading || !entries.length) return;
  reading = true;
  try {
    for (const [index, entry] of entries.entries()) {
      say(`Reading ${index + 1} of ${entries.length} again …`);
      await ask(entry);
      if (entry === viewer.entry) viewer.refresh();
    }
    redraw();
    say("Read again.");
  } catch (problem) {
    trouble(problem);
  } finally {
    reading = false;
  }
}

/** The error without the file name, which the list shows before it. */
const withoutName = ({ source, error }) => (error.startsWith(`${source}: `) ? error.slice(source.length + 2) : error);

function summary(faces, read, failed) {
  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const bad = failed ? `${count(failed, "file")} could not be read.` : "";
  return read ? `${count(faces, "face")} in ${count(read, "picture")}${bad ? `; ${bad}` : "."}` : bad;
}

async function open(entry, arrived = false) {
  await viewer.show(entry);
  redraw();
  const narrow = window.matchMedia("(max-width: 44rem)").matches;
  if (arrived && narrow) by("result").scrollIntoView({ block: "start" }); // on a phone it would be below the screen
  if (!arrived) by("result").querySelector("h2").focus({ preventScroll: !narrow });
}

function redraw() {
  const any = entries.length > 0, visible = entries.filter((entry) => shows(entry, chosen, least()));
  by("downloads").hidden = !any;
  by("save-labels").hidden = !entries.some(({ result }) => result.faces.some((face) => face.corrected));
  by("overview").hidden = entries.length < 2;
  if (entries.length > 1) {
    // The chart is built anew, so the focus returns to the button with the same name.
    const focused = document.activeElement?.closest("#chart") ? document.activeElement.querySelector(".name").textContent : null;
    by("chart").replaceChildren(chart(entries, least(), chosen, (name) => { chosen = name; redraw(); }));
    if (focused) [...by("chart").querySelectorAll("button")].find((one) => one.textContent.startsWith(focused))?.focus();
    by("gallery").replaceChildren(gallery(visible, least(), viewer.entry, open));
    by("filtered").textContent = chosen === null
      ? `Choose a bar to see the pictures with that expression among these ${entries.length}.` : `${visible.length} of ${entries.length} pictures with ${chosen}.`;
  }
  by("failures").hidden = !failures.length;
  by("failures").replaceChildren(...failures.map(({ source, error }) => {
    const item = make("li");
    item.append(make("b", source), `: ${error}`);
    return item;
  }));
  showHistory(by("history"), by("history-rows"));
}

function clear() {
  entries.length = failures.length = 0;
  chosen = viewer.entry = null;
  by("result").hidden = true;
  by("result").replaceChildren();
  redraw();
  say("");
  by("files").focus();
}

function trouble(problem) {
  if (!(problem instanceof Problem)) throw problem;
  onTrouble(problem);
  say(`${problem.message}${problem.hint ? ` (${problem.hint})` : ""}`, true);
}

function say(text, bad = false) {
  by("status").textContent = text;
  by("status").classList.toggle("trouble", bad);
}
