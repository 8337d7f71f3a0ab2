// Pages by time, or by task: one row for each page that has faults, the more the darker.

import { $, count, draw, hint, seconds, size } from "./dom.js";
import { select, selection, toggleWord } from "./selection.js";

const ROW = 12;
const ADDRESS = 132;
// Where there is no room for names of regions, the hint has them.
const NAMES = 76;
let beside = ADDRESS;

let shown = null;

export function drawHeat(span) {
  shown = span;
  const canvas = $("heat");
  const { heat } = span;
  const width = Math.max(canvas.parentElement.clientWidth, 260);
  beside = width < 480 ? ADDRESS : ADDRESS + NAMES;
  const height = Math.max(heat.rows.length * ROW, ROW) + (heat.tasks.length ? 14 : 0);
  const dots = devicePixelRatio || 1;
  canvas.width = width * dots;
  canvas.height = height * dots;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ink = getComputedStyle(document.documentElement);
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  pen.font = "11px ui-monospace, monospace";
  pen.textBaseline = "middle";
  const top = Math.max(1, ...heat.cells);
  const wide = (width - beside) / Math.max(heat.columns, 1);
  // The highest address on top, as a map of an address space is drawn.
  heat.rows.forEach((address, row) => {
    const y = (heat.rows.length - 1 - row) * ROW;
    pen.globalAlpha = 1;
    pen.fillStyle = ink.getPropertyValue("--ink");
    pen.fillText(address.padStart(18), 0, y + ROW / 2);
    if (beside > ADDRESS) pen.fillText(shortened(heat.regions[row]), ADDRESS, y + ROW / 2);
    pen.fillStyle = ink.getPropertyValue("--heat");
    for (let column = 0; column < heat.columns; column += 1) {
      const value = heat.cells[row * heat.columns + column];
      if (!value) continue;
      pen.globalAlpha = 0.25 + 0.75 * (Math.log(value + 1) / Math.log(top + 1));
      pen.fillRect(beside + column * wide, y, Math.max(wide - 0.3, 1), ROW - 1);
    }
  });
  pen.globalAlpha = 1;
  pen.fillStyle = ink.getPropertyValue("--ink");
  heat.tasks.forEach((task, column) => pen.fillText(task.slice(0, Math.max(1, wide / 7)), beside + column * wide, height - 6));
  const pages = `${count(span.pages)} ${span.pages === 1 ? "page" : "pages"}`;
  $("heat-text").textContent = heat.rows.length ? `${pages}; a row is ${size(heat.row_bytes)}, at most ${count(top)} faults in a cell` : "no fault with an address is selected";
}

const shortened = (name) => (name.length > 10 ? `${name.slice(0, 9)}…` : name);

function cellAt(event) {
  if (!shown) return null;
  const { heat } = shown;
  const box = $("heat").getBoundingClientRect();
  const row = heat.rows.length - 1 - Math.floor((event.clientY - box.top) / ROW);
  const column = Math.floor(((event.clientX - box.left - beside) / (box.width - beside)) * heat.columns);
  if (!(row >= 0 && row < heat.rows.length)) return null;
  return { row, column, address: heat.rows[row], value: heat.cells[row * heat.columns + column] ?? 0 };
}

export function begin() {
  const canvas = $("heat");
  canvas.addEventListener("pointermove", (event) => {
    const cell = cellAt(event);
    if (!cell) return hint(event, "");
    const { from_us: from, end_us: end, bins, heat } = shown;
    const us = from + ((end - from) / bins) * cell.column;
    const where = heat.tasks.length ? heat.tasks[cell.column] : seconds(us, (end - from) / bins);
    const page = `${cell.address} ${heat.regions[cell.row]}`.trimEnd();
    return hint(event, cell.column < 0 ? page : `${page}\n${where ?? ""}\n${count(cell.value)} faults`);
  });
  canvas.addEventListener("pointerleave", (event) => hint(event, ""));
  // One click narrows to the row; where a row is a page, its faults are what is left.
  canvas.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell) toggleWord(`addr:${cell.address}+${shown.heat.row_bytes.toString(16)}`);
  });
  $("across").addEventListener("change", (event) => select({ across: event.target.value }));
}

export const heatQuery = () => ({ across: selection().across, heat_rows: 40 });

// The heat map as a drawing, for those who want one that scales.
export function heatSvg() {
  const { heat } = shown;
  const top = Math.max(1, ...heat.cells);
  const wide = 800 / Math.max(heat.columns, 1);
  const left = ADDRESS + NAMES;
  const parts = [];
  heat.rows.forEach((address, row) => {
    const y = (heat.rows.length - 1 - row) * ROW;
    parts.push(draw("text", { x: 0, y: y + 10, "font-size": 11, "font-family": "monospace" }, `${address.padStart(18)} ${heat.regions[row]}`));
    for (let column = 0; column < heat.columns; column += 1) {
      const value = heat.cells[row * heat.columns + column];
      if (value) parts.push(draw("rect", { x: left + column * wide, y, width: wide, height: ROW - 1, fill: "#0b5cad", "fill-opacity": 0.25 + 0.75 * (Math.log(value + 1) / Math.log(top + 1)) }));
    }
  });
  return draw("svg", { xmlns: "http://www.w3.org/2000/svg", width: left + 800, height: heat.rows.length * ROW }, parts);
}
