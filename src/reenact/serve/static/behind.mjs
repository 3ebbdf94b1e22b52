// @ts-check
// Reads the camera while the tab is hidden: only the newest frame is kept, and sent when it is wanted.

let wanted = false;
/** @type {{frame: VideoFrame, at: number} | null} */
let newest = null;
let side = 384;
let quality = 0.85;
let busy = false;

onmessage = ({ data }) => {
  if (data === "want") wanted = true;
  else {
    ({ side, quality, wanted } = data);
    read(data.readable);
  }
  work();
};

/** @param {ReadableStream<VideoFrame>} readable */
async function read(readable) {
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    newest?.frame.close();
    newest = { frame: value, at: performance.now() };
    work();
  }
}

async function work() {
  if (!wanted || !newest || busy) return;
  const { frame, at } = newest;
  newest = null;
  busy = true;
  wanted = false;
  const { displayWidth: width, displayHeight: height } = frame;
  const from = Math.min(width, height);
  const size = Math.min(side, from);
  const canvas = new OffscreenCanvas(size, size);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  context.drawImage(frame, (width - from) / 2, (height - from) / 2, from, from, 0, 0, size, size);
  frame.close();
  const jpeg = await (await canvas.convertToBlob({ type: "image/jpeg", quality })).arrayBuffer();
  busy = false;
  /** @type {any} */ (self).postMessage({ jpeg, age: performance.now() - at }, [jpeg]);
}
