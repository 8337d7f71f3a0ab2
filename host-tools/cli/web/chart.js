// Stacked bars over time with axes, marks and a brush: the overview, and the rate.

import { colour, count, draw, hint, seconds, short, step } from "./dom.js";

const LEFT = 52;
const BOTTOM = 18;

// Draws `span` into `svg`. `brush(from, end)` is called with what was selected; `selected` is shaded.
export function bars(svg, span, { height, brush, selected, pick }) {
  const width = Math.max(svg.clientWidth, 200);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const { from_us: from, end_us: end, bins, groups } = span;
  const length = Math.max(end - from, 1);
  const x = (us) => LEFT + ((us - from) / length) * (width - LEFT - 6);
  const sums = Array.from({ length: bins }, (_, at) => groups.reduce((sum, it) => sum + it.bins[at], 0));
  const perSecond = bins / (length / 1e6);
  const top = Math.max(1, ...sums);
  const room = height - BOTTOM - 8;
  const y = (value) => 8 + room - (value / top) * room;
  const parts = [...valueAxis(top, perSecond, y, width), ...timeAxis(from, end, x, height)];
  const wide = (width - LEFT - 6) / bins;
  for (let at = 0; at < bins; at += 1) {
    let base = 0;
    groups.forEach((group, place) => {
      const value = group.bins[at];
      if (!value) return;
      const box = { x: LEFT + at * wide, width: Math.max(wide - 0.4, 0.8), y: y(base + value), height: Math.max(y(base) - y(base + value), 1), fill: colour(group, place) };
      parts.push(draw("rect", { ...box, class: "bar", "data-group": group.group }));
      base += value;
    });
  }
  if (selected) {
    const [left, right] = [Math.max(x(selected.from_us), LEFT), Math.min(x(selected.end_us), width - 6)];
    if (right > left) parts.push(draw("rect", { x: left, y: 0, width: right - left, height: height - BOTTOM, class: "selected" }));
  }
  parts.push(...marks(span, x, height));
  svg.replaceChildren(...parts);
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    const within = ((event.clientX - box.left) / box.width) * width;
    return Math.round(from + Math.min(Math.max((within - LEFT) / (width - LEFT - 6), 0), 1) * length);
  };
  svg.onpointermove = (event) => {
    const us = at(event);
    const bin = Math.min(Math.floor(((us - from) / length) * bins), bins - 1);
    const lines = groups.filter((it) => it.bins[bin]).map((it) => `${count(it.bins[bin])} ${it.group}`);
    hint(event, [seconds(us, length / bins), ...lines].join("\n"));
    if (svg.dragFrom !== undefined) shade(svg, x(svg.dragFrom), x(us), height);
  };
  svg.onpointerleave = (event) => hint(event, "");
  svg.onpointerdown = (event) => {
    svg.dragFrom = at(event);
    // A synthetic event has no pointer to capture.
    if (event.isTrusted) svg.setPointerCapture(event.pointerId);
  };
  svg.onpointerup = (event) => {
    const start = svg.dragFrom;
    svg.dragFrom = undefined;
    if (start === undefined) return;
    const [first, last] = [Math.min(start, at(event)), Math.max(start, at(event))];
    if (x(last) - x(first) >= 4) brush(first, Math.max(last, first + 1));
    else if (pick) pick(start, event);
  };
}

function shade(svg, one, other, height) {
  svg.querySelector(".dragging")?.remove();
  svg.append(draw("rect", { class: "selected dragging", x: Math.min(one, other), y: 0, width: Math.abs(one - other), height: height - BOTTOM }));
}

function valueAxis(top, perSecond, y, width) {
  const rate = top * perSecond;
  const mark = step(rate, 3);
  const parts = [];
  for (let value = 0; value <= rate; value += mark) {
    const at = y(value / perSecond);
    parts.push(draw("line", { x1: LEFT, x2: width, y1: at, y2: at, class: "grid" }));
    parts.push(draw("text", { x: LEFT - 6, y: at + 4, class: "tick end" }, value ? short(value) : "0/s"));
  }
  return parts;
}

function timeAxis(from, end, x, height) {
  const mark = step(end - from, 5);
  const parts = [];
  for (let us = Math.ceil(from / mark) * mark; us <= end; us += mark) {
    parts.push(draw("line", { x1: x(us), x2: x(us), y1: height - BOTTOM, y2: height - BOTTOM + 4, class: "axis" }));
    parts.push(draw("text", { x: x(us), y: height - 2, class: "tick" }, seconds(us, mark)));
  }
  return parts;
}

// Boots, losses (hatched where they are missing), tasks that were killed, notes of the reader.
function marks(span, x, height) {
  const inside = (it) => it.at_us >= span.from_us && it.at_us < span.end_us;
  const parts = [];
  const line = (at, kind, text) => {
    parts.push(draw("g", { class: `mark ${kind}` }, [draw("line", { x1: x(at), x2: x(at), y1: 0, y2: height - BOTTOM }), draw("text", { x: x(at) + 3, y: 10 }, text), draw("title", {}, `${text} at ${seconds(at)}`)]));
  };
  for (const mark of span.marks.filter(inside)) {
    if (mark.kind !== "boot" || mark.text !== "boot 0") line(mark.at_us, mark.kind, mark.text);
  }
  for (const killed of span.killed.filter(inside).slice(0, 20)) line(killed.at_us, "killed", `✖ ${killed.task}`);
  for (const note of (span.notes ?? []).filter(inside)) line(note.at_us, "note", `⚑ ${note.text}`);
  return parts;
}

// A legend whose entries filter.
export function legend(list, groups, make, toggle) {
  list.replaceChildren(...groups.map((group, place) => {
    const swatch = make("i");
    swatch.style.background = colour(group, place);
    const button = make("button", [swatch, `${count(group.count)} ${group.group}`], { type: "button", title: `filter ${group.filter}`, onclick: () => toggle(group.filter) });
    return make("li", [button]);
  }));
}
