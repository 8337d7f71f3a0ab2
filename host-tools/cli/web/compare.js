// Two spans side by side: one is kept, the other is what is selected.

import { $, count, make } from "./dom.js";
import { ask, select, selection, spanQuery } from "./selection.js";

export async function drawCompare(span) {
  const { against, filter, by } = selection();
  const panel = $("compare");
  panel.hidden = !against;
  if (!against) return;
  const other = await ask("span.json", { ...spanQuery(against), filter, by, bins: 1, heat_rows: 1 });
  const perSecond = (it, value) => value / Math.max((it.end_us - it.from_us) / 1e6, 1e-6);
  const groups = [...new Set([...span.groups, ...other.groups].map((it) => it.group))];
  const of = (it, name) => it.groups.find((group) => group.group === name)?.count ?? 0;
  const cost = (it, key) => it.costs[0]?.[key] ?? null;
  const rows = [
    row("faults", other.passing, span.passing),
    row("faults per second", perSecond(other, other.passing), perSecond(span, span.passing)),
    row("killed", other.refused, span.refused),
    row("pages", other.pages, span.pages),
    row("cost p50", cost(other, "p50"), cost(span, "p50")),
    row("cost p99", cost(other, "p99"), cost(span, "p99")),
    ...groups.map((name) => row(name, of(other, name), of(span, name))),
  ];
  $("compare-rows").replaceChildren(...rows);
}

function row(name, before, after) {
  const text = (value) => (value === null ? "" : Number.isInteger(value) ? count(value) : value.toFixed(1));
  const change = before && after !== null ? `${after >= before ? "+" : "−"}${Math.abs(((after - before) / before) * 100).toFixed(0)} %` : "";
  return make("tr", [make("td", name), ...[text(before), text(after), change].map((it) => make("td", it, { class: "number" }))]);
}

export function begin(shown) {
  $("keep").addEventListener("click", () => {
    const span = shown();
    if (span) select({ against: `${span.from_us}-${span.end_us}` });
  });
  $("close-compare").addEventListener("click", () => select({ against: "" }));
}
