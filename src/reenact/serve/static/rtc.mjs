// @ts-check
// Camera out and picture in by WebRTC, where the way to the server is the internet. Orders stay on the live socket.

import { client, request } from "./api.mjs";

const GATHER = 3000; // ms to find this computer's addresses
const CONNECT = 10000; // ms until the socket is taken again

export class Rtc {
  /** @param {HTMLCanvasElement} canvas @param {{painted: (delay: number) => void, lost: () => void}} on */
  constructor(canvas, on) {
    this.canvas = canvas;
    this.on = on;
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    /** @type {RTCPeerConnection | null} */
    this.peer = null;
    this.place = "";
    this.delay = 0; // ms that network and decoding take both ways, as they say themselves
    this.offered = false;
    /** @type {string[]} */
    this.servers = [];
  }

  /** What the server says of itself. @param {any} info */
  build(info) {
    const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    this.offered = info.rtc && "RTCPeerConnection" in window && (info.transport === "webrtc" || !here);
    this.servers = info.ice_servers;
  }

  get running() {
    return this.peer?.connectionState === "connected";
  }

  /** Sends this track; the answer is drawn on the canvas. Throws one line. @param {MediaStreamTrack} track */
  async open(track) {
    this.close();
    const peer = (this.peer = new RTCPeerConnection({ iceServers: this.servers.map(ice) }));
    peer.ontrack = ({ receiver, track: drawn }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.video.srcObject = new MediaStream([drawn]);
      this.video.play().catch(() => {});
      this.paint(peer);
    };
    peer.onconnectionstatechange = () => {
      if (peer === this.peer && (peer.connectionState === "failed" || peer.connectionState === "closed")) this.end();
    };
    setTimeout(() => { if (peer === this.peer && peer.connectionState !== "connected") this.end(); }, CONNECT);
    const { sender } = peer.addTransceiver(track, { direction: "sendrecv" });
    try {
      await this.offer(peer);
    } catch (error) {
      if (peer === this.peer) throw error; // else another camera was chosen meanwhile, and has a connection of its own
    }
    if (peer !== this.peer) return;
    const settings = sender.getParameters();
    settings.degradationPreference = "maintain-framerate";
    await sender.setParameters(settings).catch(() => {});
    this.measure(peer);
  }

  /** @param {RTCPeerConnection} peer */
  async offer(peer) {
    await peer.setLocalDescription();
    await gathered(peer);
    if (peer !== this.peer) return;
    const answer = await request("/api/rtc", {
      method: "POST", headers: { "content-type": "application/sdp", "reenact-session": client() }, body: peer.localDescription?.sdp,
    });
    const place = answer.headers.get("location") ?? "";
    if (peer !== this.peer) return void request(place, { method: "DELETE" }).catch(() => {});
    this.place = place;
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  /** @param {RTCPeerConnection} peer */
  paint(peer) {
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    const next = () => this.video.requestVideoFrameCallback(() => {
      if (peer !== this.peer) return;
      const side = this.video.videoWidth;
      if (side && this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
      context.drawImage(this.video, 0, 0);
      this.on.painted(this.delay);
      next();
    });
    next();
  }

  /** @param {RTCPeerConnection} peer */
  async measure(peer) {
    while (peer === this.peer) {
      let held = 0;
      for (const one of (await peer.getStats()).values()) {
        if (one.type === "inbound-rtp" && one.jitterBufferEmittedCount) held += 1000 * one.jitterBufferDelay / one.jitterBufferEmittedCount;
        if (one.type === "inbound-rtp" && one.framesDecoded) held += 1000 * one.totalDecodeTime / one.framesDecoded;
        if (one.type === "outbound-rtp" && one.framesEncoded) held += 1000 * one.totalEncodeTime / one.framesEncoded;
        if (one.type === "candidate-pair" && one.nominated) held += 1000 * (one.currentRoundTripTime ?? 0);
      }
      this.delay = held;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }

  close() {
    const { peer, place } = this;
    this.peer = null;
    this.place = "";
    this.video.srcObject = null;
    peer?.close();
    if (place) request(place, { method: "DELETE" }).catch(() => {});
  }

  end() {
    this.close();
    this.on.lost();
  }
}

/** @param {RTCPeerConnection} peer */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((/** @type {(value?: unknown) => void} */ done) => {
    setTimeout(done, GATHER);
    peer.addEventListener("icegatheringstatechange", () => { if (peer.iceGatheringState === "complete") done(); });
  });
}

/** turn:USER:PASSWORD@HOST:PORT carries its credentials; the last @ ends the password. @param {string} address */
export function ice(address) {
  const [, scheme, username, credential, host] = /^(turns?|stun):(?:([^:]*):(.*)@)?([^@]*)$/.exec(address) ?? [];
  return username ? { urls: `${scheme}:${host}`, username, credential } : { urls: address };
}
