// @ts-check
// The head's pose, the 52 ARKit names in groups, and named expressions.

import { $, calmly, make, mark, slider } from "./dom.mjs";

const POSE = [
  { name: "yaw", label: "Turn", min: -30, max: 30, step: 1, value: 0, unit: "°", title: "to the picture's right; beyond 20 the far cheek softens" },
  { name: "pitch", label: "Nod", min: -20, max: 20, step: 1, value: 0, unit: "°", title: "nose up; beyond 10 brows and lids are squeezed" },
  { name: "roll", label: "Tilt", min: -25, max: 25, step: 1, value: 0, unit: "°", title: "clockwise, as seen" },
  { name: "scale", label: "Size", min: 0.7, max: 1.4, step: 0.01, value: 1 },
  { name: "x", label: "Right", min: -0.4, max: 0.4, step: 0.01, value: 0, title: "in halves of the picture" },
  { name: "y", label: "Down", min: -0.4, max: 0.4, step: 0.01, value: 0, title: "in halves of the picture" },
];
/** @type {[string, RegExp][]} */
const GROUPS = [["Eyes", /^eye/], ["Brows", /^brow/], ["Jaw", /^(jaw|tongue)/], ["Mouth", /^mouth/], ["Cheeks and nose", /^(cheek|nose)/]];
const PAUSE = 40; // ms from one message to the next

/** "mouthSmileLeft" -> "smile left". @param {string} name */
function words(name) {
  const plain = name.replace(/([A-Z])/g, " $1").toLowerCase();
  return plain.replace(/^(eye|brow|mouth|cheek|nose) /, "");
}

export class Sliders {
  /** @param {(message: object) => void} steer */
  constructor(steer) {
    this.steer = steer;
    /** @type {Record<string, ReturnType<typeof slider>>} */
    this.pose = {};
    /** @type {Record<string, ReturnType<typeof slider>>} */
    this.shapes = {};
    this.expression = "neutral";
    this.send = calmly(() => this.steer(this.state()), PAUSE);
    for (const one of POSE) {
      this.pose[one.name] = slider({ ...one, changed: this.send });
      $("pose").append(this.pose[one.name].row);
    }
    $("reset").onclick = () => this.reset();
  }

  /** @param {{blendshapes: {name: string, moves: boolean}[], presets: string[]}} info */
  build(info) {
    $("groups").replaceChildren();
    for (const [title, pattern] of GROUPS) {
      const inside = make("div", {});
      for (const { name, moves } of info.blendshapes.filter((one) => pattern.test(one.name))) {
        const made = slider({
          name, label: words(name), min: 0, max: 1, step: 0.01, value: 0, dead: !moves,
          title: moves ? name : `${name}: does nothing with these weights`, changed: (value) => this.changed(name, value),
        });
        made.input.disabled = !moves;
        this.shapes[name] = made;
        inside.append(made.row);
      }
      $("groups").append(make("details", {}, make("summary", {}, title), inside));
    }
    const chips = info.presets.map((name) => make("button", {
      type: "button", role: "radio", "data-preset": name, title: /left|right/.test(name) ? "the person's own left and right" : "",
      onclick: () => this.choose(name),
    }, name === "neutral" ? "as the photo" : name.replace("_", " ")));
    $("presets").replaceChildren(...chips);
    this.marked();
  }

  /** @param {string} name @param {number} value */
  changed(name, value) {
    const other = name.endsWith("Left") ? `${name.slice(0, -4)}Right` : name.endsWith("Right") ? `${name.slice(0, -5)}Left` : "";
    const linked = /** @type {HTMLInputElement} */ ($("linked")).checked && !/^(jaw|mouth)(Left|Right)$/.test(name) && !/^eyeLook(In|Out)/.test(name);
    if (linked && this.shapes[other]) this.shapes[other].set(value);
    this.send();
  }

  /** @param {string} name */
  choose(name) {
    this.expression = name;
    this.marked();
    this.send();
  }

  marked() {
    mark($("presets"), (chip) => chip.dataset.preset === this.expression);
  }

  reset() {
    for (const made of [...Object.values(this.pose), ...Object.values(this.shapes)]) made.reset();
    this.choose("neutral");
  }

  /** What the server is told. */
  state() {
    const at = (/** @type {string} */ name) => Number(this.pose[name].input.value);
    const moved = Object.entries(this.shapes).filter(([, made]) => Number(made.input.value));
    return {
      yaw: at("yaw"), pitch: at("pitch"), roll: at("roll"), scale: at("scale"), shift: [at("x"), at("y")],
      expression: this.expression, blendshapes: Object.fromEntries(moved.map(([name, made]) => [name, Number(made.input.value)])),
    };
  }
}
