// The last 30 seconds of one face: a line for each expression.

import { colorOf } from "./drawing.js";

const SPAN_MS = 30_000;

export class Timeline {
  constructor(canvas, number) {
    Object.assign(this, { canvas, number, points: [] });
  }

  /** Add the current probabilities; null, where the face was not found, leaves a gap. */
  add(probabilities, now = performance.now()) {
    this.points.push({ at: now, probabilities });
    while (this.points.length && this.points[0].at < now - SPAN_MS) this.points.shift();
    this.draw(now);
  }

  draw(now) {
    const { canvas } = this, scale = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    const pen = canvas.getContext("2d");
    pen.lineWidth = 2 * scale;
    pen.lineJoin = "round";
    const last = this.points.findLast((point) => point.probabilities)?.probabilities ?? {};
    for (const name of Object.keys(last)) {
      pen.strokeStyle = colorOf(name);
      pen.beginPath();
      let drawing = false;
      for (const { at, probabilities } of this.points) {
        const x = canvas.width * (1 - (now - at) / SPAN_MS);
        if (probabilities) {
          const y = canvas.height * (0.97 - 0.94 * probabilities[name]);
          if (drawing) pen.lineTo(x, y); else pen.moveTo(x, y);
        }
        drawing = Boolean(probabilities);
      }
      pen.stroke();
    }
    const [top] = Object.entries(last).sort((a, b) => b[1] - a[1]);
    canvas.setAttribute("aria-label", `Face ${this.number} over the last half minute${top ? `; now mostly ${top[0]}` : ""}`);
  }
}
