// Address spaces as strips, with addresses under them and what faults now on top.

import { $, draw, make, size } from "./dom.js";

export function drawSpaces(live, span) {
  const recent = span.heat.rows.map((it) => BigInt(it));
  const filtered = live.tasks.filter((task) => task.bands.length);
  $("spaces").replaceChildren(...filtered.map((task) => strip(task, recent, BigInt(span.heat.row_bytes))));
  $("no-spaces").hidden = filtered.length > 0;
}

function strip(task, recent, rowBytes) {
  const picture = draw("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", "aria-label": `address space of task ${task.pid}` });
  const room = 1000 / task.bands.length;
  const labels = make("div", undefined, { class: "labels" });
  task.bands.forEach((band, place) => {
    const start = BigInt(band.va);
    const x = (address) => place * room + (Number(address - start) / band.bytes) * (room - 8);
    for (const range of band.ranges) {
      const may = (letter) => range.perms.includes(letter);
      const kind = may("w") && may("x") ? "wx" : may("w") ? "w" : may("x") ? "x" : "r";
      const from = BigInt(range.va);
      const rect = draw("rect", { class: may("u") ? kind : `${kind} kernel`, x: x(from), y: 4, width: Math.max(1.5, (range.bytes / band.bytes) * (room - 8)), height: 16 });
      rect.append(draw("title", {}, `${range.va} ${size(range.bytes)} ${range.perms}`));
      picture.append(rect);
    }
    for (const address of recent) {
      if (address + rowBytes <= start || address >= start + BigInt(band.bytes)) continue;
      picture.append(draw("rect", { class: "now", x: Math.max(x(address), place * room), y: 0, width: 2.5, height: 4 }));
    }
    labels.append(make("span", `${band.va} + ${size(band.bytes)}`));
  });
  return make("div", [make("span", `task ${task.pid} ${task.command}`, { class: "name" }), picture, labels], { class: "space" });
}
