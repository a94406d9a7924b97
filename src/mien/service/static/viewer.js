// One picture with its faces: boxes, zoom, a card for each face, keyboard navigation, and corrected labels.

import { savePicture } from "./downloads.js";
import { bars, drawBoxes, make, nameOf, titleOf } from "./drawing.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];

/** Shows an entry in `article`; `changed` is called when a label was corrected. */
export class Viewer {
  constructor(article, labels, least, changed) {
    Object.assign(this, { article, labels, least, changed, entry: null, selected: -1, zoom: 0 });
    article.addEventListener("keydown", (event) => this.onKey(event));
  }

  async show(entry) {
    const { result } = entry;
    Object.assign(this, { entry, selected: -1, zoom: 0 });
    this.article.replaceChildren(make("h2", result.source, { tabindex: "-1" }), await this.picture(), this.faces());
    this.article.hidden = false;
    this.draw();
  }

  /** Render again after the smallest confidence or a label has changed; open details and the selection stay. */
  refresh() {
    if (!this.entry || this.article.hidden) return;
    const open = [...this.article.querySelectorAll(".face details")].map((one) => one.open);
    this.article.querySelector(".faces").replaceWith(this.faces());
    this.article.querySelectorAll(".face details").forEach((one, index) => { one.open = open[index] ?? false; });
    this.draw();
    this.article.querySelectorAll(".face")[this.selected]?.classList.add("selected");
  }

  async picture() {
    const { entry } = this, frame = make("div", "", { class: "picture" });
    this.pixels?.close(); // a bitmap holds memory outside the garbage collector's view
    this.pixels = await createImageBitmap(entry.file).catch(() => null);
    this.canvas = make("canvas", "", { role: "img" });
    [this.canvas.width, this.canvas.height] = [entry.result.width, entry.result.height];
    const stage = make("div", "", { class: "stage", tabindex: "0", role: "group", "aria-label": "Picture; arrow keys scroll when zoomed" });
    stage.append(this.canvas);
    const line = make("div", "", { class: "row" });
    const save = make("button", "Download picture", { type: "button", "aria-label": `Download picture: ${entry.result.source} with its boxes` });
    save.addEventListener("click", () => savePicture(this.canvas, entry.result.source));
    line.append(this.zoomButton("−", -1, "Zoom out"), this.zoomButton("+", 1, "Zoom in"), save);
    frame.append(stage, line);
    return frame;
  }

  zoomButton(sign, step, label) {
    const button = make("button", sign, { type: "button", "aria-label": label });
    button.addEventListener("click", () => this.zoomBy(step));
    return button;
  }

  zoomBy(step) {
    this.zoom = Math.max(0, Math.min(ZOOMS.length - 1, this.zoom + step));
    this.canvas.classList.toggle("zoomed", this.zoom > 0);
    this.canvas.style.width = this.zoom ? `${100 * ZOOMS[this.zoom]}%` : "";
    this.scrollToFace();
  }

  draw() {
    const { canvas, entry } = this, pen = canvas.getContext("2d"), { faces, source } = entry.result;
    pen.fillStyle = "#8d99ae";
    if (this.pixels) pen.drawImage(this.pixels, 0, 0, canvas.width, canvas.height);
    else pen.fillRect(0, 0, canvas.width, canvas.height); // the browser does not support this format, the service does
    drawBoxes(canvas, faces, { least: this.least(), selected: this.selected });
    const names = faces.map((face, index) => `face ${index + 1} ${nameOf(face, this.least())}`);
    canvas.setAttribute("aria-label", names.length ? `${source} with ${names.join(", ")}` : `${source}, no face found`);
  }

  faces() {
    const { result, other } = this.entry;
    const column = make("div", "", { class: "faces", role: "group", "aria-label": `Faces of ${result.source}` });
    if (!result.faces.length) column.append(make("p", "No face found."));
    else column.append(make("p", "Arrow keys go from face to face; a number key corrects the label of the selected one.", { class: "hint wide" }));
    result.faces.forEach((face, index) => column.append(this.card(face, index, other?.faces?.[index])));
    return column;
  }

  card(face, index, otherFace) {
    const number = index + 1, least = this.least();
    const card = make("section", "", { class: "face", tabindex: "0", "aria-label": `Face ${number}` });
    card.append(make("h3", `Face ${number}: ${titleOf(face, least)}`));
    if (otherFace) {
      const { result, other } = this.entry, as = (model, one) => `${model}: ${nameOf({ ...one, corrected: "" }, least)}`;
      const titles = [as(result.model, face), as(other.model, otherFace)];
      card.append(bars([face.probabilities, otherFace.probabilities], `Face ${number} by two models`, titles));
    } else card.append(bars([face.probabilities], `Probabilities of face ${number}`));
    card.append(this.correction(face, number));
    card.addEventListener("focus", () => this.select(index));
    card.addEventListener("click", () => this.select(index));
    return card;
  }

  correction(face, number) {
    const label = make("label", "Label: ", { class: "hint" });
    const choice = make("select", "", { "aria-label": `Correct the label of face ${number}` });
    choice.append(new Option("as read", ""), ...this.labels().map((name, at) => new Option(`${at + 1} ${name}`, name)));
    choice.value = face.corrected ?? "";
    choice.addEventListener("change", () => this.correct(face, choice.value));
    label.append(choice);
    return label;
  }

  correct(face, name) {
    if (name) face.corrected = name; else delete face.corrected;
    const focused = document.activeElement?.closest?.(".face") ? this.selected : -1;
    this.refresh();
    if (focused >= 0) this.article.querySelectorAll(".face")[focused].focus();
    this.changed();
  }

  select(index) {
    if (index === this.selected) return;
    this.selected = index;
    this.article.querySelectorAll(".face").forEach((card, at) => card.classList.toggle("selected", at === index));
    this.draw();
    this.scrollToFace();
  }

  /** Scroll a zoomed picture to the selected face. */
  scrollToFace() {
    const face = this.entry.result.faces[this.selected], stage = this.canvas.parentElement;
    if (!face || !this.zoom) return;
    const scale = this.canvas.clientWidth / this.canvas.width;
    stage.scrollTo((scale * (face.box.left + face.box.right) - stage.clientWidth) / 2,
      (scale * (face.box.top + face.box.bottom) - stage.clientHeight) / 2);
  }

  onKey(event) {
    // Shortcuts of the browser, and keys in a list of labels, keep their meaning.
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const cards = [...this.article.querySelectorAll(".face")], at = cards.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (at >= 0 && step) {
      event.preventDefault();
      cards[(at + step + cards.length) % cards.length].focus();
    } else if (cards.length && event.target.tagName === "H2" && event.key.match(/^Arrow(Left|Right)$/)) {
      event.preventDefault(); // the heading has the focus when a picture was opened; up and down scroll the page
      cards.at(step > 0 ? 0 : -1).focus();
    } else if (at >= 0 && (this.labels()[event.key - 1] || event.key === "0")) {
      this.correct(this.entry.result.faces[at], this.labels()[event.key - 1] ?? "");
    } else if (event.key === "+" || event.key === "-") this.zoomBy(event.key === "+" ? 1 : -1);
  }
}
