// Small frames of a video at equal intervals, above its timeline.

import { make } from "./drawing.js";
import { duration } from "./tracks.js";

const COUNT = 8, HEIGHT = 54;

/** Fill `strip` with frames of the video at `source`; one that cannot be played leaves it empty. */
export async function drawStrip(strip, source) {
  const film = document.createElement("video");
  Object.assign(film, { muted: true, preload: "auto", src: source });
  if (!(await happens(film, "loadeddata")) || !Number.isFinite(film.duration)) return;
  const frames = [];
  for (let index = 0; index < COUNT; index += 1) {
    film.currentTime = ((index + 0.5) * film.duration) / COUNT;
    if (!(await happens(film, "seeked"))) return;
    const canvas = make("canvas", "", { role: "img", "aria-label": `Frame at ${duration(film.currentTime)}` });
    [canvas.width, canvas.height] = [Math.round((HEIGHT * film.videoWidth) / film.videoHeight), HEIGHT];
    canvas.getContext("2d").drawImage(film, 0, 0, canvas.width, canvas.height);
    frames.push(canvas);
  }
  strip.replaceChildren(...frames);
  film.removeAttribute("src");
}

const happens = (film, name) => new Promise((resolve) => {
  film.addEventListener(name, () => resolve(true), { once: true });
  film.addEventListener("error", () => resolve(false), { once: true });
});
