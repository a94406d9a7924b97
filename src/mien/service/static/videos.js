// The video tab: upload a video, follow its progress, and show, download or delete the results.

import { deleteVideo, fetchResult, findVideo, Problem, sendVideo } from "./api.js";
import { save } from "./downloads.js";
import { takeFiles } from "./files.js";
import { parameters } from "./options.js";
import { drawStrip } from "./strip.js";
import { drawCurves, duration, trackTable } from "./tracks.js";

const by = (id) => document.getElementById(id);
const POLL_MS = 500, AGAIN_MS = 2000, PLAY_AT_ONCE_S = 300;
const AWAY = new Set([0, 502, 503, 504]); // no answer, or that of a proxy in front of a service that is down
const JOB = "mien-video"; // so that a reloaded page finds its video again
const WORDS = {
  "annotated.mp4": "Annotated video", "report.html": "Report", "rows.csv": "Table (CSV)",
  "summary.json": "Summary (JSON)", "timeline.json": "Curves (JSON)", "timeline.png": "Timeline (PNG)",
};

let limits = null, onTrouble = null, sending = null, current = null;

export function startVideos(onProblem) {
  onTrouble = onProblem;
  takeFiles(by("video"), by("video-drop"), [by("video-file")], ([file]) => { if (file && limits) begin(file); });
  by("video-cancel").addEventListener("click", () => guarded(cancel));
  by("video-play").addEventListener("click", () => guarded(play));
  by("video-forget").addEventListener("click", () => guarded(forget));
}

/** Show the limits of videos; null if the service does not accept any. */
export function offerVideos(given) {
  limits = given;
  by("no-videos").hidden = Boolean(given);
  by("videos").hidden = !given;
  if (!given) return;
  const kept = duration(given.keep_jobs_s);
  by("video-limits").textContent = `MP4, WebM, MOV, MKV, AVI and others, up to ${(given.max_video_bytes / 2 ** 20).toFixed(0)} MiB.`;
  by("kept").textContent = `Videos are sent there too: a video is stored until it has been read; its results, including ` +
    `the annotated video, are stored for ${kept} after the upload, unless you delete them.`;
  const known = sessionStorage.getItem(JOB);
  if (known && !current) guarded(() => follow(known));
}

async function begin(file) {
  if (!by("video-work").hidden) return say("Only one video at a time: wait for it, or cancel it.", true);
  if (file.size > limits.max_video_bytes) {
    return say(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MiB, more than the service accepts.`, true);
  }
  clear();
  await guarded(async () => {
    sending = new AbortController();
    progress(`Sending ${file.name} …`, 0);
    try {
      const job = await sendVideo(file, parameters(""), (share) => progress(`Sending ${file.name} …`, share), sending.signal);
      sending = null;
      await follow(job.id);
    } finally {
      sending = null;
    }
  });
}

/** Poll the job until it has ended, also across a restart of the service. */
async function follow(id) {
  current = id;
  sessionStorage.setItem(JOB, id);
  while (current === id) {
    try {
      const job = await findVideo(id);
      if (current !== id) return; // canceled, or another video was sent meanwhile
      if (["done", "failed", "canceled"].includes(job.phase)) return await end(job);
      progress(job.phase === "running" ? `Reading ${job.name} …` : `${job.name} is waiting …`, job.progress);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    } catch (problem) {
      if (!AWAY.has(problem.status)) throw problem;
      say("The service does not answer; trying again …", true);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

async function end(job) {
  by("video-work").hidden = true;
  if (job.phase !== "done") {
    const why = job.phase === "failed" ? `${job.name} could not be read: ${plain(job)}` : `${job.name} was canceled.`;
    clear();
    return say(why, job.phase === "failed");
  }
  const read = async (name) => JSON.parse(await (await fetchResult(job.id, name)).text());
  const [summary, timeline] = [await read("summary.json"), await read("timeline.json")];
  const faces = summary.tracks.length;
  by("video-name").textContent = job.name;
  by("video-summary").textContent = [
    `${duration(summary.seconds)}, ${summary.frames} frames, ${faces} ${faces === 1 ? "face" : "faces"} followed.`,
    ...summary.warnings.map((problem) => `Note: ${problem}.`),
  ].join(" ");
  by("video-tracks").replaceChildren(trackTable(summary.tracks));
  by("video-curves").replaceChildren(...drawCurves(timeline));
  by("video-files").replaceChildren(...job.files.map((name) => download(job, name)));
  by("video-result").hidden = false;
  say("Done.");
  if (summary.seconds <= PLAY_AT_ONCE_S) await play();
}

/** The error without the file name, which the page shows before it, and without codes of the decoding library. */
function plain({ name, error }) {
  const reason = error.startsWith(`${name}: `) ? error.slice(name.length + 2) : error;
  return reason.replace(/ \((Invalid|Errno|\[Errno)[^)]*\)/g, "");
}

async function play() {
  by("video-play").disabled = true;
  // As a blob: a video element cannot send the token.
  const id = current, film = await fetchResult(id, "annotated.mp4").finally(() => { by("video-play").disabled = false; });
  if (current !== id) return;
  by("video-player").src = URL.createObjectURL(film);
  by("video-player").hidden = false;
  by("video-play").hidden = true;
  await drawStrip(by("video-strip"), by("video-player").src);
}

function download(job, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = WORDS[name] ?? name;
  button.setAttribute("aria-label", `${button.textContent}: download ${name}`);
  const saved = `${job.name.replace(/\.[^.]*$/, "")}-${name}`;
  button.addEventListener("click", () => guarded(async () => save(await fetchResult(job.id, name), saved)));
  return button;
}

async function cancel() {
  const id = current;
  if (sending) sending.abort();
  clear(); // at once: the page does not wait for the service
  say("Canceled.");
  if (id) await deleteVideo(id);
}

async function forget() {
  await deleteVideo(current);
  clear();
  say("The video and its results are deleted.");
  by("video-file").focus();
}

function clear() {
  current = null;
  sessionStorage.removeItem(JOB);
  URL.revokeObjectURL(by("video-player").src);
  by("video-player").removeAttribute("src");
  by("video-strip").replaceChildren();
  by("video-player").hidden = by("video-work").hidden = by("video-result").hidden = true;
  by("video-play").hidden = false;
}

function progress(text, share) {
  by("video-work").hidden = false;
  by("video-progress").value = share;
  by("video-share").textContent = `${Math.round(100 * share)}%`;
  if (by("video-status").textContent !== text) say(text); // a screen reader announces each change
}

/** Run `work`, and show the visitor what went wrong. */
async function guarded(work) {
  try {
    await work();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    if (!(problem instanceof Problem)) throw problem;
    by("video-work").hidden = true;
    if (problem.status === 401) onTrouble(problem);
    if (problem.status === 404) clear();
    say(problem.status === 404 ? "The video is no longer there." : `${problem.message}${problem.hint ? ` (${problem.hint})` : ""}`, true);
  }
}

function say(text, trouble = false) {
  by("video-status").textContent = text;
  by("video-status").classList.toggle("trouble", trouble);
}
