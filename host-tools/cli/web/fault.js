// One fault: what happened in a sentence, its walk, the faults before and after on that page, and how to see the
// same elsewhere.

import { $, count, make, seconds } from "./dom.js";
import { ask, select, selection } from "./selection.js";

let shown = "";
let shownUs = null;

// When the open fault was raised, on the session axis; null where none is open.
export const time = () => (selection().fault ? shownUs : null);

export async function refresh() {
  const { fault, board } = selection();
  const panel = $("fault");
  const key = `${board}:${fault}`;
  panel.hidden = !fault;
  if (!fault || key === shown) {
    shown = fault ? shown : "";
    return;
  }
  shown = key;
  try {
    const answer = await ask("fault.json", { id: fault });
    if (shown === key) drawFault(answer);
  } catch (error) {
    $("fault-body").replaceChildren(make("p", error.message));
  }
}

function drawFault(fault) {
  shownUs = fault.at_us;
  $("fault-title").textContent = `Fault ${count(fault.id)} at ${seconds(fault.at_us)}`;
  const body = [make("p", fault.text, { class: fault.refusal ? "refused" : null })];
  const cells = fault.cells;
  const place = [cells.function, fault.line].filter(Boolean).join(" in ");
  if (place) body.push(make("p", `The instruction is ${place}.`));
  if (fault.task_name) body.push(make("p", `Task ${fault.task_name}, boot ${cells.boot}${cells.seq === null ? "" : `, number ${count(cells.seq)} of that boot`}.`));
  body.push(make("h3", "Walk"), walk(fault));
  body.push(make("h3", "The same page"), neighbours(fault));
  body.push(make("h3", "See it elsewhere"), commands(fault));
  $("fault-body").replaceChildren(...body);
}

function walk(fault) {
  if (!fault.walk.length) return make("p", "The record holds no walk: no table was read, or its satp is not known.");
  const rows = fault.walk.map((it) => make("tr", [make("td", `level ${it.level}`), make("td", `[${it.index}]`), make("td", it.entry ?? ""), make("td", it.stopped ? `${it.text}  ◄ stopped here` : it.text)], { class: it.stopped ? "stopped" : null }));
  const done = fault.refusal ? "refused" : fault.cells.outcome;
  const cost = fault.cells.cost ? `, ${count(fault.cells.cost)} instructions` : "";
  return make("div", [make("table", rows), make("p", `${fault.mode}, satp ${fault.cells.satp}; then: ${done}${cost}.`)]);
}

function neighbours(fault) {
  const line = (it) => make("tr", [make("td", seconds(it.at_us)), make("td", it.task), make("td", it.access), make("td", it.outcome), make("td", it.cost === null ? "" : count(it.cost), { class: "number" })], { tabindex: 0, onclick: () => select({ fault: String(it.id) }) });
  const here = make("tr", [make("td", seconds(fault.at_us)), make("td", "this one", { colspan: 4 })], { class: "stopped" });
  const note = make("p", `${count(fault.page_faults)} ${fault.page_faults === 1 ? "fault" : "faults"} of this task on this page`);
  return make("div", [note, make("table", [...fault.before.map(line), here, ...fault.after.map(line)])]);
}

function commands(fault) {
  return make("ul", fault.commands.map((it) => {
    const copy = async (event) => {
      const button = event.currentTarget;
      try {
        await navigator.clipboard.writeText(it.command);
        button.textContent = "copied";
      } catch {
        button.textContent = "select and copy it";
      }
    };
    const use = () => select({ filter: it.command, fault: "" });
    const button = it.tool === "filter" ? make("button", "use", { type: "button", onclick: use }) : make("button", "copy", { type: "button", onclick: copy });
    return make("li", [make("span", `${it.tool} `), make("code", it.command), " ", button]);
  }));
}

export function begin() {
  $("close-fault").addEventListener("click", () => select({ fault: "" }));
}
