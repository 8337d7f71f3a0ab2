// Draws what /events sends. Whatever a board calls itself or its tasks is set as text, never as markup.
"use strict";

const KEPT = 5000;
const DRAWN = 200;
const COLORS = ["#3b7dd8", "#d08c00", "#2a9d5b", "#d63a3a", "#8e5bd0", "#1aa3a3", "#b0578d", "#777777"];
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

let rows = [];
let received = 0;
let skipped = 0;
let nextId = null;
let live = null;
let paused = false;
let filter = "";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function size(bytes) {
  for (const unit of ["B", "KiB", "MiB"]) {
    if (bytes < 1024 || bytes % 1024) return bytes + unit;
    bytes /= 1024;
  }
  return bytes + "GiB";
}

function color(cause) {
  const place = live.causes.findIndex((it) => it.cause === cause);
  return COLORS[Math.min(place < 0 ? COLORS.length : place, COLORS.length - 1)];
}

function drawSeconds() {
  const bars = [];
  const most = Math.max(1, ...live.seconds.map((it) => Object.values(it.counts).reduce((a, b) => a + b, 0)));
  const width = 600 / 120;
  live.seconds.forEach((it, place) => {
    let top = 120;
    for (const { cause } of live.causes) {
      const count = it.counts[cause] || 0;
      if (!count) continue;
      const height = Math.max(1, (count / most) * 116);
      top -= height;
      const bar = document.createElementNS(SVG, "rect");
      const at = { x: 600 - (live.seconds.length - place) * width, y: top, width: width - 0.5, height, fill: color(cause) };
      for (const [name, value] of Object.entries(at)) bar.setAttribute(name, value);
      const title = document.createElementNS(SVG, "title");
      title.textContent = `second ${it.second}: ${count} ${cause}`;
      bar.append(title);
      bars.push(bar);
    }
  });
  $("seconds").replaceChildren(...bars);
  $("causes").replaceChildren(...live.causes.map(({ cause, count }) => {
    const item = element("li");
    const mark = element("i");
    mark.style.background = color(cause);
    item.append(mark, `${count} ${cause}`);
    return item;
  }));
}

function drawTasks() {
  $("tasks").replaceChildren(...live.tasks.map((task) => {
    const row = element("tr");
    for (const cell of [task.pid, task.state, size(task.resident), size(task.tables), task.faults, task.command]) row.append(element("td", cell));
    return row;
  }));
}

function strip(task) {
  const box = element("div", undefined, "space");
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 1000 18");
  picture.setAttribute("preserveAspectRatio", "none");
  const room = 1000 / task.bands.length;
  task.bands.forEach((band, place) => {
    const start = BigInt(band.va);
    for (const range of band.ranges) {
      const from = Number(BigInt(range.va) - start) / band.bytes;
      const rect = document.createElementNS(SVG, "rect");
      const may = (letter) => range.perms.includes(letter);
      const kind = may("w") && may("x") ? "wx" : may("w") ? "w" : may("x") ? "x" : "r";
      rect.setAttribute("class", may("u") ? kind : kind + " kernel");
      const at = { x: place * room + from * (room - 6), y: 0, width: Math.max(1.5, (range.bytes / band.bytes) * (room - 6)), height: 18 };
      for (const [name, value] of Object.entries(at)) rect.setAttribute(name, value);
      const title = document.createElementNS(SVG, "title");
      title.textContent = `${range.va} ${size(range.bytes)} ${range.perms}`;
      rect.append(title);
      picture.append(rect);
    }
  });
  box.append(element("span", `task ${task.pid} ${task.command}: from ${task.bands.map((it) => it.va).join(", ")}`), picture);
  return box;
}

function drawFaults() {
  const matching = filter ? rows.filter((row) => row.words.includes(filter)) : rows;
  const told = filter ? `${matching.length} of the last ${rows.length} match` : `the last ${Math.min(DRAWN, rows.length)} of ${received}`;
  $("matching").textContent = skipped ? `${told}; ${skipped} came too fast for this page` : told;
  $("faults").replaceChildren(...matching.slice(-DRAWN).reverse().map((row) => {
    const line = element("tr");
    for (const name of ["time", "task", "cause", "access", "va", "epc", "outcome"]) line.append(element("td", row[name]));
    return line;
  }));
}

function draw() {
  if (paused) return;
  drawFaults();
  if (!live) return;
  $("board").textContent = live.board ? `${live.board} (rv${live.xlen})` : "waiting for the board";
  $("shown").textContent = live.shown;
  $("lost").textContent = live.lost;
  $("lost").className = live.lost ? "some" : "";
  if (live.ended) state("the line has ended");
  else if (live.trouble) state(live.trouble, true);
  else state("live");
  drawSeconds();
  drawTasks();
  $("spaces").replaceChildren(...live.tasks.filter((task) => task.bands.length).map(strip));
  $("text").textContent = live.text.join("\n");
}

function state(text, bad) {
  $("state").textContent = paused ? "paused" : text;
  $("state").className = bad ? "bad" : "";
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

const events = new EventSource("/events");
events.addEventListener("begin", () => {
  rows = [];
  received = skipped = 0;
  nextId = null;
  soon();
});
events.addEventListener("faults", (event) => {
  for (const row of JSON.parse(event.data)) {
    if (nextId !== null && row.id > nextId) skipped += row.id - nextId;
    nextId = row.id + 1;
    received += 1;
    row.words = `${row.time} task ${row.task} ${row.cause} ${row.access} ${row.va} ${row.epc} ${row.outcome}`.toLowerCase();
    rows.push(row);
  }
  if (rows.length > KEPT) rows = rows.slice(-KEPT);
  soon();
});
events.addEventListener("live", (event) => {
  live = JSON.parse(event.data);
  soon();
});
events.onerror = () => state("no connection; trying again", true);
events.onopen = () => state("live");

$("filter").addEventListener("input", (event) => {
  filter = event.target.value.trim().toLowerCase();
  const was = paused;
  paused = false;
  drawFaults();
  paused = was;
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? "Go on" : "Pause";
  state("live");
  draw();
});
