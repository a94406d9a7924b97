// The pictures read in this tab: file names and expressions, no pixels. Stored in the browser until the tab is closed.

import { make, titleOf } from "./drawing.js";

const KEY = "mien-history", MOST = 200;

const known = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
};

export function remember(result) {
  const faces = result.faces.map(({ expression, probability }) => ({ expression, probability }));
  const time = new Date().toLocaleTimeString([], { timeStyle: "short" }).replace(/\s/, "\u00a0");
  sessionStorage.setItem(KEY, JSON.stringify([{ time, source: result.source, faces }, ...known()].slice(0, MOST)));
}

export const forget = () => sessionStorage.removeItem(KEY);

/** Fill the table of the history; an empty history is hidden. */
export function showHistory(part, body) {
  const rows = known();
  part.hidden = !rows.length;
  body.replaceChildren(...rows.map(({ time, source, faces }) => {
    const row = make("tr");
    const words = faces.map((face) => titleOf(face).replace(" ", "\u00a0")).join(", ") || "no face";
    row.append(make("td", time, { class: "time" }), make("th", source, { scope: "row" }), make("td", words));
    return row;
  }));
}
