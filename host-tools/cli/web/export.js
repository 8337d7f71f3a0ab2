// Every chart as SVG or PNG, every table as CSV or JSON.

import { $, draw } from "./dom.js";
import { heatSvg } from "./heat.js";
import { ask, faultsQuery, selection } from "./selection.js";

const CHARTS = { rate: "rate", overview: "overview", cost: "cost", "cost-time": "cost-time" };

function save(name, kind, data) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A drawing that stands alone: what the style sheet says of it is written into it.
function standalone(id) {
  if (id === "heat") return heatSvg();
  const copy = $(id).cloneNode(true);
  const from = [...$(id).querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((part, at) => {
    const style = getComputedStyle(from[at]);
    for (const key of ["fill", "stroke", "stroke-width", "opacity", "font-size", "font-family", "text-anchor"]) part.setAttribute(key, style.getPropertyValue(key));
  });
  const [, , width, height] = copy.getAttribute("viewBox").split(" ");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = getComputedStyle(document.documentElement).getPropertyValue("--paper");
  copy.prepend(draw("rect", { width, height, fill: paper.trim() }));
  return copy;
}

export function svgText(id) {
  return new XMLSerializer().serializeToString(standalone(id));
}

async function png(id) {
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([svgText(id)], { type: "image/svg+xml" }));
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth * 2;
  canvas.height = picture.naturalHeight * 2;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// All selected faults, piece by piece: a page holds few of them.
async function everyFault() {
  const rows = [];
  for (let offset = 0; ; offset += 5000) {
    const { order, ascending } = selection();
    const answer = await ask("rows.json", { ...faultsQuery(), order, ascending, fold: "0", offset, limit: 5000 });
    rows.push(...answer.rows);
    if (answer.rows.length < 5000) return rows;
  }
}

const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

export function csv(rows) {
  if (!rows.length) return "";
  const names = Object.keys(rows[0]);
  const line = (row) => names.map((name) => quoted(row[name] === null || row[name] === undefined ? "" : String(row[name]))).join(",");
  return `${[names.join(","), ...rows.map(line)].join("\n")}\n`;
}

export function begin(shown) {
  $("export").addEventListener("change", async (event) => {
    const [what, kind] = event.target.value.split(".");
    event.target.value = "";
    if (what === "faults" || what === "costs" || what === "tasks") {
      const rows = what === "faults" ? await everyFault() : shown()[what].map((it) => ({ ...it, octaves: undefined }));
      if (kind === "csv") save(`${what}.csv`, "text/csv", csv(rows));
      else save(`${what}.json`, "application/json", JSON.stringify(rows, null, 1));
    } else if (what === "heat" || CHARTS[what]) {
      if (kind === "svg") save(`${what}.svg`, "image/svg+xml", svgText(what));
      else save(`${what}.png`, "image/png", await png(what));
    }
  });
}
