// @ts-check
// The portrait: dropped, chosen or taken with the camera; who is in it is asked before it is sent.

import { ApiError, fits, json, post, ready, request } from "./api.mjs";
import { reason, whyNoCamera } from "./camera.mjs";
import { $, ask, make } from "./dom.mjs";

const PLAIN = "JPEG, PNG or WebP. Or drop one on the picture.";

export class PortraitBox {
  /** @param {{chosen: (sent: any) => void, failed: (line: string) => void}} on */
  constructor(on) {
    this.on = on;
    /** @type {any} */
    this.sent = null;
    /** @type {{blob: Blob, consent: string} | null} */
    this.own = null;
    const input = /** @type {HTMLInputElement} */ ($("photo"));
    input.onchange = () => { if (input.files?.[0]) this.offer(input.files[0]); input.value = ""; };
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-do]"))) {
      button.onclick = () => (button.dataset.do === "choose" ? input.click() : this.shoot());
    }
    /** @type {HTMLSelectElement} */ ($("which-face")).onchange = ({ target }) => this.choose(Number(/** @type {HTMLSelectElement} */ (target).value));
    this.dropping();
  }

  dropping() {
    const place = $("picture");
    let inside = 0;
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("dragenter", () => { inside += 1; place.classList.add("dropping"); });
    addEventListener("dragleave", () => { inside -= 1; if (inside <= 0) place.classList.remove("dropping"); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      inside = 0;
      place.classList.remove("dropping");
      const file = event.dataTransfer?.files[0];
      if (file) this.offer(file);
    });
  }

  async shoot() {
    const no = whyNoCamera();
    if (no) return this.on.failed(no);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 } } });
    } catch (error) {
      return this.on.failed(reason(error));
    }
    const video = /** @type {HTMLVideoElement} */ ($("shot-video"));
    video.srcObject = stream;
    video.play();
    const answer = await ask(/** @type {HTMLDialogElement} */ ($("shot")));
    const canvas = new OffscreenCanvas(video.videoWidth || 1, video.videoHeight || 1);
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    if (answer === "take") await this.offer(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 }));
  }

  /** @param {Blob} blob */
  async offer(blob) {
    if (/^(video|audio)\//.test(blob.type)) {
      return this.note("this is a film, not a photo: choose Video under Driven by, or Animate a whole video", true);
    }
    const consent = await ask(/** @type {HTMLDialogElement} */ ($("consent")));
    if (!consent) return;
    const before = this.own;
    this.own = { blob, consent };
    if (!(await this.send(1))) this.own = before;
  }

  /** Sends the photo that is held. @param {number} face which, from 1 @returns {Promise<boolean>} whether it was taken */
  async send(face) {
    if (!this.own) return false;
    const form = new FormData();
    form.append("face", String(face));
    form.append("consent", this.own.consent);
    form.append("photo", this.own.blob, "photo");
    this.note("reading ...");
    try {
      fits(this.own.blob, "image");
      this.use(await json("/api/portraits", { method: "POST", body: form }));
      return true;
    } catch (error) {
      this.note(error instanceof ApiError ? error.message : String(error), true);
      return false;
    }
  }

  /** Another face of the photo. @param {number} face from 1 */
  async choose(face) {
    const { sent } = this;
    try {
      await this.use(await post(`/api/portraits/${sent.id}/face`, { face }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404 && this.own && await this.send(face)) return;
      if (this.sent === sent) /** @type {HTMLSelectElement} */ ($("which-face")).value = String(sent.face);
      this.note(error instanceof Error ? error.message : String(error), true);
    }
  }

  /** The server no longer has it (it was restarted): it is sent again, or the server's own is taken. @param {string} line what it said */
  async again(line) {
    const before = this.sent;
    if (this.own) return this.send(before?.face ?? 1);
    try {
      const [kept] = (await ready()).portraits;
      if (!kept || kept.id === before?.id) return this.note(line, true);
      await this.use(kept);
      if (kept.faces === before?.faces && kept.face !== before.face) await this.choose(before.face);
    } catch (error) {
      this.note(error instanceof Error ? error.message : String(error), true);
    }
  }

  /** @param {any} sent what the server says of a portrait */
  async use(sent) {
    this.sent = sent;
    this.note(sent.warnings[0] ?? PLAIN, false);
    const select = /** @type {HTMLSelectElement} */ ($("which-face"));
    $("which").hidden = sent.faces < 2;
    select.replaceChildren(...Array.from({ length: sent.faces }, (_, i) => make("option", { value: String(i + 1) }, `${i + 1} of ${sent.faces}`)));
    select.value = String(sent.face);
    this.on.chosen(sent);
    const picture = await createImageBitmap(await (await request(`/api/portraits/${sent.id}/picture`)).blob());
    this.frame(picture, sent);
  }

  /** The small picture shows the head that is meant. @param {ImageBitmap} picture @param {any} sent */
  frame(picture, sent) {
    const canvas = /** @type {HTMLCanvasElement} */ ($("thumb"));
    const scale = picture.width / sent.width;
    const [left, top, right, bottom] = sent.box.map((/** @type {number} */ value) => value * scale);
    const side = Math.min(1.7 * Math.max(right - left, bottom - top), picture.width, picture.height);
    const x = Math.min(Math.max(0, (left + right - side) / 2), picture.width - side);
    const y = Math.min(Math.max(0, (top + bottom - side) / 2 - 0.06 * side), picture.height - side);
    canvas.getContext("2d")?.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
    picture.close();
  }

  /** @param {string} text @param {boolean} [bad] */
  note(text, bad = false) {
    $("portrait-note").textContent = text;
    $("portrait-note").classList.toggle("bad", bad);
    if (bad) this.on.failed(text);
  }
}
