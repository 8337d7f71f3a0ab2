// The selection is the state: it stands in the link, so that a colleague sees the same.

const DEFAULTS = { board: "0", span: "all", filter: "", by: "outcome", across: "time", order: "time", ascending: "", fold: "1", fault: "", paused: "", against: "", notes: "" };
const listeners = [];
let state = { ...DEFAULTS };

export const selection = () => state;

export function onSelect(listener) {
  listeners.push(listener);
}

// Changes some of it. The back button leads to the selection before.
export function select(changes, { silent = false } = {}) {
  state = { ...state, ...changes };
  const words = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
  const hash = new URLSearchParams(words).toString();
  if (silent) history.replaceState(null, "", `#${hash}`);
  else if (location.hash.slice(1) !== hash) history.pushState(null, "", `#${hash}`);
  for (const listener of listeners) listener(changes);
}

function read() {
  const words = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const known = Object.keys(DEFAULTS).filter((key) => key in words);
  state = { ...DEFAULTS, ...Object.fromEntries(known.map((key) => [key, words[key]])) };
  for (const listener of listeners) listener(state);
}

export function begin() {
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
  read();
}

// The span as the server takes it: all of it, the last so many microseconds, or from one point to another.
export function spanQuery(span = state.span) {
  if (span === "all") return {};
  if (span.startsWith("last:")) return { last: span.slice(5) };
  const [from, end] = span.split("-");
  return { from, end };
}

// A filter with one more word, or without it if it is there.
export function toggleWord(word) {
  const words = state.filter.split(/\s+/).filter(Boolean);
  const key = word.split(":")[0];
  const kept = words.filter((it) => it !== word && it.split(":")[0] !== key);
  select({ filter: (words.includes(word) ? kept : [...kept, word]).join(" ") });
}

// A question to the server about the selected board.
export async function ask(path, query = {}) {
  const words = new URLSearchParams({ board: state.board, ...query });
  const answer = await fetch(`/${path}?${words}`);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

// Something to keep about the selected board.
export async function tell(path, words) {
  const body = JSON.stringify({ board: Number(state.board), ...words });
  const answer = await fetch(`/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

export const faultsQuery = () => ({ ...spanQuery(), filter: state.filter });
