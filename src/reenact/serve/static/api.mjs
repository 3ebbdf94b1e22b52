// @ts-check
// The token and plain requests. The token comes in the address behind the #, where no server or log sees it.

const KEY = "reenact.token";
const FINAL = ["done", "failed", "cancelled"];
const LONGEST = 15000; // ms between two attempts
/** How much may be sent, MB, as the server says. @type {Record<string, number>} */
const limits = {};
/** What is kept where the browser keeps nothing for pages. @type {Map<string, string>} */
const held = new Map();

/** What this tab keeps under a name, over a reload where the browser lets it. @param {string} name */
export function kept(name) {
  try {
    return sessionStorage.getItem(name) ?? held.get(name);
  } catch {
    return held.get(name);
  }
}

/** @param {string} name @param {string} value */
export function keep(name, value) {
  held.set(name, value);
  try {
    sessionStorage.setItem(name, value);
  } catch { /* forbidden: until the next reload, then */ }
}

/** The token; taken from the address once, then kept for this tab. @param {boolean} tidy whether the address loses it */
export function token(tidy = false) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keep(KEY, given);
    if (tidy) history.replaceState(null, "", location.pathname);
  }
  return kept(KEY) ?? "";
}

/** A name for this tab that outlives a reload, so that the server finds its session again. */
export function client() {
  let name = kept("reenact.client");
  if (!name) {
    name = [...crypto.getRandomValues(new Uint8Array(12))].map((value) => value.toString(16).padStart(2, "0")).join("");
    keep("reenact.client", name);
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
    if (info.ready) {
      Object.assign(limits, info.limits);
      return info;
    }
    loading();
    await new Promise((done) => setTimeout(done, 400));
  }
}

/** Throws one line for a file that the server would refuse, before it is sent. @param {Blob} file @param {"image" | "video"} kind */
export function fits(file, kind) {
  const most = limits[`${kind}_mb`] ?? Infinity;
  if (file.size > 1e6 * most) throw new ApiError(413, `the file has ${Math.ceil(file.size / 1e6)} MB, ${most} may be: give a smaller one`);
  if (!file.size) throw new ApiError(400, "the file is empty: give another one");
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

/** The events of a job, until its last; where they break off they are asked for again. Throws ApiError 404 for a job that is gone.
 * @param {string} id @param {(job: any) => void} seen */
export async function follow(id, seen) {
  for (let tries = 0; ; tries += 1) {
    let state = "";
    await events(id, (job) => {
      ({ state } = job);
      tries = 0;
      seen(job);
    });
    if (FINAL.includes(state)) return;
    await new Promise((done) => setTimeout(done, Math.min(LONGEST, 1000 * 2 ** tries)));
  }
}

/** As far as the connection holds. @param {string} id @param {(job: any) => void} seen */
async function events(id, seen) {
  let answer;
  try {
    answer = await request(`/api/jobs/${id}/events`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 404) throw error;
    return; // no server, an old token, or a proxy's answer
  }
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const line = part.split("\n").find((one) => one.startsWith("data: "));
      if (line) seen(JSON.parse(line.slice(6)));
    }
  }
}
