// @ts-check
// The picture alone, for OBS: what the page's session shows, and nothing else.

import { ApiError, request, socketTo, token } from "./api.mjs";
import { Painter } from "./paint.mjs";

token();
const painter = new Painter(/** @type {HTMLCanvasElement} */ (document.getElementById("canvas")));

/** Where the address is wrong nothing will ever be seen: that is said, unless a picture stands. */
async function whyNot() {
  const why = /** @type {HTMLElement} */ (document.getElementById("why"));
  try {
    await request("/api/info");
    why.hidden = true;
  } catch (error) {
    why.hidden = painter.count > 0 || !(error instanceof ApiError) || ![401, 403].includes(error.status);
    why.textContent = error instanceof Error ? error.message : "";
  }
}

function connect() {
  const socket = new WebSocket(...socketTo("/api/view"));
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => { if (typeof data !== "string") painter.take(data); };
  socket.onclose = () => { whyNot(); setTimeout(connect, 1000); };
}

/** For tests and the curious. */
Object.assign(window, { reenact: { painter } });
connect();
