// The camera tab: frames go to the service over a WebSocket; each is shown together with its own result.

import { openStream } from "./api.js";
import { bars, drawBoxes, make, titleOf, updateBars } from "./drawing.js";
import { least, parameters } from "./options.js";
import { Timeline } from "./timeline.js";

const by = (id) => document.getElementById(id);
const LONG_SIDE = 640, QUALITY = 0.85, FRAMES_PER_S = 25, IN_FLIGHT = 2, PACE_SPAN = 30, FORGET_MS = 5000, MOST_GONE = 3;
const KEPT_MS = 2000; // for so long labels stay numbers, so that their form does not flicker
const INSECURE = "Browsers allow the camera only on localhost or over HTTPS: open http://localhost or use TLS.";
const WHY = {
  NotAllowedError: "Access to the camera was denied. Allow it for this page in the browser's address bar, then start again.",
  NotFoundError: "No camera was found. Connect one, then start again.",
  NotReadableError: "The camera is in use by another program, or defective.",
  OverconstrainedError: "The camera does not provide a suitable picture.",
};

let session = null;

export function startLive() {
  by("camera").addEventListener("click", () => (session ? stop("Stopped.") : start()));
  if (!navigator.mediaDevices) by("live-empty").textContent = INSECURE;
  by("smoothing").addEventListener("input", () => { if (session) sendSmoothing(session); });
}

/** Stop camera and socket; `why` is shown. */
export function stop(why = "") {
  if (!session) return;
  clearInterval(session.timer);
  session.camera.getTracks().forEach((track) => track.stop());
  session.socket.close();
  session = null;
  by("camera").textContent = "Start the camera";
  by("live-result").hidden = true;
  by("live-empty").hidden = false;
  say(why);
}

/** Start the camera; the button is disabled meanwhile, so that it is not started twice. */
async function start() {
  const button = by("camera"), focused = document.activeElement === button;
  button.disabled = true;
  try {
    await openCamera();
  } finally {
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus();
  }
}

async function openCamera() {
  if (!navigator.mediaDevices) {
    say(INSECURE, true);
    return;
  }
  say("Waiting for permission to use the camera …");
  let camera;
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
  } catch (error) {
    say(WHY[error.name] ?? `The camera cannot be used: ${error.message}`, true);
    return;
  }
  const video = document.createElement("video");
  Object.assign(video, { srcObject: camera, muted: true, playsInline: true });
  await video.play();
  if (by("live").hidden) { // the visitor has left the tab while the browser asked for permission
    camera.getTracks().forEach((track) => track.stop());
    return;
  }
  camera.getVideoTracks()[0].addEventListener("ended", () => stop("The camera was disconnected."));
  begin(camera, video);
}

function begin(camera, video) {
  const scale = Math.min(1, LONG_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const frame = document.createElement("canvas");
  [frame.width, frame.height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
  const socket = openStream(parameters(""));
  session = {
    camera, video, frame, socket, sent: 0, busy: false, waiting: new Map(), paces: [], faces: [], cards: new Map(), timer: 0,
    crowded: -Infinity,
  };
  const mine = session; // events of an earlier session must not change this one
  socket.addEventListener("open", () => {
    sendSmoothing(mine);
    mine.timer = setInterval(() => send(mine), 1000 / FRAMES_PER_S);
    say("Live.");
  });
  socket.addEventListener("message", (event) => { if (session === mine) receive(mine, JSON.parse(event.data)); });
  socket.addEventListener("close", () => { if (session === mine) stop(mine.why ?? "The service closed the stream."); });
  by("camera").textContent = "Stop the camera";
  by("live-result").hidden = false;
  by("live-empty").hidden = true;
  by("live-faces").replaceChildren();
  by("smoothing-value").textContent = smoothingText();
}

/** Send the newest frame unless enough are in flight; two of them keep the service busy without adding delay. */
function send(mine) {
  if (mine.busy || mine.waiting.size >= IN_FLIGHT || mine.socket.readyState !== WebSocket.OPEN) return;
  mine.busy = true;
  mine.frame.getContext("2d").drawImage(mine.video, 0, 0, mine.frame.width, mine.frame.height);
  mine.frame.toBlob(async (blob) => {
    const pixels = await createImageBitmap(mine.frame); // kept to be shown with its result
    mine.busy = false;
    if (mine.socket.readyState !== WebSocket.OPEN) return;
    mine.waiting.set(++mine.sent, { at: performance.now(), pixels });
    mine.socket.send(blob);
  }, "image/jpeg", QUALITY);
}

/** The service smooths each track; only the time constant is set here. */
function sendSmoothing(mine) {
  by("smoothing-value").textContent = smoothingText();
  if (mine.socket.readyState !== WebSocket.OPEN) return;
  mine.socket.send(JSON.stringify({ smoothing_s: Number(by("smoothing").value) }));
}

const smoothingText = () => `${Number(by("smoothing").value).toFixed(1)}\u00a0s`;

function receive(mine, result) {
  if (result.frame === undefined || result.error) {
    mine.why = result.detail ?? result.error;
    if (result.frame === undefined) return;
  }
  const { at, pixels } = mine.waiting.get(result.frame);
  // The service answers in order, so frames before this one were dropped; their pixels are released.
  for (const [number, waiting] of mine.waiting) {
    if (number < result.frame) waiting.pixels.close();
    if (number <= result.frame) mine.waiting.delete(number);
  }
  mine.paces = [...mine.paces, { at: performance.now(), delay: performance.now() - at }].slice(-PACE_SPAN);
  mine.faces = result.faces ?? [];
  show(mine, pixels);
  pixels.close();
}

function show(mine, pixels) {
  const view = by("view"), mirrored = by("mirror").checked;
  [view.width, view.height] = [pixels.width, pixels.height];
  const pen = view.getContext("2d");
  pen.save();
  if (mirrored) pen.setTransform(-1, 0, 0, 1, view.width, 0);
  pen.drawImage(pixels, 0, 0);
  pen.restore();
  const numbered = performance.now() - mine.crowded < KEPT_MS;
  if (drawBoxes(view, mine.faces, { mirrored, least: least(), numbered }) && !numbered) mine.crowded = performance.now();
  showTracks(mine);
  by("pace").textContent = pace(mine.paces);
}

/** A card for each track; that of a face that is gone stays for a while, since it may return under its number. */
function showTracks(mine) {
  const now = performance.now(), seen = new Map(mine.faces.map((face) => [face.track_id, face]));
  for (const face of mine.faces) {
    if (!mine.cards.has(face.track_id)) mine.cards.set(face.track_id, addCard(face));
    const card = mine.cards.get(face.track_id);
    card.seen = now;
    card.heading.textContent = `Face ${face.track_id}: ${titleOf(face, least())}`;
    updateBars(card.bars, face.probabilities);
  }
  const gone = [...mine.cards].filter(([number]) => !seen.has(number)).sort(([, a], [, b]) => b.seen - a.seen);
  gone.forEach(([number, card], place) => {
    if (place < MOST_GONE && now - card.seen <= FORGET_MS) {
      card.heading.textContent = `Face ${number}: gone`;
      return;
    }
    card.section.remove();
    mine.cards.delete(number);
  });
  for (const [number, { section, timeline }] of mine.cards) {
    section.classList.toggle("gone", !seen.has(number));
    timeline.add(seen.get(number)?.probabilities ?? null, now);
  }
  by("live-none").hidden = mine.cards.size > 0;
}

function addCard(face) {
  const number = face.track_id, section = make("section", "", { class: "face", "aria-label": `Face ${number}` });
  const heading = make("h3"), shown = bars([face.probabilities], `Probabilities of face ${number}`);
  const canvas = make("canvas", "", { class: "minute", role: "img" });
  section.append(heading, shown, canvas);
  by("live-faces").append(section);
  return { section, heading, bars: shown, timeline: new Timeline(canvas, number), seen: 0 };
}

function pace(paces) {
  const span = paces.at(-1).at - paces[0].at;
  const delay = paces.map((one) => one.delay).sort((a, b) => a - b)[paces.length >> 1];
  const rate = span > 0 ? (1000 * (paces.length - 1)) / span : 0;
  return `${rate.toFixed(1)} frames/s, ${Math.round(delay)}\u00a0ms from camera to result`;
}

function say(text, trouble = false) {
  by("live-status").textContent = text;
  by("live-status").classList.toggle("trouble", trouble);
}
