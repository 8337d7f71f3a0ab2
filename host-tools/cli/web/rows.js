// The table of faults: every one that is selected, of which only those on the screen are fetched and drawn.

import { $, colour, count, make, seconds } from "./dom.js";
import { ask, faultsQuery, select, selection, toggleWord } from "./selection.js";

const ROW = 22;
const PIECE = 200;
const COLUMNS = [["time", "time"], ["task", "task"], ["cause", "cause"], [null, "access"], ["address", "address"], [null, "region"], [null, "instruction"], [null, "outcome"], ["cost", "cost"], [null, "alike"]];

let pieces = new Map();
let total = 0;
let generation = 0;

const query = () => ({ ...faultsQuery(), order: selection().order, ascending: selection().ascending, fold: selection().fold });

// Forgets what it has: the selection, or the board's faults, are others now.
export async function refresh() {
  generation += 1;
  const mine = generation;
  const fresh = new Map();
  const first = Math.floor($("rows").scrollTop / ROW / PIECE);
  const answer = await piece(first, fresh);
  if (mine !== generation || !answer) return;
  pieces = fresh;
  total = answer.rows_in_all;
  const folded = selection().fold !== "0" && selection().order === "time";
  $("matching").textContent = `${count(answer.passing)} faults${folded ? ` in ${count(total)} rows` : ""}`;
  paint();
}

async function piece(number, into) {
  if (into.has(number)) return into.get(number);
  const asked = ask("rows.json", { ...query(), offset: number * PIECE, limit: PIECE });
  into.set(number, null);
  try {
    const answer = await asked;
    into.set(number, answer);
    return answer;
  } catch {
    into.delete(number);
    return null;
  }
}

function paint() {
  const box = $("rows");
  const first = Math.floor(box.scrollTop / ROW);
  const last = Math.min(total, first + Math.ceil(box.clientHeight / ROW) + 2);
  const lines = [];
  for (let at = first; at < last; at += 1) {
    const number = Math.floor(at / PIECE);
    const known = pieces.get(number);
    if (known) {
      const row = known.rows[at % PIECE];
      if (row) lines.push(line(row));
    } else {
      lines.push(make("tr", [make("td", "…", { colspan: COLUMNS.length })]));
      if (known === undefined) {
        const mine = generation;
        piece(number, pieces).then(() => mine === generation && paint());
      }
    }
  }
  // Rows that are not drawn still take their room, so that the bar at the side is right.
  $("before-rows").style.height = `${first * ROW}px`;
  $("after-rows").style.height = `${Math.max(0, total - last) * ROW}px`;
  $("faults").replaceChildren(...lines);
  $("no-rows").hidden = total > 0;
}

function line(row) {
  const swatch = make("i");
  swatch.style.background = colour(row, 8);
  const outcome = make("td", [swatch, row.outcome ?? row.text]);
  const where = row.function ?? row.epc;
  const cells = [
    make("td", seconds(row.at_us, 1)),
    make("td", row.command || (row.task ?? ""), { title: row.command }),
    make("td", row.text, { title: row.text }),
    make("td", row.access ?? ""),
    make("td", row.address, { class: "address" }),
    make("td", row.region ?? ""),
    make("td", where, { title: [row.epc, row.function, row.line].filter(Boolean).join("\n") }),
    outcome,
    make("td", row.cost === null || row.cost === undefined ? "" : count(row.cost), { class: "number" }),
    make("td", row.count > 1 ? `×${count(row.count)}` : "", { class: "number" }),
  ];
  const open = () => select({ fault: String(row.id) });
  return make("tr", cells, { tabindex: 0, class: row.refusal ? "refused" : null, "data-id": row.id, onclick: open, onkeydown: (event) => event.key === "Enter" && open() });
}

function heads() {
  const { order, ascending } = selection();
  $("heads").replaceChildren(...COLUMNS.map(([key, name]) => {
    if (!key) return make("th", name, { class: name === "alike" ? "number" : null });
    const arrow = key === order ? (ascending === "1" ? " ▲" : " ▼") : "";
    const sort = () => select({ order: key, ascending: key === order && ascending !== "1" ? "1" : "" });
    return make("th", [make("button", name + arrow, { type: "button", onclick: sort })], { class: name === "cost" ? "number" : null, "aria-sort": key === order ? (ascending === "1" ? "ascending" : "descending") : null });
  }));
}

export function begin() {
  $("rows").addEventListener("scroll", () => requestAnimationFrame(paint));
  $("fold").addEventListener("change", (event) => select({ fold: event.target.checked ? "1" : "0" }));
  heads();
}

export function selected() {
  $("rows").scrollTop = 0;
  $("fold").checked = selection().fold !== "0";
  heads();
}

export { toggleWord };
