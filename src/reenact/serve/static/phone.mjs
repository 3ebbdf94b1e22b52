// @ts-check
// A phone's face tracker (or a program that speaks VMC) drives: the server listens, the page says to what.

import { $, make } from "./dom.mjs";

/** What each app is called, and whether the phone's address has to be typed in. @type {Record<string, [string, boolean, string]>} */
const APPS = {
  livelink: ["Live Link Face (iPhone)", false, "In the app: Settings, Live Link, add this computer's address, port 11111, ARKit mode."],
  ifacialmocap: ["iFacialMocap (iPhone)", true, "The app shows the phone's address when it is open."],
  facemotion3d: ["Facemotion3d (iPhone)", true, "The app shows the phone's address when it is open."],
  vts: ["VTube Studio (iPhone)", true, "In the app: 3rd Party PC Clients on; it shows the phone's address."],
  vmc: ["VMC: VSeeFace, Warudo, Waidayo ...", false, "In the program: send VMC to this computer, port 39539."],
};

export class Phone {
  /** @param {(message: object) => void} say */
  constructor(say) {
    this.say = say;
    this.on = false;
    this.fresh = false; // the server has not said yet how it goes
    $("phone-app").onchange = () => this.chosen();
    $("phone-connect").onclick = () => (this.on ? this.stop() : this.connect());
  }

  /** @param {string[]} kinds */
  build(kinds) {
    $("phone-app").replaceChildren(...kinds.map((kind) => make("option", { value: kind }, APPS[kind]?.[0] ?? kind)));
    this.chosen();
  }

  get app() {
    return /** @type {HTMLSelectElement} */ ($("phone-app")).value;
  }

  chosen() {
    this.stop();
    $("phone-address-field").hidden = !APPS[this.app]?.[1];
    this.note(APPS[this.app]?.[2] ?? "");
  }

  connect() {
    const where = APPS[this.app]?.[1] ? "phone-address" : "phone-port";
    const [address, axes] = [where, "phone-axes"].map((id) => /** @type {HTMLInputElement} */ ($(id)).value.trim());
    this.say({ type: "phone", on: true, app: this.app, where: address, axes });
    this.fresh = true;
    this.shown(true);
  }

  /** The server is there again: it may have forgotten the phone, or hold one that is no longer wanted. */
  again() {
    if (this.on) this.connect();
    else this.say({ type: "phone", on: false });
  }

  /** An error of the server's. @param {any} message @returns {boolean} whether it refuses the phone */
  refused(message) {
    if (!this.on || !(message.about === "phone" || this.fresh && message.about === undefined)) return false;
    this.shown(false);
    this.note(message.line, true);
    return true;
  }

  stop() {
    if (this.on) this.say({ type: "phone", on: false });
    this.shown(false);
  }

  /** @param {boolean} on */
  shown(on) {
    this.on = on;
    $("phone-connect").textContent = on ? "Stop" : "Connect";
    $("phone-connect").classList.toggle("main", !on);
  }

  /** What the server says of it, twice a second. @param {string | null} trouble */
  told(trouble) {
    this.fresh = false;
    if (this.on) this.note(trouble ?? "It is heard. Look straight ahead and press Calibrate.", Boolean(trouble));
  }

  /** @param {string} text @param {boolean} [bad] */
  note(text, bad = false) {
    $("phone-note").textContent = text;
    $("phone-note").classList.toggle("bad", bad);
  }
}
