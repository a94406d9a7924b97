// The page: model and limits, token, tabs.

import { fetchModel, setToken } from "./api.js";
import { startLive, stop } from "./live.js";
import { offerOptions } from "./options.js";
import { startPhotos } from "./photos.js";
import { offerVideos, startVideos } from "./videos.js";

const by = (id) => document.getElementById(id);
const tabs = [...document.querySelectorAll('[role="tab"]')];
let model = null;

function choose(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", chosen);
    other.tabIndex = chosen ? 0 : -1;
    by(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (tab.id !== "tab-live") stop("Stopped."); // a camera that is not shown is not left on
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    // Keyboard pattern of tabs: https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

async function introduce() {
  try {
    model = await fetchModel();
  } catch (problem) {
    onProblem(problem);
    return;
  }
  by("token-form").hidden = true;
  by("notice").textContent = model.use_notice;
  const { limits } = model;
  by("limits").textContent = `${limits.formats.join(", ")}, up to ${(limits.max_body_bytes / 2 ** 20).toFixed(0)}\u00a0MiB ` +
    `and ${(limits.max_pixels / 1e6).toFixed(0)} million pixels each.`;
  offerOptions(model);
  offerVideos(limits.videos);
  by("model").textContent =
    `Model ${model.models[0]} ${model.version} (sha256 ${model.sha256.slice(0, 12)}…), detector ${model.detector}.`;
}

function onProblem(problem) {
  if (problem.status === 401) by("token-form").hidden = false;
  else by("status").textContent = problem.message;
}

by("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(by("token").value.trim());
  introduce();
});

by("host").textContent = location.host;
startPhotos(onProblem, () => model);
startLive();
startVideos(onProblem);
introduce();
