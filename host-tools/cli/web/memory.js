// Physical memory: each extent of RAM as a strip, and who has what of it.

import { $, colour, draw, make, size } from "./dom.js";

export function drawMemory(live) {
  const place = new Map(live.tasks.map((task, at) => [task.pid, at]));
  // A task's colour is that of its place in the list; tables and shared pages have their own.
  const look = (part) => (part.owner === "task" ? colour({}, place.get(part.pid) ?? 0) : part.owner === "tables" ? "var(--ink)" : "var(--dim)");
  $("memory").replaceChildren(...live.ram.map((extent) => strip(extent, live.owned, look)));
  $("no-memory").hidden = live.ram.length > 0;
  const sums = new Map();
  for (const part of live.owned) {
    const key = part.owner === "task" ? `task ${part.pid}` : part.owner;
    const sum = sums.get(key) ?? { bytes: 0, colour: look(part) };
    sums.set(key, { ...sum, bytes: sum.bytes + part.bytes });
  }
  const entries = [...sums].map(([name, { bytes, colour }]) => {
    const swatch = make("i");
    swatch.style.background = colour;
    return make("li", [swatch, `${name} ${size(bytes)}`]);
  });
  const left = live.owned_parts - live.owned.length;
  if (left > 0) entries.push(make("li", `and ${left} more parts`));
  $("memory-owners").replaceChildren(...entries);
}

function strip(extent, owned, look) {
  const start = BigInt(extent.at);
  const picture = draw("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", "aria-label": `RAM from ${extent.at}` });
  for (const part of owned) {
    const from = Number(BigInt(part.at) - start);
    if (from < 0 || from >= extent.bytes) continue;
    const name = part.owner === "task" ? `task ${part.pid}` : part.owner === "tables" ? "page tables" : "shared by several tasks";
    const rect = draw("rect", { x: (from / extent.bytes) * 1000, y: 0, width: Math.max((part.bytes / extent.bytes) * 1000, 1), height: 20 });
    rect.style.fill = look(part);
    rect.append(draw("title", {}, `${part.at} ${size(part.bytes)}: ${name}`));
    picture.append(rect);
  }
  return make("div", [picture, make("div", [make("span", `${extent.at} + ${size(extent.bytes)}`)], { class: "labels" })], { class: "space" });
}
