// The list: filters, order, pages, and the one story that is open.

/** Rows on a page: enough to scan, few enough to draw at once. */
const PAGE = 100;
let shown = [];

/** Draws the list anew from the view. */
function draw() {
  shown = shownCalls();
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  const open = callById.get(view.call);
  const place = open ? shown.indexOf(open) : -1;
  if (place >= 0) view.page = Math.floor(place / PAGE) + 1;
  view.page = Math.min(view.page, pages);
  const first = (view.page - 1) * PAGE;
  const page = shown.slice(first, first + PAGE);
  byId("rows").replaceChildren(...page.map(row));
  const number = (count) => count.toLocaleString("en");
  byId("count").textContent = shown.length === calls.length
    ? `${number(calls.length)} calls`
    : `${number(shown.length)} of ${number(calls.length)} calls`;
  byId("pager").hidden = pages === 1;
  byId("page").textContent = `${number(first + 1)} to ${number(first + page.length)} of ${number(shown.length)}`;
  byId("prev").disabled = view.page === 1;
  byId("next").disabled = view.page === pages;
  for (const header of document.querySelectorAll("#call-table th[data-sort]")) {
    const key = header.dataset.sort;
    if (view.sort === key) header.setAttribute("aria-sort", "ascending");
    else if (view.sort === `-${key}`) header.setAttribute("aria-sort", "descending");
    else header.removeAttribute("aria-sort");
  }
  return place >= 0 ? openStory(open) : Promise.resolve();
}

function row(call) {
  const confidence = `${Math.round(call.confidence * 100)} %`;
  const button = make("button", { type: "button", class: "open", id: `call-${call.id}`, "aria-expanded": "false" }, instant(call.time));
  return make("tr", { class: "call", "data-id": call.id },
    make("td", {}, button),
    make("td", {}, make("bdi", { class: "name" }, call.endpoint)),
    make("td", { class: "c-mid" }, call.symptom),
    make("td", { class: "cause-cell" }, call.cause),
    make("td", { class: "c-wide" }, make("span", { class: `side ${call.side}` }, call.side)),
    make("td", { class: "c-wide" }, call.match),
    make("td", { class: "num c-mid" }, confidence));
}

/** Opens the story of a call that is on the page, and closes any other. */
async function openStory(call) {
  closeStory();
  const at = document.querySelector(`tr[data-id="${CSS.escape(call.id)}"]`);
  if (!at) return;
  const button = at.querySelector("button");
  button.setAttribute("aria-expanded", "true");
  const cell = make("td", { colspan: visibleColumns() });
  const storyRow = make("tr", { class: "story-row", id: "story" }, cell);
  button.setAttribute("aria-controls", "story");
  at.after(storyRow);
  cell.append(await storyElement(call));
}

/** Columns that the width of the window leaves. */
function visibleColumns() {
  return [...document.querySelectorAll("#call-table thead th")].filter((header) => header.offsetParent !== null).length;
}

window.addEventListener("resize", () => byId("story")?.firstElementChild.setAttribute("colspan", visibleColumns()));

function closeStory() {
  byId("story")?.remove();
  for (const button of document.querySelectorAll('.open[aria-expanded="true"]')) {
    button.setAttribute("aria-expanded", "false");
    button.removeAttribute("aria-controls");
  }
}

/** Opens a call's story, or closes it where it is open. */
function toggle(id) {
  if (view.call === id) {
    view.call = "";
    closeStory();
  } else {
    view.call = id;
    openStory(callById.get(id));
  }
  writeFragment();
}
