// Talks to the service; knows addresses and the token, and nothing of the page.

const TOKEN = "mien-token";

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `the service answered ${status}`);
    this.status = status;
    this.hint = body.hint;
  }
}

export const setToken = (token) => sessionStorage.setItem(TOKEN, token);

/** What answers here, and its limits. */
export const fetchModel = () => ask("/v1/model");

/** The results of one or many files, in order; a picture that cannot be read is a result with its error. */
export async function predict(files) {
  const form = new FormData();
  files.forEach((file) => form.append("files", file, file.name));
  try {
    return (await ask("/v1/predict", { method: "POST", body: form })).results;
  } catch (problem) {
    const ofPicture = problem instanceof Problem && [413, 415, 422].includes(problem.status);
    if (files.length > 1 || !ofPicture) throw problem;
    return [{ schema: 1, source: files[0].name, error: problem.message }];
  }
}

/** An open socket that takes frames. */
export function openStream() {
  const token = sessionStorage.getItem(TOKEN);
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`;
  const socket = new WebSocket(address, token ? ["mien.v1", `mien.token.${token}`] : ["mien.v1"]);
  socket.binaryType = "blob";
  return socket;
}

async function ask(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(address, { ...options, headers });
  } catch {
    throw new Problem(0, { detail: "the service does not answer", hint: "is it still running?" });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}
