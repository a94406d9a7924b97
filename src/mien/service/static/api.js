// Requests to the service: addresses, token and errors.

const TOKEN = "mien-token";

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `the service answered ${status}`);
    this.status = status;
    this.hint = body.hint;
  }
}

export const setToken = (token) => sessionStorage.setItem(TOKEN, token);

/** The model of the service, and the limits of requests. */
export const fetchModel = () => ask("/v1/model");

/** The result of a picture; for one that cannot be read, a record with its error. */
export async function predict(file, parameters) {
  const form = new FormData();
  form.append("files", file, file.name);
  try {
    return (await ask(`/v1/predict?${parameters}`, { method: "POST", body: form })).results[0];
  } catch (problem) {
    if (!(problem instanceof Problem && [413, 415, 422].includes(problem.status))) throw problem;
    const hint = problem.hint ? `; ${problem.hint}` : "";
    return { schema: 2, source: file.name, error: problem.message + hint };
  }
}

/** A WebSocket that takes frames. */
export function openStream(parameters) {
  const token = sessionStorage.getItem(TOKEN);
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream?${parameters}`;
  // A page cannot set headers of a WebSocket; the token is offered as a subprotocol.
  const socket = new WebSocket(address, token ? ["mien.v1", `mien.token.${token}`] : ["mien.v1"]);
  socket.binaryType = "blob";
  return socket;
}

/** Upload a video; resolves to its job. `onShare` is called with the share that was sent. */
export function sendVideo(file, parameters, onShare, signal) {
  return new Promise((resolve, reject) => { // fetch does not report the progress of an upload
    const request = new XMLHttpRequest();
    parameters.set("name", file.name);
    request.open("POST", `/v1/video?${parameters}`);
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onShare(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Problem(request.status, request.response ?? {}));
    });
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(new DOMException("canceled", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export const findVideo = (id) => ask(`/v1/video/${id}`);

/** Cancel a job, or delete a finished one with its results. */
export const deleteVideo = (id) => ask(`/v1/video/${id}`, { method: "DELETE" });

/** A result of a video, as a blob. */
export const fetchResult = async (id, name) => (await answer(`/v1/video/${id}/files/${name}`)).blob();

function authorization() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

const unreachable = () => new Problem(0, { detail: "the service does not answer", hint: "is it still running?" });

async function answer(address, options = {}) {
  const response = await fetch(address, { ...options, headers: authorization() }).catch(() => { throw unreachable(); });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response;
}

const ask = async (address, options) => (await answer(address, options)).json();
