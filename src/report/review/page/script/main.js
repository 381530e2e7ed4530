// Wiring.

function fillSelect(id, all, options) {
  byId(id).replaceChildren(make("option", { value: "" }, all), ...options.map(([value, text]) => make("option", { value }, text)));
}

function counted(key) {
  const counts = new Map();
  for (const call of calls) counts.set(call[key], (counts.get(call[key]) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([word, count]) => [word, `${word} (${count})`]);
}

function showFilters() {
  for (const key of FILTERS) byId(`f-${key}`).value = view[key];
}

/** Brings the list to where the address points. */
async function follow() {
  if (!readFragment()) return;
  showFilters();
  await draw();
  const target = view.call ? byId(`call-${view.call}`) : byId("filters");
  if (view.call && !target) toast("This page holds no such call");
  (target ?? byId("calls")).scrollIntoView({ block: "start" });
  if (view.call && target) target.focus({ preventScroll: true });
}

function wireList() {
  fillSelect("f-endpoint", "All endpoints", counted("endpoint"));
  fillSelect("f-cause", "All causes", counted("cause"));
  fillSelect("f-symptom", "All symptoms", counted("symptom"));
  fillSelect("f-match", "All", counted("match"));
  fillSelect("f-finding", "All", packed.findings.map(([number, title]) => [String(number), `${number}. ${title}`]));
  const form = byId("filters");
  form.hidden = false;
  byId("call-table").hidden = false;
  const changed = (event) => {
    // A field that is left reports its change again; drawing anew then would take the row away under the click.
    if (!event.target.name || view[event.target.name] === event.target.value) return;
    view[event.target.name] = event.target.value;
    view.page = 1;
    draw();
    writeFragment();
  };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const key of [...FILTERS, "call"]) view[key] = "";
    view.page = 1;
    showFilters();
    draw();
    writeFragment();
  });
  byId("share").addEventListener("click", () => {
    writeFragment();
    copy(location.href, "Link copied");
  });
  document.querySelector("#call-table thead").addEventListener("click", (event) => {
    const header = event.target.closest("th[data-sort]");
    if (!header) return;
    const key = header.dataset.sort;
    view.sort = view.sort === key ? `-${key}` : key;
    draw();
    writeFragment();
  });
  byId("rows").addEventListener("click", (event) => {
    const line = event.target.closest("tr.call");
    if (line) toggle(line.dataset.id);
  });
  const turn = (by) => {
    view.page += by;
    view.call = "";
    draw();
    writeFragment();
    byId("call-table").scrollIntoView({ block: "start" });
  };
  byId("prev").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
}

function wireTheme() {
  const button = byId("theme");
  const themes = ["system", "light", "dark"];
  let at = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    at = (at + 1) % themes.length;
    button.textContent = `Theme: ${themes[at]}`;
    if (at === 0) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = themes[at];
  });
}

/** On paper nothing can be unfolded. */
function wirePrint() {
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("#made details:not([open])")];
    for (const details of folded) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
}

/** Marks the section in sight in the contents. */
function wireContents() {
  const links = new Map([...document.querySelectorAll(".top nav a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of document.querySelectorAll("main > section")) observer.observe(section);
}

wireTheme();
wirePrint();
wireContents();
if (calls.length) {
  wireList();
  window.addEventListener("hashchange", follow);
  if (readFragment()) follow();
  else draw();
}
document.documentElement.dataset.ready = "true";
