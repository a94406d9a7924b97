// The tab of the camera: frames go over the socket, results come back, and the page shows both.

import { openStream } from "./api.js";
import { drawBoxes, faceTable, updateTable } from "./drawing.js";
import { Timeline } from "./timeline.js";

const by = (id) => document.getElementById(id);
const LONG_SIDE = 640, QUALITY = 0.85, FRAMES_PER_S = 25, IN_FLIGHT = 2, PACE_SPAN = 30;
const WHY = {
  NotAllowedError: "The camera was refused. Allow it for this page in the browser's address bar, then start again.",
  NotFoundError: "No camera was found. Connect one, then start again.",
  NotReadableError: "The camera is in use by another program, or broken.",
  OverconstrainedError: "The camera cannot give a picture that fits.",
};

let session = null;

export function startLive() {
  by("camera").addEventListener("click", () => (session ? stop("Stopped.") : start()));
  by("smoothing").addEventListener("input", () => { if (session) sendSmoothing(session); });
}

/** Stop camera and socket, as when the tab is left. */
export function stop(why = "") {
  if (!session) return;
  clearInterval(session.timer);
  session.camera.getTracks().forEach((track) => track.stop());
  session.socket.close();
  session = null;
  by("camera").textContent = "Start the camera";
  say(why);
}

/** Start the camera; the button waits meanwhile, so that no second one is started beside it. */
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
    say("Browsers give the camera only to pages of this machine or over HTTPS: open http://localhost or use TLS.", true);
    return;
  }
  say("Asking for the camera …");
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
  if (by("live").hidden) { // the visitor left while the camera was being asked for
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
  const socket = openStream();
  session = {
    camera, video, frame, socket, sent: 0, answered: 0, busy: false, waiting: new Map(), paces: [], faces: [],
    timeline: new Timeline(by("timeline")), timer: 0,
  };
  const mine = session;
  socket.addEventListener("open", () => {
    sendSmoothing(mine);
    mine.timer = setInterval(() => send(mine), 1000 / FRAMES_PER_S);
    say("Live.");
  });
  socket.addEventListener("message", (event) => { if (session === mine) receive(mine, JSON.parse(event.data)); });
  socket.addEventListener("close", () => { if (session === mine) stop(mine.why ?? "The service closed the stream."); });
  by("camera").textContent = "Stop the camera";
  by("live-result").hidden = false;
  by("live-faces").replaceChildren();
}

/** Send the newest frame unless enough are on their way; the service drops what it cannot keep up with. */
function send(mine) {
  if (mine.busy || mine.waiting.size >= IN_FLIGHT || mine.socket.readyState !== WebSocket.OPEN) return;
  mine.busy = true;
  mine.frame.getContext("2d").drawImage(mine.video, 0, 0, mine.frame.width, mine.frame.height);
  mine.frame.toBlob(async (blob) => {
    const pixels = await createImageBitmap(mine.frame);
    mine.busy = false;
    if (mine.socket.readyState !== WebSocket.OPEN) return;
    mine.waiting.set(++mine.sent, { at: performance.now(), pixels });
    mine.socket.send(blob);
  }, "image/jpeg", QUALITY);
}

/** The service smooths each track; here only the time constant is chosen. */
function sendSmoothing(mine) {
  if (mine.socket.readyState !== WebSocket.OPEN) return;
  mine.socket.send(JSON.stringify({ smoothing_s: Number(by("smoothing").value) }));
}

function receive(mine, result) {
  if (result.frame === undefined || result.error) {
    mine.why = result.detail ?? result.error;
    if (result.frame === undefined) return;
  }
  const { at, pixels } = mine.waiting.get(result.frame);
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
  drawBoxes(view, mine.faces, mirrored);
  const tables = by("live-faces");
  while (tables.children.length > mine.faces.length) tables.lastChild.remove();
  mine.faces.forEach((face, index) => {
    if (tables.children[index]) updateTable(tables.children[index], face, face.track_id);
    else tables.append(faceTable(face, face.track_id));
  });
  const area = ({ box }) => (box.right - box.left) * (box.bottom - box.top);
  const largest = mine.faces.reduce((best, face) => (best && area(best) >= area(face) ? best : face), null);
  mine.timeline.add(largest?.probabilities ?? null);
  by("pace").textContent = pace(mine.paces);
}

function pace(paces) {
  const span = paces.at(-1).at - paces[0].at;
  const delay = paces.map((one) => one.delay).sort((a, b) => a - b)[paces.length >> 1];
  const rate = span > 0 ? (1000 * (paces.length - 1)) / span : 0;
  return `${rate.toFixed(1)} frames/s, ${Math.round(delay)} ms from camera to result`;
}

function say(text, trouble = false) {
  by("live-status").textContent = text;
  by("live-status").classList.toggle("trouble", trouble);
}
