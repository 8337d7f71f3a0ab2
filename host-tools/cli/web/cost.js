// What faults cost, in instructions: a histogram by outcome, percentiles, and how they change.

import { $, brief, colour, count, draw, hint, make, short } from "./dom.js";
import { toggleWord } from "./selection.js";

const LEFT = 52;
const BOTTOM = 18;

export function drawCost(span) {
  const each = span.costs.filter((it) => it.outcome !== null);
  $("no-cost").hidden = span.costs.length > 0;
  histogram($("cost"), each);
  overTime($("cost-time"), span);
  const cells = (it) => [count(it.count), it.least, it.p50, it.p90, it.p99, it.most];
  $("percentiles").replaceChildren(...span.costs.map((it, place) => {
    const name = it.outcome ?? "all";
    const swatch = make("i");
    if (it.outcome !== null) swatch.style.background = colour(it, place);
    const head = it.filter ? make("button", [swatch, name], { type: "button", title: `filter ${it.filter}`, onclick: () => toggleWord(it.filter) }) : name;
    const values = cells(it).map((value) => make("td", typeof value === "number" ? count(value) : value, { class: "number" }));
    return make("tr", [make("td", [head]), ...values]);
  }));
}

// Octaves of cost: each bar counts from 2^n up to 2^(n+1) - 1 instructions.
function histogram(svg, costs) {
  const width = Math.max(svg.clientWidth, 200);
  const height = 130;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const used = costs.flatMap((it) => it.octaves.map((value, at) => (value ? at : -1))).filter((at) => at >= 0);
  const [first, last] = [Math.min(...used, 6), Math.max(...used, 12)];
  const columns = last - first + 1;
  const sum = (at) => costs.reduce((total, it) => total + (it.octaves[at] ?? 0), 0);
  const top = Math.max(1, ...Array.from({ length: columns }, (_, at) => sum(first + at)));
  // A logarithm: the rare dear ones must be seen beside the many cheap ones.
  const scale = (value) => (value ? Math.log10(value + 1) / Math.log10(top + 1) : 0);
  const room = height - BOTTOM - 8;
  const wide = (width - LEFT - 6) / columns;
  const parts = [];
  for (const value of [1, 10, 100, 1000, 10000, 100000].filter((it) => it <= top)) {
    const at = 8 + room - scale(value) * room;
    parts.push(draw("line", { x1: LEFT, x2: width, y1: at, y2: at, class: "grid" }), draw("text", { x: LEFT - 6, y: at + 4, class: "tick end" }, short(value)));
  }
  for (let at = 0; at < columns; at += 1) {
    const octave = first + at;
    const total = sum(octave);
    const high = scale(total) * room;
    let base = 0;
    costs.forEach((it, place) => {
      const value = it.octaves[octave] ?? 0;
      if (!value) return;
      const part = (value / total) * high;
      parts.push(draw("rect", { x: LEFT + at * wide + 1, width: Math.max(wide - 2, 1), y: 8 + room - base - part, height: Math.max(part, 1), fill: colour(it, place), class: "bar" }));
      base += part;
    });
    parts.push(draw("text", { x: LEFT + at * wide, y: height - 2, class: "tick start" }, brief(2 ** octave)));
  }
  svg.replaceChildren(...parts);
  svg.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const octave = first + Math.floor((((event.clientX - box.left) / box.width) * width - LEFT) / wide);
    const lines = costs.filter((it) => it.octaves[octave]).map((it) => `${count(it.octaves[octave])} ${it.outcome}`);
    hint(event, lines.length ? [`${count(2 ** octave)} to ${count(2 ** (octave + 1) - 1)} instructions`, ...lines].join("\n") : "");
  };
  svg.onpointerleave = (event) => hint(event, "");
}

// Median and 99th percentile of each part of the span.
function overTime(svg, span) {
  const width = Math.max(svg.clientWidth, 200);
  const height = 70;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const known = span.cost_bins.filter(Boolean);
  const top = Math.max(1, ...known.map((it) => it[1]));
  const x = (at) => LEFT + ((at + 0.5) / span.bins) * (width - LEFT - 6);
  const y = (value) => height - 6 - (Math.log10(value + 1) / Math.log10(top + 1)) * (height - 14);
  const dots = (which, name) => span.cost_bins.map((it, at) => it && draw("circle", { cx: x(at), cy: y(it[which]), r: 1.6, class: name })).filter(Boolean);
  const words = known.length ? [draw("text", { x: LEFT - 6, y: 12, class: "tick end" }, short(top)), draw("text", { x: LEFT - 6, y: height - 6, class: "tick end" }, "0")] : [];
  svg.replaceChildren(...words, ...dots(1, "p99"), ...dots(0, "p50"));
}
