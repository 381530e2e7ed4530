// What the list shows, and its form in the page's address: #calls?cause=…&sort=-time&call=…

const FILTERS = ["q", "endpoint", "cause", "symptom", "match", "finding", "from", "to"];

const view = { q: "", endpoint: "", cause: "", symptom: "", match: "", finding: "", from: "", to: "", sort: "time", page: 1, call: "" };

/** Takes the view from the address; false where the address names none. */
function readFragment() {
  const [name, query] = splitOnce(location.hash.slice(1), "?");
  if (name !== "calls" || query === null) return false;
  const parameters = new URLSearchParams(query);
  for (const key of FILTERS) view[key] = parameters.get(key) ?? "";
  view.sort = parameters.get("sort") ?? "time";
  view.page = Math.max(1, Number.parseInt(parameters.get("page") ?? "1", 10) || 1);
  view.call = parameters.get("call") ?? "";
  return true;
}

/** Puts the view into the address without a new entry in the history. */
function writeFragment() {
  const parameters = new URLSearchParams();
  for (const key of [...FILTERS, "call"]) if (view[key]) parameters.set(key, view[key]);
  if (view.sort !== "time") parameters.set("sort", view.sort);
  if (view.page > 1) parameters.set("page", view.page);
  const query = parameters.toString();
  history.replaceState(null, "", query ? `#calls?${query}` : "#calls");
}

function splitOnce(text, by) {
  const at = text.indexOf(by);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

/** The calls that the view shows, in its order. */
function shownCalls() {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const finding = Number(view.finding);
  const from = view.from ? Date.parse(`${view.from}Z`) : Number.NEGATIVE_INFINITY;
  const to = view.to ? Date.parse(`${view.to}Z`) : Number.POSITIVE_INFINITY;
  const shown = calls.filter((call) =>
    (!view.endpoint || call.endpoint === view.endpoint)
    && (!view.cause || call.cause === view.cause)
    && (!view.symptom || call.symptom === view.symptom)
    && (!view.match || call.match === view.match)
    && (!finding || call.findings.includes(finding))
    && !(call.time < from) && !(call.time > to)
    && words.every((word) => haystack(call).includes(word)));
  const descending = view.sort.startsWith("-");
  const key = descending ? view.sort.slice(1) : view.sort;
  const sign = descending ? -1 : 1;
  const compare = (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
  if (key in (calls[0] ?? {}) && view.sort !== "time") shown.sort((a, b) => sign * compare(a, b) || a.index - b.index);
  return shown;
}
