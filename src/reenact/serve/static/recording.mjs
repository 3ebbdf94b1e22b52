// @ts-check
// A recording, from the key to the film. The server writes the pictures, the page the microphone.

import { $, clock } from "./dom.mjs";
import { Sound, dropFilm, known, showFilm } from "./films.mjs";

export class Recording {
  /** @param {{say: (message: object) => void, notice: (line: string) => void, delay: () => number}} on delay: ms */
  constructor(on) {
    this.on = on;
    this.sound = new Sound();
    /** @type {"off" | "asking" | "sent" | "on" | "ending"} asking: for the microphone; sent: to the server */
    this.state = "off";
    this.job = "";
    this.cut = false; // whether the sound of what the server still records has been lost
  }

  /** Begins, or ends what runs. A press while the server's answer is awaited does nothing. */
  async pressed() {
    if (this.state === "on") {
      this.state = "ending";
      return this.on.say({ type: "record", on: false });
    }
    if (this.state !== "off") return;
    this.state = "asking";
    this.cut = false;
    try {
      const opened = await this.sound.open();
      if (this.state !== "asking") this.sound.end();
      if (!opened || this.state !== "asking") return;
      this.state = "sent";
      this.on.say({ type: "record", on: true });
    } catch (error) {
      this.state = "off";
      this.on.notice(error instanceof Error ? error.message : String(error));
    }
  }

  /** The server records from now on. @param {string} job */
  begun(job) {
    this.job = job;
    this.state = "on";
    this.sound.begin();
    this.show(0);
  }

  /** What the server says, twice a second. @param {number | null} seconds null while it does not record */
  told(seconds) {
    if (seconds !== null && this.state === "off") this.state = "on"; // this page has come back to it
    if (seconds === null && this.state === "on") this.state = "ending"; // by itself: its film is being finished
    this.show(this.state === "on" || this.state === "ending" ? seconds : null);
  }

  /** Nothing is recorded for this page any more, or it cannot know: the microphone is let go. */
  stopped() {
    if (this.sound.recorder) this.cut = true;
    this.state = "off";
    this.job = "";
    this.sound.end();
    this.show(null);
  }

  /** An error of the server's. @param {any} message @returns {boolean} whether it ends what was asked for */
  failed(message) {
    const ours = this.state === "sent" && (message.about === "record" || message.about === undefined);
    if (ours) this.stopped();
    return ours;
  }

  /** The film is whole. @param {any} message */
  async done(message) {
    known.add(message.job);
    dropFilm(message.job);
    const ours = this.job ? message.job === this.job : this.state === "on" || this.state === "ending";
    if (ours) this.state = "off";
    this.show(null);
    const heard = ours ? await this.sound.end() : null;
    if (message.why) this.on.notice(message.why);
    if (message.error) return this.on.notice(message.error);
    if (this.cut) this.on.notice("The connection broke off while it was recorded: the film has no sound.");
    this.cut = false;
    let job = message.job;
    try {
      if (heard) job = await this.sound.under(message.job, heard, Math.min(5, Math.max(0, this.on.delay() / 1000)));
    } catch (error) {
      this.on.notice(error instanceof Error ? error.message : String(error));
    }
    showFilm(job, `Recording, ${clock(message.seconds)}`).catch((error) => this.on.notice(error.message));
  }

  /** @param {number | null} seconds */
  show(seconds) {
    const runs = seconds !== null;
    $("recording").hidden = !runs;
    $("record").setAttribute("aria-pressed", String(runs));
    /** @type {HTMLElement} */ ($("record").querySelector("span")).textContent = runs ? "Stop" : "Record";
    if (runs) /** @type {HTMLElement} */ ($("recording").querySelector("b")).textContent = clock(seconds);
  }
}
