// @ts-check
// Pictures onto a canvas, the newest only, and how late they are.

const HEADER = 21;
const NONE = 0xffffffff;
const SPAN = 2000; // ms that the meter looks back

/** The picture, to be closed: by a decoder in half the time, where the browser has one. @param {Uint8Array} jpeg
 * @returns {Promise<ImageBitmap | VideoFrame>} */
async function decoded(jpeg) {
  if (!("ImageDecoder" in globalThis)) return createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  // @ts-ignore: not in every browser
  const decoder = new ImageDecoder({ data: jpeg, type: "image/jpeg" });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

/** @typedef {{at: number, delay: number, stages: number}} Sample */

export class Painter {
  /** @param {HTMLCanvasElement} canvas @param {(first: boolean) => void} [painted] */
  constructor(canvas, painted = () => {}) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.painted = painted;
    /** @type {{jpeg: Uint8Array | null, number: number, captured: number, stages: number[]} | null} */
    this.waiting = null;
    this.busy = false;
    this.count = 0;
    this.answered = NONE;
    /** @type {Sample[]} */
    this.samples = [];
  }

  /** A binary message of the server (serve/wire.py). @param {ArrayBuffer} message */
  take(message) {
    const view = new DataView(message);
    const stages = [13, 15, 17, 19].map((at) => view.getUint16(at, true) / 10);
    const jpeg = view.getUint8(0) === 1 ? new Uint8Array(message, HEADER) : null;
    const held = this.waiting?.jpeg ?? null;
    this.waiting = { jpeg: jpeg ?? held, number: view.getUint32(1, true), captured: view.getFloat64(5, true), stages };
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.waiting) {
      const { jpeg, number, captured, stages } = this.waiting;
      this.waiting = null;
      if (jpeg) {
        try {
          const picture = await decoded(jpeg);
          const side = "displayWidth" in picture ? picture.displayWidth : picture.width;
          if (side !== this.canvas.width) this.canvas.width = this.canvas.height = side;
          this.context.drawImage(picture, 0, 0);
          picture.close();
        } catch { continue; }
        this.painted(this.count === 0);
        this.count += 1;
      }
      if (number !== NONE && number !== this.answered) this.measure(captured, stages.reduce((a, b) => a + b, 0));
      this.answered = number; // a slider draws again for a frame that has been answered
    }
    this.busy = false;
  }

  /** A picture that has come another way. @param {number} delay ms, as far as it is known */
  shown(delay) {
    this.painted(this.count === 0);
    this.count += 1;
    const now = performance.now();
    this.samples.push({ at: now, delay, stages: 0 });
    if (this.samples.length > 4000) this.samples.splice(0, 2000);
  }

  /** @param {number} captured @param {number} stages ms */
  measure(captured, stages) {
    const now = performance.now();
    this.samples.push({ at: now, delay: now - captured, stages });
    if (this.samples.length > 4000) this.samples.splice(0, 2000);
  }

  /** Median delay and pictures a second of the last two seconds; null where there were none. */
  now() {
    const from = performance.now() - SPAN;
    const recent = this.samples.filter((one) => one.at > from);
    if (!recent.length) return null;
    const delays = recent.map((one) => one.delay).sort((a, b) => a - b);
    return { delay: delays[delays.length >> 1], rate: (1000 * recent.length) / SPAN };
  }
}
