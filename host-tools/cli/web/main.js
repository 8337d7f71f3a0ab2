// Asks for what is selected whenever the board has said something, and draws it.

import { drawBoards } from "./boards.js";
import { bars, legend } from "./chart.js";
import * as compare from "./compare.js";
import { drawCost } from "./cost.js";
import { $, count, make, seconds } from "./dom.js";
import * as exporting from "./export.js";
import * as fault from "./fault.js";
import * as heat from "./heat.js";
import { drawMemory } from "./memory.js";
import * as rows from "./rows.js";
import { ask, begin, faultsQuery, onSelect, select, selection, tell, toggleWord } from "./selection.js";
import { drawSpaces } from "./spaces.js";
import { drawTasks } from "./tasks.js";

// Faults that come in are drawn this often at most; what the reader selects is drawn at once.
const PERIOD = 1000;
// From this interval between two drawings on, the page says so.
const SLOW = 3000;
const BINS = 200;

let live = null;
let span = null;
let events = null;
let overviewAsked = -Infinity;
let period = PERIOD;

const paused = () => selection().paused === "1";

function state(text, bad) {
  $("state").textContent = paused() ? "paused" : text;
  $("state").className = bad && !paused() ? "bad" : "";
}

async function refresh() {
  const { by } = selection();
  try {
    const answer = await ask("span.json", { ...faultsQuery(), ...heat.heatQuery(), by, bins: BINS });
    span = { ...answer, notes: [...answer.notes, ...notes()] };
    $("filter-error").textContent = "";
  } catch (error) {
    // Of a filter that is being typed the last good one stays.
    if (!(error instanceof TypeError)) $("filter-error").textContent = error.message;
    return;
  }
  drawFacts();
  bars($("rate"), span, { height: 150, brush: (from, end) => select({ span: `${from}-${end}` }) });
  legend($("causes"), span.groups, make, toggleWord);
  drawCost(span);
  heat.drawHeat(span);
  if (live) {
    drawTasks(live, span);
    drawSpaces(live, span);
    drawMemory(live);
  }
  await Promise.all([rows.refresh(), fault.refresh(), compare.drawCompare(span), overview()]);
}

// The whole run, whatever is selected; it changes slowly.
async function overview() {
  const now = performance.now();
  if (now - overviewAsked < PERIOD && $("overview").childElementCount) return;
  overviewAsked = now;
  const whole = await ask("span.json", { by: "outcome", bins: 240, heat_rows: 1 });
  const chosen = selection().span === "all" ? null : span;
  whole.notes.push(...notes());
  bars($("overview"), whole, { height: 64, selected: chosen, brush: (from, end) => select({ span: `${from}-${end}` }), pick: (us, event) => event.shiftKey && setNote(us) });
}

function drawFacts() {
  const all = span.costs[0];
  const length = Math.max((span.end_us - span.from_us) / 1e6, 1e-6);
  const facts = [`${count(span.passing)} of ${count(span.faults)} selected`, span.has_times ? `${(span.passing / length).toFixed(1)}/s` : "no times", all ? `p50 ${count(all.p50)}, p99 ${count(all.p99)} instructions` : "no costs"];
  $("facts").textContent = facts.join("  ·  ");
  $("span-text").textContent = `${seconds(span.from_us, 1000)} to ${seconds(span.end_us, 1000)}`;
  const killed = span.killed.map((it) => make("button", `✖ ${it.task}: ${it.outcome} at ${it.address}`, { type: "button", class: "refused", onclick: () => select({ fault: String(it.id) }) }));
  $("killed").replaceChildren(...killed.slice(0, 5));
  if (span.killed_in_all > 5) $("killed").append(make("button", `all ${count(span.killed_in_all)}`, { type: "button", onclick: () => select({ filter: "killed", span: "all" }) }));
}

function drawLive() {
  $("board").textContent = live.board ? `${live.board} (rv${live.xlen})` : "waiting for the board";
  $("shown").textContent = live.shown;
  $("lost").textContent = live.lost;
  $("lost").className = live.lost ? "some" : "";
  if (live.ended) state("the line has ended");
  else if (live.trouble) state(live.trouble, true);
  else state("live");
  $("silent").hidden = live.shown > 0 || Boolean(live.board);
  $("text").textContent = live.text.join("\n");
}

// Notes that no recording keeps are in the link: a reader who gets it sees them too.
const notes = () => selection().notes.split("\n").filter(Boolean).map((it) => ({ at_us: Number(it.split(" ")[0]), text: it.slice(it.indexOf(" ") + 1) }));

async function setNote(us) {
  const text = prompt(`A note at ${seconds(us, 1000)}`)?.trim();
  if (!text) return;
  try {
    const { kept } = await tell("note", { at_us: us, text });
    $("note-text").textContent = `The note is kept in ${kept}.`;
    select({});
  } catch (error) {
    $("note-text").textContent = `The note is in this page's link only: ${error.message}`;
    select({ notes: [...selection().notes.split("\n").filter(Boolean), `${us} ${text.replaceAll("\n", " ")}`].join("\n") });
  }
}

let due = null;
// What is being drawn, and whether something has come since the last drawing began: it waits for no further event.
let drawing = 0;
let stale = false;

function soon(wait) {
  stale = true;
  if (wait && (due !== null || drawing)) return;
  clearTimeout(due);
  due = setTimeout(drawAll, wait);
}

async function drawAll() {
  due = null;
  stale = false;
  drawing += 1;
  const begun = performance.now();
  await refresh().catch(() => {});
  drawing -= 1;
  // A slow link or browser gets a picture less often, so that it has as much time for its reader as for drawing.
  const took = performance.now() - begun;
  period = Math.max(PERIOD, 2 * took);
  $("slow").textContent = period > SLOW ? `drawn every ${Math.round(period / 1000)} s: this browser or its link is slow` : "";
  if (stale && due === null) soon(period);
}

function connect() {
  events?.close();
  events = new EventSource(`/events?rows=0&board=${selection().board}`);
  events.addEventListener("live", (event) => {
    live = JSON.parse(event.data);
    if (paused()) return;
    drawLive();
    soon(span ? period : 0);
  });
  events.onerror = () => state("no connection; trying again", true);
  events.onopen = () => state("live");
}

// Moves the span by a part of itself, or makes it longer or shorter.
function move(by, scale = 1) {
  if (!span) return;
  const length = Math.max(Math.round((span.end_us - span.from_us) * scale), 1);
  const from = Math.max(Math.round(span.from_us + (span.end_us - span.from_us - length) / 2 + by * length), 0);
  select({ span: `${from}-${from + length}` });
}

const KEYS = {
  " ": () => $("pause").click(),
  "/": () => $("filter").focus(),
  "[": () => move(0, 0.5),
  "]": () => move(0, 2),
  ArrowLeft: () => move(-0.5),
  ArrowRight: () => move(0.5),
  a: () => select({ span: "all" }),
  n: () => span && setNote(fault.time() ?? Math.round((span.from_us + span.end_us) / 2)),
  g: () => select({ by: { outcome: "cause", cause: "task", task: "hart", hart: "outcome" }[selection().by] }),
  Escape: () => select({ fault: "" }),
  "?": () => $("keys").toggleAttribute("hidden"),
};

function wire() {
  $("filter").addEventListener("input", (event) => select({ filter: event.target.value.trim() }, { silent: true }));
  $("by").addEventListener("change", (event) => select({ by: event.target.value }));
  for (const button of document.querySelectorAll("[data-span]")) button.addEventListener("click", () => select({ span: button.dataset.span }));
  $("pause").addEventListener("click", () => {
    // Paused, a span that follows the newest fault is fixed.
    const fixed = !paused() && span && selection().span.startsWith("last:") ? { span: `${span.from_us}-${span.end_us}` } : {};
    select({ paused: paused() ? "" : "1", ...fixed });
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, [tabindex]") && event.key !== "Escape") return;
    if (!KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  addEventListener("resize", () => soon(0));
  onSelect((changes) => {
    const now = selection();
    if ($("filter").value.trim() !== now.filter) $("filter").value = now.filter;
    $("by").value = now.by;
    $("across").value = now.across;
    $("pause").setAttribute("aria-pressed", String(paused()));
    $("pause").textContent = paused() ? "Resume" : "Pause";
    for (const button of document.querySelectorAll("[data-span]")) button.setAttribute("aria-pressed", String(button.dataset.span === now.span));
    if ("board" in changes) connect();
    if (live) drawLive();
    rows.selected();
    overviewAsked = -Infinity;
    soon(0);
  });
}

wire();
rows.begin();
fault.begin();
heat.begin();
compare.begin(() => span);
exporting.begin(() => span);
begin();
connect();
drawBoards();
setInterval(() => drawBoards().catch(() => {}), 2000);
