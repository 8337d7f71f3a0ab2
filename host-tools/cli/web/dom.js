// Small helpers. Whatever a board calls itself or its tasks is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

// An element with a text or children; attributes whose value is null are left out.
export function make(name, content, attributes = {}) {
  const made = document.createElement(name);
  fill(made, content);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  return made;
}

function fill(made, content) {
  if (content === undefined || content === null) return;
  if (Array.isArray(content)) made.append(...content);
  else made.append(content);
}

// The same for a part of a drawing.
export function draw(name, attributes = {}, content) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  fill(made, content);
  return made;
}

export const count = (number) => Number(number).toLocaleString("en-US");

// A count in about five characters, for an axis: 82, 5,952, 2.3M.
export const short = (number) => (number < 100_000 ? count(number) : Number(number).toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 1 }));

// A power of two in at most four characters, for ticks: 512, 16k, 2M. Powers of two keep their names.
export function brief(number) {
  for (const [unit, each] of [["G", 2 ** 30], ["M", 2 ** 20], ["k", 2 ** 10]]) if (number >= each) return `${Math.round(number / each)}${unit}`;
  return String(number);
}

// Bytes in the largest binary unit that is exact.
export function size(bytes) {
  for (const unit of ["B", "KiB", "MiB"]) {
    if (bytes < 1024 || bytes % 1024) return `${bytes} ${unit}`;
    bytes /= 1024;
  }
  return `${bytes} GiB`;
}

// A point of the session axis in seconds, with as many decimals as a step needs.
export function seconds(us, step = 1) {
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / 1e6))));
  return `${(us / 1e6).toFixed(digits)} s`;
}

// 1, 2 or 5 times a power of ten: about `parts` of them cover `length`.
export function step(length, parts) {
  const raw = Math.max(length / parts, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
}

// The colour of a group of faults: an outcome's own, red for what killed, else one after the other.
export function colour(group, place) {
  if (group.refusal) return "var(--bad)";
  return `var(--g${group.colour ?? place % 9})`;
}

// What the pointer is on, beside it.
export function hint(event, text) {
  const box = $("hint");
  box.hidden = !text;
  if (!text) return;
  box.textContent = text;
  const { innerWidth, innerHeight } = window;
  const width = box.offsetWidth;
  const height = box.offsetHeight;
  box.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
}
