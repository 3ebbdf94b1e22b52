// @ts-check
// What drives: a camera or a video file, played in the page. The newest frame goes out when the server asks for one.

import { isolated } from "./dom.mjs";

const SIDE = 384; // px of the square that is sent, at most
const QUALITY = 0.85;
const LOOK = 100; // ms from one picture of what drives to the next where none is sent: composing 30 a second costs as much as sending 10

/** Why a camera did not open, in words. @param {any} error */
export function reason(error) {
  const known = {
    NotAllowedError: "the camera was refused: allow it in the address bar, or drive with a video or the sliders",
    NotFoundError: "no camera was found: plug one in, or drive with a video or the sliders",
    NotReadableError: "the camera is in use by another program: close that one, or drive with a video or the sliders",
    OverconstrainedError: "this camera is not there any more: choose another one",
  };
  return known[/** @type {keyof known} */ (error?.name)] ?? `the camera cannot be opened (${error?.message || error?.name || error})`;
}

/** null where cameras are open to this page, else why not and what to do. */
export function whyNoCamera() {
  if (navigator.mediaDevices?.getUserMedia) return null;
  if (!isSecureContext) {
    return "browsers open a camera for https or this very computer only: start reenact serve with --tls-cert and --tls-key,"
      + ` or reach it through a tunnel: ssh -L ${location.port || 80}:127.0.0.1:${location.port || 80} ${location.hostname}`;
  }
  return "this browser has no access to cameras";
}

/** What a data address holds. @param {string} address */
function bytes(address) {
  return Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (one) => one.charCodeAt(0));
}

export class Source {
  /** @param {HTMLVideoElement} video plays what drives @param {HTMLCanvasElement} canvas shows the square that is read
   * @param {{send: (data: ArrayBuffer) => void, lost: (line: string) => void}} on */
  constructor(video, canvas, on) {
    this.video = video;
    this.canvas = canvas;
    this.on = on;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false, willReadFrequently: true }));
    this.drawn = 0;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.address = "";
    this.side = SIDE;
    this.wanted = false;
    this.fresh = 0;
    this.number = 0;
    this.sent = 0;
    this.run = 0;
    /** @type {Worker | null} */
    this.behind = null;
    /** @type {MediaStreamTrack | null} */
    this.copy = null; // of the camera's track, which the worker reads: it keeps the camera on until it is stopped
    document.addEventListener("visibilitychange", () => this.hidden());
  }

  get running() {
    return Boolean(this.stream || this.address);
  }

  /** Opens a camera; throws one line. @param {string} [device] */
  async camera(device) {
    const no = whyNoCamera();
    if (no) throw new Error(no);
    this.stop();
    const run = this.run;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { ...(device ? { deviceId: { exact: device } } : { facingMode: "user" }), width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      });
    } catch (error) {
      throw new Error(reason(error));
    }
    if (run !== this.run) return stream.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    stream.getVideoTracks()[0].onended = () => {
      this.stop();
      this.on.lost("the camera is gone: plug it in and choose Camera again, or drive with a video or the sliders");
    };
    this.video.srcObject = stream;
    this.canvas.dataset.mirrored = "true";
    await this.begin();
  }

  /** Plays a file of the user's; throws one line. @param {File} file */
  async file(file) {
    this.stop();
    this.address = URL.createObjectURL(file);
    this.video.src = this.address;
    this.video.loop = true;
    try {
      await this.begin();
    } catch {
      this.stop();
      throw new Error(`${isolated(file.name)}: this browser cannot play it; convert it to an H.264 mp4, or use Animate a whole video`);
    }
  }

  async begin() {
    const run = this.run;
    try {
      await this.video.play();
    } catch (error) {
      if (run === this.run) throw error;
      return; // something else was chosen meanwhile, and runs
    }
    if (run !== this.run) return;
    this.canvas.hidden = !this.draw();
    this.next(run);
  }

  stop() {
    this.run += 1;
    this.ended();
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.address) URL.revokeObjectURL(this.address);
    this.stream = null;
    this.address = "";
    this.fresh = 0;
    this.video.pause();
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.canvas.hidden = true;
    delete this.canvas.dataset.mirrored;
  }

  /** @param {number} run */
  next(run) {
    if (run !== this.run) return;
    this.video.requestVideoFrameCallback((now) => {
      if (run !== this.run) return;
      this.fresh = now;
      this.work();
      if (performance.now() - this.drawn > LOOK) this.canvas.hidden = !this.draw();
      this.next(run);
    });
  }

  /** The server wants a frame. */
  want() {
    this.wanted = true;
    this.behind?.postMessage("want");
    this.work();
  }

  /** The square in the middle of what plays, onto the canvas. @returns {boolean} false where nothing plays yet */
  draw() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const from = Math.min(width, height);
    const side = Math.min(this.side, from);
    if (!side) return false;
    if (this.canvas.width !== side || this.canvas.height !== side) this.canvas.width = this.canvas.height = side;
    this.context.drawImage(this.video, (width - from) / 2, (height - from) / 2, from, from, 0, 0, side, side);
    this.drawn = performance.now();
    return true;
  }

  /** Encodes at once, in 5 ms: toBlob and convertToBlob wait until the browser has nothing else to do, 30 ms and more. */
  work() {
    if (!this.wanted || !this.fresh || this.behind) return;
    const captured = this.fresh;
    if (!this.draw()) return;
    this.wanted = false;
    this.fresh = 0;
    this.post(captured, bytes(this.canvas.toDataURL("image/jpeg", QUALITY)));
  }

  /** @param {number} captured ms @param {ArrayBuffer | Uint8Array} jpeg */
  post(captured, jpeg) {
    const message = new Uint8Array(13 + jpeg.byteLength);
    const view = new DataView(message.buffer);
    view.setUint8(0, 1);
    view.setUint32(1, (this.number = (this.number + 1) % 0xfffffff0), true);
    view.setFloat64(5, captured, true);
    message.set(new Uint8Array(jpeg), 13);
    this.on.send(message.buffer);
    this.sent += 1;
  }

  /** While the tab is hidden its frame callbacks stop; a worker goes on reading the camera where the browser can do that. */
  hidden() {
    if (!document.hidden) return this.ended();
    const track = this.stream?.getVideoTracks()[0];
    if (!track || this.behind || !("MediaStreamTrackProcessor" in globalThis)) return;
    this.copy = track.clone();
    // @ts-ignore: not in every browser
    const { readable } = new MediaStreamTrackProcessor({ track: this.copy, maxBufferSize: 1 });
    this.behind = new Worker("/static/behind.mjs", { type: "module" });
    this.behind.onmessage = ({ data }) => {
      this.wanted = false;
      this.post(performance.now() - data.age, data.jpeg);
    };
    this.behind.postMessage({ readable, side: this.side, quality: QUALITY, wanted: this.wanted }, [readable]);
  }

  ended() {
    this.behind?.terminate();
    this.copy?.stop();
    this.behind = this.copy = null;
  }
}
