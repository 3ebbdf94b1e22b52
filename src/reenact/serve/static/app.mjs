// @ts-check
// Puts the page together: what drives, what is seen, what is said about it.

import { ApiError, json, ready, token } from "./api.mjs";
import { Source, reason, whyNoCamera } from "./camera.mjs";
import { $, ask, isolated, make, mark, save } from "./dom.mjs";
import { Tasks } from "./films.mjs";
import { Follow } from "./follow.mjs";
import { Painter } from "./paint.mjs";
import { Phone } from "./phone.mjs";
import { PortraitBox } from "./portrait.mjs";
import { Recording } from "./recording.mjs";
import { Rtc } from "./rtc.mjs";
import { Sliders } from "./sliders.mjs";
import { LiveSocket } from "./socket.mjs";

const SLOW = 8; // frames a second
const SLOW_AFTER = 5000; // ms
const SEEING = 4; // frames a second, below which "no face" may only mean "no frame"
const STAGES = { wait: "waiting", track: "finding the face", read: "reading it", draw: "drawing" };
const DRIVES = ["camera", "video", "sliders", "phone"];

token(true);
const picture = $("picture");
const painter = new Painter($("canvas"), (first) => { if (first) live(true); });
const socket = new LiveSocket({ start, text: heard, picture: (data) => painter.take(data), state: linked });
const rtc = new Rtc(/** @type {HTMLCanvasElement} */ ($("canvas")), {
  painted: (held) => painter.shown(held + stages),
  lost: () => { if (driven === "camera" && source.stream) notice("The camera goes by the plain connection: no other way to the server was found."); source.want(); },
});
const source = new Source($("driver"), /** @type {HTMLCanvasElement} */ ($("seen")), { send: (data) => socket.send(data), lost: (line) => { notice(line); drive("sliders"); } });
const sliders = new Sliders((state) => socket.say({ type: "steer", ...state }));
const phone = new Phone((message) => socket.say(message));
const recording = new Recording({ say: (message) => socket.say(message), notice, delay: () => delay });
const follow = new Follow((state) => socket.say({ type: "steer", ...state }));
const portrait = new PortraitBox({ chosen: (sent) => { socket.say({ type: "portrait", portrait: sent.id }); $("film-choose").removeAttribute("disabled"); }, failed: notice });
const tasks = new Tasks({ portrait: () => portrait.sent, options: taskOptions, failed: notice });
let driven = "sliders";
let slowSince = 0;
let stages = 0; // ms, of the server's own work
let delay = 0; // ms, as it was last measured
let lostFor = 0; // states in a row without a face
let alone = true; // no other tab has the session
let refused = false; // by the server, in words that have been shown
let begun = false;
let away = false; // the connection was lost, or another page had it
let wake = () => {}; // ends the wait for the server's first answer
let settled = false; // the server's answer to start has come

/** What the socket's first message carries. */
function start() {
  settled = false;
  return { portrait: portrait.sent?.id, control: { ...follow.state(), ...sliders.state() } };
}

/** @param {any} message */
function heard(message) {
  if (message.type === "next") { if (!rtc.running) source.want(); }
  else if (message.type === "state") told(message);
  else if (message.type === "recording") recording.begun(message.job);
  else if (message.type === "recorded") recording.done(message);
  else if (message.type === "error") {
    recording.failed(message);
    if (message.about === "portrait" && /no longer here/.test(message.line)) portrait.again(message.line);
    else if (message.about === "portrait") portrait.note(message.line, true);
    else if (!phone.refused(message)) notice(message.line);
  }
}

/** @param {string} name @param {any} [detail] */
function linked(name, detail) {
  const link = $("link");
  link.dataset.state = name;
  const words = {
    open: "connected", waiting: refused ? "not open" : "looking for the server", failed: "starting again", elsewhere: "open in another tab",
    busy: detail > 1 ? `busy, ${detail} waiting` : "busy: another page draws",
  };
  /** @type {HTMLElement} */ (link.querySelector("b")).textContent = words[/** @type {keyof words} */ (name)];
  alone = name !== "elsewhere";
  if (name === "open") refused = false;
  if (name === "waiting") whyNot();
  if (name === "open") quiet("link");
  if (name === "open") follow.unnamed();
  if (name === "elsewhere" || name === "busy") {
    notice(name === "busy" ? "Another page is using this server." : "This picture is open in another tab.", "Take over here", () => socket.connect(true), "link");
  }
  if (name !== "open") recording.stopped();
  controls(name === "open" && painter.count > 0);
  if (name === "open") phone.again();
  if (name === "open" && away) tasks.gather();
  away = name !== "open";
  if (name === "open" && driven === "camera") byRtc();
}

/** A browser does not say why a socket was refused: the server is asked, and shown if it says (after a restart the token is a new one). */
async function whyNot() {
  if (refused) return;
  try {
    await json("/api/info");
  } catch (error) {
    if (!(error instanceof ApiError) || !error.status || socket.open) return;
    refused = true;
    /** @type {HTMLElement} */ ($("link").querySelector("b")).textContent = "not open";
    notice(error.message, "", undefined, "link");
  }
}

/** Twice a second: how it runs. @param {any} state */
function told(state) {
  settled = true;
  const now = painter.now();
  if (now) delay = now.delay;
  const drivenBySight = driven === "camera" || driven === "video";
  $("delay").textContent = now && drivenBySight ? String(Math.round(now.delay)) : "–";
  $("rate").textContent = now ? now.rate.toFixed(now.rate < 10 ? 1 : 0) : "–";
  $("dropped").textContent = String(state.dropped);
  stages = state.stages.total ?? 0;
  bars(state.stages);
  phone.told(state.trouble);
  const face = $("face");
  const unseen = (drivenBySight || driven === "phone") && !state.paused && (state.face === "lost" || state.face === "home") && state.rate > SEEING;
  lostFor = unseen ? lostFor + 1 : 0;
  const lost = lostFor > 2;
  face.hidden = !(lost || (drivenBySight && state.paused && source.running && painter.count));
  face.textContent = lost ? "no face seen" : "paused";
  recording.told(state.recording);
  slow(state, drivenBySight && now !== null && !state.paused);
}

/** @param {Record<string, number>} stages ms */
function bars(stages) {
  const box = $("stages");
  box.replaceChildren(...Object.keys(STAGES).map((name) => make("i", { "data-stage": name })));
  for (const [i, name] of Object.keys(STAGES).entries()) /** @type {HTMLElement} */ (box.children[i]).style.flexGrow = String(Math.max(0.01, stages[name]));
  box.title = Object.entries(STAGES).map(([name, words]) => `${words} ${stages[name].toFixed(1)} ms`).join(", ");
}

/** Slower than 8 pictures a second for 5 s: smaller camera frames, and words about which stage it is. @param {any} state @param {boolean} counts */
function slow(state, counts) {
  if (!counts || state.rate >= SLOW || state.rate === 0) slowSince = 0;
  else if (!slowSince) slowSince = performance.now();
  else if (performance.now() - slowSince > SLOW_AFTER) {
    slowSince = Infinity;
    source.side = Math.max(128, source.side / 2);
    const names = /** @type {(keyof STAGES)[]} */ (Object.keys(STAGES));
    const worst = names.reduce((a, b) => (state.stages[a] > state.stages[b] ? a : b));
    notice(`This computer draws ${state.rate.toFixed(0)} pictures a second; most of the time goes into ${STAGES[worst]} (${Math.round(state.stages[worst])} ms).`
      + " The camera's frames are smaller now. Start reenact serve with --size 256, or with --renderer fast, for more.");
  }
}

/** @param {boolean} on */
function live(on) {
  picture.dataset.empty = String(!on);
  controls(on);
}

/** @param {boolean} on */
function controls(on) {
  for (const id of ["calibrate", "record", "still", "mirror", "full"]) {
    /** @type {HTMLButtonElement} */ ($(id)).disabled = !on;
  }
}

/** A line under the picture. @param {string} line @param {string} [button] @param {() => void} [pressed]
 * @param {string} [about] "link": over when the server is there again */
function notice(line, button = "", pressed = () => {}, about = "") {
  const place = $("notice");
  const action = /** @type {HTMLButtonElement} */ (place.querySelector("button"));
  /** @type {HTMLElement} */ (place.querySelector("span")).textContent = line;
  action.hidden = false;
  action.textContent = button || "Dismiss";
  action.onclick = () => { quiet(); pressed(); };
  place.dataset.about = about;
  place.hidden = false;
}

/** @param {string} [about] only a line about this */
function quiet(about) {
  if (about === undefined || $("notice").dataset.about === about) $("notice").hidden = true;
}

/** @param {string} name what drives from now on */
async function drive(name) {
  driven = name;
  mark($("drive"), (one) => one.dataset.drive === name);
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-for]"))) one.hidden = one.dataset.for !== name;
  if (name !== "phone") phone.stop();
  if (name !== "camera") rtc.close();
  if (name === "camera") await camera();
  else if (name === "video" && !source.stream && source.running) return;
  else source.stop();
  /** @type {HTMLButtonElement} */ ($("video-play")).disabled = !source.address;
}

/** @param {string} [device] */
async function camera(device) {
  quiet();
  try {
    await source.camera(device);
    byRtc();
    await cameras();
  } catch (error) {
    notice(error instanceof Error ? error.message : reason(error));
    if (driven === "camera") drive("sliders");
  }
}

/** The camera's way to the server, where that is far. */
async function byRtc() {
  const track = source.stream?.getVideoTracks()[0];
  if (!rtc.offered || !track || !socket.open) return;
  try {
    await rtc.open(track);
  } catch {
    rtc.end();
  }
}

async function cameras() {
  const select = /** @type {HTMLSelectElement} */ ($("cameras"));
  const found = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
  const used = source.stream?.getVideoTracks()[0]?.getSettings().deviceId;
  select.replaceChildren(...found.map((one, i) => make("option", { value: one.deviceId }, one.label || `camera ${i + 1}`)));
  if (used) select.value = used;
}

/** The follow controls, as a job takes them; a job, which sees what comes, smooths by itself what was not set here. */
function taskOptions() {
  const { strength, smooth, parts, mode } = /** @type {any} */ (follow.state());
  return { strength, ...(smooth === follow.usual ? {} : { smooth }), parts, ...(mode ? { motion: mode } : {}) };
}

function mirror() {
  const on = picture.classList.toggle("mirrored");
  $("mirror").setAttribute("aria-pressed", String(on));
}

function still() {
  /** @type {HTMLCanvasElement} */ ($("canvas")).toBlob((blob) => blob && save(blob, "reenact.png"));
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else picture.requestFullscreen().catch(() => {});
}

const ACTIONS = /** @type {Record<string, () => void>} */ ({
  c: () => $("calibrate").click(), r: () => $("record").click(), s: () => $("still").click(), m: () => $("mirror").click(),
  f: () => $("full").click(), "?": () => $("keys-button").click(), 0: () => sliders.reset(),
});

addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const typing = at.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const number = Number(event.key);
  if (number >= 1 && number <= 4) drive(DRIVES[number - 1]);
  else if (ACTIONS[event.key.toLowerCase()]) ACTIONS[event.key.toLowerCase()]();
  else return;
  event.preventDefault();
});

$("calibrate").onclick = () => { socket.say({ type: "calibrate" }); $("calibrate").classList.add("done"); setTimeout(() => $("calibrate").classList.remove("done"), 600); };
$("record").onclick = () => recording.pressed();
$("still").onclick = still;
$("mirror").onclick = mirror;
$("full").onclick = full;
$("keys-button").onclick = () => ask(/** @type {HTMLDialogElement} */ ($("keys")));
for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-drive]"))) one.onclick = () => drive(one.dataset.drive ?? "sliders");
/** @type {HTMLSelectElement} */ ($("cameras")).onchange = ({ target }) => camera(/** @type {HTMLSelectElement} */ (target).value);
$("video-choose").onclick = () => $("video-file").click();
/** @type {HTMLInputElement} */ ($("video-file")).onchange = async ({ target }) => {
  const input = /** @type {HTMLInputElement} */ (target);
  const file = input.files?.[0];
  input.value = "";
  if (!file) return;
  quiet();
  try {
    await source.file(file);
    if (!source.address) return; // something else was chosen meanwhile
    $("video-note").textContent = `${isolated(file.name)}: played here, in the page.`;
    /** @type {HTMLButtonElement} */ ($("video-play")).disabled = false;
    socket.say({ type: "calibrate" });
  } catch (error) {
    notice(error instanceof Error ? error.message : String(error));
  }
};
$("video-play").onclick = () => {
  const video = /** @type {HTMLVideoElement} */ ($("driver"));
  if (video.paused) video.play();
  else video.pause();
};
$("driver").onplay = $("driver").onpause = () => {
  $("video-play").textContent = /** @type {HTMLVideoElement} */ ($("driver")).paused ? "Play" : "Pause";
};
navigator.mediaDevices?.addEventListener("devicechange", () => { if (source.stream) cameras(); });

async function begin() {
  const said = /** @type {HTMLElement} */ ($("link").querySelector("b"));
  for (let tries = 0; ; tries += 1) {
    try {
      const info = await ready(() => { said.textContent = "loading"; });
      $("about").textContent = `${info.method} ${info.version}, ${info.precision}${info.renderer === "fast" ? ", fast renderer" : ""}`;
      sliders.build(info);
      follow.build(info);
      if (info.portraits[0]) portrait.use(info.portraits[0]).catch((error) => notice(error.message));
      phone.build(info.phones);
      rtc.build(info);
      tasks.gather();
      begun = true;
      return socket.connect();
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      $("link").dataset.state = "waiting";
      said.textContent = status ? "not open" : "looking for the server";
      if (status) notice(error instanceof Error ? error.message : String(error), "", undefined, "link");
      await new Promise((done) => {
        wake = () => done(undefined);
        if (!status) setTimeout(done, Math.min(15000, 1000 * 2 ** tries));
      });
    }
  }
}

// a new address in the same tab, as after a restart: only what stands behind the # changes, and the page is not loaded again
addEventListener("hashchange", () => {
  if (!new URLSearchParams(location.hash.slice(1)).get("token")) return;
  token(true);
  recording.stopped();
  if (begun) socket.connect();
  else wake();
});

/** For tests and the curious: what the meters are made of. */
mark($("drive"), (one) => one.dataset.drive === driven);
Object.assign(window, { reenact: { painter, source, rtc, socket, portrait, recording, settled: () => settled, alone: () => alone, tasks } });
if (whyNoCamera()) $("drive-card").querySelector("[data-for=camera] .hint")?.replaceChildren(whyNoCamera() ?? "");
begin();
