// @ts-check
// How the portrait follows: alignment, strength, smoothness, and part by part.

import { keep, kept } from "./api.mjs";
import { $, calmly, make, slider } from "./dom.mjs";

const HINTS = { pose: "how the head turns", scale: "how large it is", translation: "where it is", expression: "the whole face", eyes: "apart from the face", mouth: "apart from the face" };
const ALIGN = { relative: "what changes in the driver", absolute: "the driver's own pose and face", decaying: "first relative, then absolute" };

const NAMED = "reenact.named";

export class Follow {
  /** @param {(message: object) => void} steer */
  constructor(steer) {
    this.steer = steer;
    this.send = calmly(() => this.steer(this.state()), 40);
    this.strength = slider({ name: "strength", label: "Strength", min: 0, max: 2, step: 0.05, value: 1, title: "how much of the driver's motion", changed: this.send });
    this.smooth = slider({ name: "smooth", label: "Smoothness", min: 0, max: 2, step: 0.05, value: 0.5, title: "against jitter; 1 delays slow movements by 80 ms at most", changed: this.send });
    this.mode = make("select", { id: "mode", onchange: () => this.chosen() });
    this.usual = 0.5; // smoothness, of the server's live pictures
    this.named = Boolean(kept(NAMED)); // whether the server may hold a mode that was chosen here
    /** @type {Record<string, {select: HTMLSelectElement, factor: ReturnType<typeof slider>}>} */
    this.parts = {};
    $("follow").append(this.strength.row, this.smooth.row, make("label", { class: "field" }, "Motion ", this.mode));
  }

  /** @param {{parts: string[], alignments: string[], smooth: number, presets: string[]}} info */
  build(info) {
    this.smooth.set(info.smooth);
    this.usual = Number(this.smooth.input.value);
    this.mode.replaceChildren(make("option", { value: "" }, "as the method is used"),
      ...info.alignments.map((name) => make("option", { value: name }, `${name}: ${ALIGN[/** @type {keyof ALIGN} */ (name)] ?? ""}`)));
    $("parts").replaceChildren();
    for (const name of info.parts) {
      const face = ["expression", "eyes", "mouth"].includes(name);
      const apart = ["eyes", "mouth"].includes(name);
      const select = make("select", { "aria-label": name, onchange: () => { factor.row.hidden = select.value !== "driver"; this.send(); } },
        ...(apart ? [make("option", { value: "" }, "with the face")] : []),
        make("option", { value: "driver" }, "from the driver"), make("option", { value: "source" }, "as in the portrait"),
        ...(face ? info.presets.filter((one) => one !== "neutral").map((one) => make("option", { value: one }, one.replace("_", " "))) : []));
      const factor = slider({ name: `${name}-factor`, label: "", min: 0, max: 2, step: 0.05, value: 1, title: "how much of the driver's", changed: this.send });
      factor.input.setAttribute("aria-label", `${name}: how much`);
      factor.row.hidden = apart;
      this.parts[name] = { select, factor };
      $("parts").append(make("div", { class: "part", title: HINTS[/** @type {keyof HINTS} */ (name)] ?? "" }, make("span", {}, name), select, factor.row));
    }
  }

  chosen() {
    if (this.mode.value) {
      this.named = true;
      keep(NAMED, "yes");
    }
    this.unnamed();
    this.send();
  }

  /** To the server a mode that is left out is the one before: that of the weights is said by an empty one, once another was chosen. */
  unnamed() {
    if (this.named && !this.mode.value) this.steer({ mode: "" });
  }

  /** What the server is told; parts as on the command line. */
  state() {
    const parts = [];
    for (const [name, { select, factor }] of Object.entries(this.parts)) {
      const share = Number(factor.input.value);
      if (select.value === "driver" && (share !== 1 || ["eyes", "mouth"].includes(name))) parts.push(`${name}=driver*${share}`);
      else if (select.value && select.value !== "driver") parts.push(`${name}=${select.value}`);
    }
    return {
      strength: Number(this.strength.input.value), smooth: Number(this.smooth.input.value), parts: parts.join(","),
      ...(this.mode.value ? { mode: this.mode.value } : {}),
    };
  }
}
