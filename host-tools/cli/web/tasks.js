// Tasks: those that run with their memory, those that have ended with their name; each with its share of faults.

import { $, count, make, size } from "./dom.js";
import { toggleWord } from "./selection.js";

export function drawTasks(live, span) {
  const counts = new Map(span.tasks.map((it) => [it.task, it]));
  const rows = live.tasks.map((task) => row(task.pid, task.command, task.state, size(task.resident), size(task.tables), working(task), counts.get(task.pid)?.count ?? 0, task.faults, span));
  const alive = new Set(live.tasks.map((task) => task.pid));
  for (const it of span.tasks) {
    if (it.task === null || alive.has(it.task)) continue;
    rows.push(row(it.task, it.command, it.ended ? "ended" : "not known", "", "", "", it.count, null, span, "ended"));
  }
  $("tasks").replaceChildren(...rows);
  $("no-tasks").hidden = rows.length > 0;
}

// The working set: what was used of a task's pages, and what of it was written.
const working = (task) => (task.used === null ? "" : `${size(task.used)} (${size(task.written)})`);

function row(pid, command, state, resident, tables, used, selected, faults, span, kind) {
  const died = span.killed.find((it) => it.task === `${pid} ${command}` || it.task === String(pid));
  const said = died && kind ? `killed: ${died.outcome}` : state;
  const filter = () => toggleWord(`task:${pid}`);
  const share = make("meter", undefined, { min: 0, max: Math.max(span.passing, 1), value: selected, title: `${count(selected)} of the selected faults` });
  const cells = [make("td", pid, { class: "number" }), make("td", command, { title: command }), make("td", said), make("td", resident, { class: "number" }), make("td", tables, { class: "number" }), make("td", used, { class: "number" }), make("td", faults === null ? "" : count(faults), { class: "number" }), make("td", [share, ` ${count(selected)}`])];
  return make("tr", cells, { tabindex: 0, class: died && kind ? "refused" : kind ?? null, title: "filter this task", onclick: filter, onkeydown: (event) => event.key === "Enter" && filter() });
}
