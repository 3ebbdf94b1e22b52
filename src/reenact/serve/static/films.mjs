// @ts-check
// Recordings and rendered files: seen, saved, removed. And whole videos as jobs.

import { follow, json, post, request } from "./api.mjs";
import { $, clock, make, save } from "./dom.mjs";

/** Jobs that this page has seen the end of. @type {Set<string>} */
export const known = new Set();

/** A film's place in the list is given up. @param {string} id its job */
export function dropFilm(id) {
  for (const item of $("films").children) if (/** @type {HTMLElement} */ (item).dataset.job === id) item.remove();
}

/** Shows a finished job's film in the list. @param {string} id @param {string} label */
export async function showFilm(id, label) {
  known.add(id);
  const blob = await (await request(`/api/jobs/${id}/result`)).blob();
  const address = URL.createObjectURL(blob);
  const item = make("li", { "data-job": id },
    make("video", { src: address, controls: true, loop: true, muted: true, autoplay: true, playsinline: "" }),
    make("div", {}, make("strong", {}, label), make("span", { class: "hint" }, `${(blob.size / 1e6).toFixed(1)} MB`),
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
    const input = /** @type {HTMLInputElement} */ ($("film-file"));
    $("film-choose").onclick = () => input.click();
    input.onchange = () => { if (input.files?.[0]) this.start(input.files[0]); input.value = ""; };
  }

  /** @param {File} file */
  async start(file) {
    const bar = make("progress", { max: "1" });
    const note = make("span", { class: "hint" }, "sending ...");
    const stop = make("button", { type: "button", class: "quiet" }, "Cancel");
    const item = make("li", {}, make("strong", {}, file.name), bar, make("div", { class: "row" }, note, stop));
    $("tasks").prepend(item);
    const gone = new AbortController();
    stop.onclick = () => { gone.abort(); item.remove(); };
    try {
      const sent = await json(`/api/files?kind=${kindOf(file.name)}`, { method: "POST", body: file, signal: gone.signal, headers: { "content-type": "application/octet-stream" } });
      const output = /** @type {HTMLInputElement} */ ($("film-photo")).checked ? "photo" : "crop";
      const job = await post("/api/jobs", { kind: "animate", portrait: this.on.portrait()?.id, driving: sent.id, options: { ...this.on.options(), output } });
      request(`/api/files/${sent.id}`, { method: "DELETE" }).catch(() => {});
      stop.onclick = () => { request(`/api/jobs/${job.id}`, { method: "DELETE" }).catch(() => {}); item.remove(); };
      await follow(job.id, (now) => this.show(now, item, bar, note, stop));
    } catch (error) {
      if (gone.signal.aborted) return;
      item.classList.add("failed");
      bar.remove();
      note.textContent = error instanceof Error ? error.message : String(error);
      stop.textContent = "Dismiss";
      stop.onclick = () => item.remove();
    }
  }

  /** @param {any} job @param {HTMLElement} item @param {HTMLProgressElement} bar @param {HTMLElement} note @param {HTMLElement} stop */
  show(job, item, bar, note, stop) {
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
