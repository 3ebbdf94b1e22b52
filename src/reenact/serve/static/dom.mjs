// @ts-check
// Small helpers for building the page.

/** @template {HTMLElement} T @param {string} id @returns {T} */
export function $(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/** @param {string} tag @param {Record<string, any>} [set] @param {...(Node | string)} inside @returns {any} */
export function make(tag, set = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (name.startsWith("on") || name in made && typeof value !== "string") /** @type {any} */ (made)[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...inside);
  return made;
}

/** One slider with its name and its value; double click sets it back.
 * @param {{name: string, label: string, min: number, max: number, step: number, value: number, unit?: string, title?: string,
 *   dead?: boolean, changed: (value: number) => void}} given */
export function slider(given) {
  const { name, label, min, max, step, value, unit = "", dead = false, changed } = given;
  const zero = min < 0 || min < 1 && max < 1.5 && value === 1 ? value : min; // where the bar begins
  const places = step >= 1 ? 0 : 2;
  const input = make("input", { type: "range", name, min: String(min), max: String(max), step: String(step), value: String(value) });
  const shown = make("output", {}, "");
  const row = make("label", { class: "slider", title: given.title ?? "" }, make("span", {}, label), input, shown);
  if (dead) row.classList.add("dead");
  const show = () => {
    shown.textContent = `${Number(input.value).toFixed(places)}${unit}`;
    row.classList.toggle("set", Number(input.value) !== value);
    const [from, to] = [zero, Number(input.value)].sort((a, b) => a - b).map((at) => `${(100 * (at - min)) / (max - min)}%`);
    input.style.setProperty("--from", from);
    input.style.setProperty("--to", to);
  };
  input.oninput = () => { show(); changed(Number(input.value)); };
  row.ondblclick = () => { input.value = String(value); input.oninput(); };
  show();
  return { row, input, set(/** @type {number} */ to) { input.value = String(to); show(); }, reset() { input.value = String(value); show(); } };
}

/** Calls at most once in `wait` ms, the last call included. @param {() => void} call @param {number} wait */
export function calmly(call, wait) {
  let timer = 0;
  return () => {
    if (!timer) timer = setTimeout(() => { timer = 0; call(); }, wait);
  };
}

/** Which of a group's radio buttons is on: it alone is reached by Tab, and from it the others by the arrow keys.
 * @param {HTMLElement} group @param {(button: HTMLElement) => boolean} is */
export function mark(group, is) {
  const buttons = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  for (const button of buttons) {
    button.setAttribute("aria-checked", String(is(button)));
    button.tabIndex = is(button) ? 0 : -1;
  }
  group.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  };
}

/** The kept answer of a dialog: "" when it is left. @param {HTMLDialogElement} dialog @returns {Promise<string>} */
export function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue), { once: true }));
}

/** A name of the user's within a line of ours: one that is written from right to left leaves the rest as it is. @param {string} name */
export function isolated(name) {
  return `\u2068${name}\u2069`;
}

/** Saves a blob under a name. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** "1:05". @param {number} seconds */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
