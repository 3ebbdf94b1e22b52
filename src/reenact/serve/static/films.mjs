// @ts-check
// Recordings and rendered files: seen, saved, removed. And whole videos as jobs.

import { ApiError, fits, follow, json, post, request } from "./api.mjs";
import { $, clock, make, save } from "./dom.mjs";

/** Jobs that a page makes, and what they are called. */
const MADE = { animate: "Video", record: "Recording", dub: "Recording with sound" };
const TOLD = 1500; // ms within which the server has told the page of its own recording

/** @typedef {ReturnType<Tasks["row"]>} Row */

/** Jobs that this page shows, or has shown. @type {Set<string>} */
export const known = new Set();

/** A film's place in the list is given up. @param {string} id its job */
export function dropFilm(id) {
  for (const item of [...$("films").children]) if (/** @type {HTMLElement} */ (item).dataset.job === id) item.remove();
}

/** Shows a finished job's film in the list. @param {string} id @param {string} label */
export async function showFilm(id, label) {
  known.add(id);
  const blob = await (await request(`/api/jobs/${id}/result`)).blob();
  const address = URL.createObjectURL(blob);
  const item = make("li", { "data-job": id },
    make("video", { src: address, controls: true, loop: true, muted: true, autoplay: !matchMedia("(prefers-reduced-motion: reduce)").matches, playsinline: "" }),
    make("div", {}, make("strong", { dir: "auto" }, label), make("span", { class: "hint" }, `${(blob.size / 1e6).toFixed(1)} MB`),
      make("div", { class: "row" },
        make("button", { type: "button", onclick: () => save(blob, `reenact-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.mp4`) }, "Download"),
        make("button", { type: "button", class: "quiet", onclick: () => remove() }, "Delete"))));
  const remove = () => {
    item.remove();
    URL.revokeObjectURL(address);
    request(`/api/jobs/${id}`, { method: "DELETE" }).catch(() => {});
  };
  $("films").prepend(item);
}

/** When a job was asked for. @param {any} job */
function hour(job) {
  return new Date(1000 * job.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** A place in the list for a film that is there already: it is fetched when it is to be seen. @param {any} job @param {(line: string) => void} failed */
function offerFilm(job, failed) {
  known.add(job.id);
  const label = `${MADE[/** @type {keyof MADE} */ (job.kind)]} of ${hour(job)}, ${clock((job.total ?? job.done) / 25)}`;
  const show = () => showFilm(job.id, label).then(() => item.remove()).catch((error) => failed(error.message));
  const remove = () => { item.remove(); request(`/api/jobs/${job.id}`, { method: "DELETE" }).catch(() => {}); };
  const item = make("li", { "data-job": job.id }, make("div", {}, make("strong", {}, label), make("div", { class: "row" },
    make("button", { type: "button", onclick: show }, "Show"), make("button", { type: "button", class: "quiet", onclick: remove }, "Delete"))));
  $("films").prepend(item);
}

/** The microphone, while the server records the pictures; both become one film. */
export class Sound {
  constructor() {
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {MediaRecorder | null} */
    this.recorder = null;
    /** @type {Blob[]} */
    this.pieces = [];
    this.run = 0;
  }

  /** Asks for the microphone, if it is wanted; throws one line. @returns {Promise<boolean>} false where `end` came meanwhile */
  async open() {
    await this.end();
    if (!(/** @type {HTMLInputElement} */ ($("sound")).checked)) return true;
    const run = this.run;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      if (run !== this.run) return false;
      throw new Error(`the microphone cannot be opened (${/** @type {any} */ (error)?.message ?? error}): untick it, or allow it`);
    }
    if (run === this.run) this.stream = stream;
    else stream.getTracks().forEach((track) => track.stop());
    return run === this.run;
  }

  /** The pictures are being recorded from now on. */
  begin() {
    if (!this.stream) return;
    /** @type {Blob[]} */
    const pieces = (this.pieces = []);
    this.recorder = new MediaRecorder(this.stream);
    this.recorder.ondataavailable = ({ data }) => { if (data.size) pieces.push(data); };
    this.recorder.start(1000);
  }

  /** What was heard; null where nothing was. @returns {Promise<Blob | null>} */
  async end() {
    const { recorder, stream, pieces } = this;
    this.run += 1;
    this.recorder = this.stream = null;
    if (recorder && recorder.state !== "inactive") {
      await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
    }
    stream?.getTracks().forEach((track) => track.stop());
    return recorder && pieces.length ? new Blob(pieces, { type: recorder.mimeType }) : null;
  }

  /** The job of the film with its sound; the silent one is removed. @param {string} film its job @param {Blob} heard @param {number} delay seconds */
  async under(film, heard, delay) {
    const sent = await json("/api/files?kind=sound", { method: "POST", body: heard, headers: { "content-type": "application/octet-stream" } });
    const job = await post("/api/jobs", { kind: "dub", film, driving: sent.id, options: { delay } });
    known.add(job.id);
    let last = job;
    await follow(job.id, (now) => { last = now; });
    request(`/api/files/${sent.id}`, { method: "DELETE" }).catch(() => {});
    if (last.state !== "done") throw new Error(`${last.error ?? "the sound could not be added"}: the film is silent`);
    request(`/api/jobs/${film}`, { method: "DELETE" }).catch(() => {});
    return job.id;
  }
}

export class Tasks {
  /** @param {{portrait: () => any, options: () => object, failed: (line: string) => void}} on */
  constructor(on) {
    this.on = on;
    /** @type {Set<string>} */
    this.awaited = new Set();
    const input = /** @type {HTMLInputElement} */ ($("film-file"));
    $("film-choose").onclick = () => input.click();
    input.onchange = () => { if (input.files?.[0]) this.start(input.files[0]); input.value = ""; };
  }

  /** @param {File} file */
  async start(file) {
    const row = this.row(file.name);
    const gone = new AbortController();
    row.stop.onclick = () => { gone.abort(); row.item.remove(); };
    try {
      fits(file, "video");
      row.note.textContent = "sending ...";
      const sent = await json(`/api/files?kind=${kindOf(file.name)}`, { method: "POST", body: file, signal: gone.signal, headers: { "content-type": "application/octet-stream" } });
      const output = /** @type {HTMLInputElement} */ ($("film-photo")).checked ? "photo" : "crop";
      const job = await post("/api/jobs", { kind: "animate", portrait: this.on.portrait()?.id, driving: sent.id, options: { ...this.on.options(), output } });
      request(`/api/files/${sent.id}`, { method: "DELETE" }).catch(() => {});
      if (gone.signal.aborted) return void request(`/api/jobs/${job.id}`, { method: "DELETE" }).catch(() => {});
      await this.until(job.id, row);
    } catch (error) {
      if (!gone.signal.aborted) this.failed(error, row);
    }
  }

  /** What the server has and does already: of this page before it was loaded again, or while it was away. */
  async gather() {
    const { jobs } = await json("/api/jobs").catch(() => ({ jobs: [] }));
    for (const job of jobs.filter((/** @type {any} */ one) => one.kind in MADE && !known.has(one.id))) {
      const going = job.state === "queued" || job.state === "running";
      if (going && job.kind === "record") this.recorded(job.id);
      else if (job.state === "done") offerFilm(job, this.on.failed);
      else if (going || job.state === "failed") {
        const row = this.row(`${MADE[/** @type {keyof MADE} */ (job.kind)]} of ${hour(job)}`);
        this.until(job.id, row).catch((error) => this.failed(error, row));
      }
    }
  }

  /** A recording that was going on when the page came: offered at its end, unless the page is told of it. @param {string} id */
  async recorded(id) {
    if (this.awaited.has(id)) return;
    this.awaited.add(id);
    /** @type {any} */
    let last = {};
    await follow(id, (now) => { last = now; }).catch(() => {});
    await new Promise((done) => setTimeout(done, TOLD));
    this.awaited.delete(id);
    if (last.state === "done" && !known.has(id)) offerFilm(last, this.on.failed);
  }

  /** A place in the list. @param {string} name */
  row(name) {
    const bar = make("progress", { max: "1" });
    const note = make("span", { class: "hint" });
    const stop = make("button", { type: "button", class: "quiet" }, "Cancel");
    const item = make("li", {}, make("strong", { dir: "auto" }, name), bar, make("div", { class: "row" }, note, stop));
    $("tasks").prepend(item);
    return { item, bar, note, stop };
  }

  /** @param {string} id a job's @param {Row} row */
  async until(id, row) {
    known.add(id);
    row.stop.onclick = () => { request(`/api/jobs/${id}`, { method: "DELETE" }).catch(() => {}); row.item.remove(); };
    try {
      await follow(id, (now) => this.show(now, row));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      row.item.remove(); // another page has cancelled or deleted it
    }
  }

  /** @param {unknown} error @param {Row} row */
  failed(error, { item, bar, note, stop }) {
    item.classList.add("failed");
    bar.remove();
    note.textContent = error instanceof Error ? error.message : String(error);
    stop.textContent = "Dismiss";
  }

  /** @param {any} job @param {Row} row */
  show(job, { item, bar, note, stop }) {
    if (job.state === "queued") note.textContent = job.waiting_for ? `${job.waiting_for} before it` : "waiting";
    if (job.state === "running") {
      if (job.total) bar.value = job.done / job.total;
      note.textContent = job.total ? `${job.done} of ${job.total} frames` : `${job.done} frames`;
    }
    if (job.state === "failed") throw new Error(job.error);
    if (job.state === "done") {
      item.remove();
      showFilm(job.id, `${item.firstChild?.textContent}, ${clock((job.total ?? 0) / 25)}`).catch((error) => this.on.failed(error.message));
    }
    stop.hidden = job.state === "done";
  }
}

/** @param {string} name */
function kindOf(name) {
  const ending = name.toLowerCase().split(".").pop() ?? "";
  return { npz: "take", csv: "csv", json: "json" }[ending] ?? "video";
}
