// Several boards in one page: a tab for each, and their sum.

import { $, count, make } from "./dom.js";
import { select, selection } from "./selection.js";

export async function drawBoards() {
  const answer = await fetch("/boards.json");
  if (!answer.ok) return;
  const { boards } = await answer.json();
  $("boards").hidden = boards.length < 2;
  if (boards.length < 2) return;
  const sum = (key) => boards.reduce((total, it) => total + it[key], 0);
  const facts = (it) => [it.killed ? `${count(it.killed)} killed` : "", it.lost ? `${count(it.lost)} lost` : "", it.trouble ?? "", it.ended ? "ended" : ""].filter(Boolean).join(", ");
  const tabs = boards.map((it, at) => {
    const chosen = selection().board === String(at);
    const text = `${it.board ?? it.spec}: ${count(it.faults)} faults`;
    return make("button", [text, make("small", facts(it))], { type: "button", role: "tab", "aria-selected": String(chosen), title: it.spec, onclick: () => select({ board: String(at), span: "all", fault: "" }) });
  });
  tabs.push(make("span", `all ${boards.length}: ${count(sum("faults"))} faults, ${count(sum("killed"))} killed, ${count(sum("lost"))} lost`, { class: "sum" }));
  $("boards").replaceChildren(...tabs);
}
