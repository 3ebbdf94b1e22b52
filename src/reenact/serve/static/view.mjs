// @ts-check
// The picture alone, for OBS: what the page's session shows, and nothing else.

import { socketTo, token } from "./api.mjs";
import { Painter } from "./paint.mjs";

token();
const painter = new Painter(/** @type {HTMLCanvasElement} */ (document.getElementById("canvas")));

function connect() {
  const socket = new WebSocket(...socketTo("/api/view"));
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => { if (typeof data !== "string") painter.take(data); };
  socket.onclose = () => setTimeout(connect, 1000);
}

/** For tests and the curious. */
Object.assign(window, { reenact: { painter } });
connect();
