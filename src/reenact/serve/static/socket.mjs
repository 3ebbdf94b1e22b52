// @ts-check
// The live socket: comes back by itself after 1, 2, 4, ... 15 s, or at once when the tab is seen again.

import { client, socketTo } from "./api.mjs";

const LONGEST = 15000;
const ALIVE = 10000;
const SILENT = 10000; // ms without a word of the server, which says how it goes twice a second: the network has gone
const STEADY = 10000; // ms that a session holds before the next failure is the first one again

/** @typedef {{start: () => object, text: (message: any) => void, picture: (data: ArrayBuffer) => void,
 *   state: (name: "open" | "waiting" | "busy" | "elsewhere" | "failed", detail?: any) => void}} Handlers */

export class LiveSocket {
  /** @param {Handlers} on */
  constructor(on) {
    this.on = on;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.tries = 0;
    this.takeOver = false;
    this.stopped = true; // until connect is called
    this.timer = 0;
    this.steady = 0;
    this.heard = 0;
    setInterval(() => this.say({ type: "alive" }), ALIVE);
    setInterval(() => this.watch(), SILENT / 5);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.soon(); });
    addEventListener("online", () => this.soon());
    addEventListener("pagehide", () => this.socket?.close());
    addEventListener("pageshow", () => this.soon());
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** @param {boolean} takeOver whether another tab is to lose its session */
  connect(takeOver = false) {
    clearTimeout(this.timer);
    clearTimeout(this.steady);
    this.stopped = false;
    this.takeOver = takeOver;
    this.socket?.close();
    this.heard = performance.now();
    const socket = (this.socket = new WebSocket(...socketTo("/api/live")));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "start", session: client(), take_over: this.takeOver, ...this.on.start() }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heard = performance.now();
      if (typeof data !== "string") return this.on.picture(data);
      const message = JSON.parse(data);
      if (message.type === "started") {
        this.steady = setTimeout(() => { this.tries = 0; }, STEADY);
        this.takeOver = false;
        this.on.state("open");
      } else this.on.text(message);
    };
    socket.onclose = (event) => { if (socket === this.socket) this.closed(event); };
  }

  /** @param {{code: number, reason: string}} event */
  closed(event) {
    this.socket = null;
    clearTimeout(this.steady);
    if (event.code === 4409) {
      this.stopped = true;
      return this.on.state("elsewhere");
    }
    if (event.code === 4429) this.on.state("busy", parsed(event.reason).waiting ?? 1);
    else this.on.state(event.code === 1011 ? "failed" : "waiting");
    const wait = Math.min(LONGEST, 1000 * 2 ** this.tries);
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  /** A network that has gone (another Wi-Fi, a cable) closes no socket: without this the page would stand "connected" for minutes. */
  watch() {
    const { socket } = this;
    if (!socket || performance.now() - this.heard < SILENT) return;
    this.socket = null;
    socket.close();
    this.closed({ code: 1006, reason: "" });
  }

  /** Tries again now, unless it is open or another tab has the session. */
  soon() {
    if (this.socket || this.stopped) return;
    this.tries = 0;
    this.connect();
  }

  /** @param {object} message */
  say(message) {
    if (this.open) /** @type {WebSocket} */ (this.socket).send(JSON.stringify(message));
  }

  /** @param {ArrayBuffer} data */
  send(data) {
    if (this.open) /** @type {WebSocket} */ (this.socket).send(data);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
