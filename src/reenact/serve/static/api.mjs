// @ts-check
// The token and plain requests. The token comes in the address behind the #, where no server or log sees it.

const KEY = "reenact.token";

/** The token; taken from the address once, then kept for this tab. @param {boolean} tidy whether the address loses it */
export function token(tidy = false) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    if (tidy) history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

/** A name for this tab that outlives a reload, so that the server finds its session again. */
export function client() {
  let name = sessionStorage.getItem("reenact.client");
  if (!name) {
    name = [...crypto.getRandomValues(new Uint8Array(12))].map((value) => value.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("reenact.client", name);
  }
  return name;
}

export class ApiError extends Error {
  /** @param {number} status @param {string} line */
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

/** A request with the token; ApiError carries the server's one line. @param {string} path @param {RequestInit} options */
export async function request(path, options = {}) {
  const headers = { ...options.headers, authorization: `Bearer ${token()}` };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new ApiError(0, "the program behind this page does not answer: is reenact serve still running?");
  }
  if (answer.ok) return answer;
  let line = `${answer.status} ${answer.statusText}`;
  try {
    line = (await answer.json()).error ?? line;
  } catch { /* no JSON: the status says it */ }
  throw new ApiError(answer.status, line);
}

/** @param {string} path @param {RequestInit} [options] */
export async function json(path, options) {
  return (await request(path, options)).json();
}

/** What the server says of itself, once its weights are loaded. @param {() => void} [loading] called while they are not */
export async function ready(loading = () => {}) {
  for (;;) {
    const info = await json("/api/info");
    if (info.ready) return info;
    loading();
    await new Promise((done) => setTimeout(done, 400));
  }
}

/** @param {string} path @param {object} body */
export function post(path, body) {
  return json(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** A socket's address and protocols. @param {string} path @returns {[string, string[]]} */
export function socketTo(path) {
  const names = ["reenact.1"];
  if (token()) names.push(`token.${token()}`);
  return [`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`, names];
}

/** The events of a job, until its last. @param {string} id @param {(job: any) => void} seen */
export async function follow(id, seen) {
  const answer = await request(`/api/jobs/${id}/events`);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += decoder.decode(value, { stream: true });
    const parts = held.split("\n\n");
    held = parts.pop() ?? "";
    for (const part of parts) {
      const line = part.split("\n").find((one) => one.startsWith("data: "));
      if (line) seen(JSON.parse(line.slice(6)));
    }
  }
}
