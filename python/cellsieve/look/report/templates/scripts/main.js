// One way in for every change, and the page's state in its address, so that it can be shared.

let at = "";
let now = judgeAll();

function update() {
  now = judgeAll();
  tellSections();
  tellTotals();
  drawPlots();
  refreshTiles();
  if (plane?.open) drawScatter();
  if (sorted.by !== "place") sortClasses();
  remember();
}

let waiting = 0;
function remember() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const state = new URLSearchParams();
    if (isMoved()) {
      const said = (rule) => [rule.kind, rule.lower ?? "", rule.upper ?? ""].join(",");
      state.set("limits", rules.map(said).join(";"));
      const alone = own.flatMap((each, r) => [...each].map(([number, rule]) => `${data.sections[number].id},${r},${said(rule)}`));
      if (alone.length) state.set("own", alone.join(";"));
    }
    if (sorted.by !== "place" || sorted.down) state.set("sort", (sorted.down ? "-" : "") + sorted.by);
    if (filter.value) state.set("filter", filter.value);
    if (log) state.set("log", "1");
    if (find("#zoom").value !== "whole") state.set("zoom", find("#zoom").value);
    if (only.checked) state.set("only", "changes");
    if (reason?.value) state.set("reason", reason.value);
    if (picturesState()) state.set("pictures", picturesState());
    if (at) state.set("at", at);
    const text = state.toString();
    const plain = at && text === new URLSearchParams({ at }).toString();
    try {
      history.replaceState(null, "", text ? `#${plain ? at : text}` : location.href.split("#")[0]);
    } catch {} // in the frame of a notebook, there is no address
  }, 150);
}

function restore() {
  const hash = location.hash.slice(1);
  showPictures();
  if (document.getElementById(hash)) {
    at = document.getElementById(hash).matches("section.class") ? hash : "";
    return;
  }
  const state = new URLSearchParams(hash);
  const restored = (r, kind, lower, upper) => {
    if (!rules[r] || ![...find("select", cards[r]).options].some((option) => option.value === kind)) return null;
    const end = (text) => (text ? Number(text) : null);
    const changed = { ...rules[r], kind, lower: end(lower), upper: end(upper) };
    return problemOf(changed) ? null : changed;
  };
  (state.get("limits") ?? "").split(";").forEach((said, r) => (rules[r] = restored(r, ...said.split(",")) ?? rules[r]));
  for (const said of (state.get("own") ?? "").split(";")) {
    const [id, r, ...limits] = said.split(",");
    const number = data.sections.findIndex((section) => section.id === id);
    const rule = restored(r, ...limits);
    if (rule && number >= 0 && mayBeAlone(r, number)) own[r].set(number, rule);
  }
  const sort = state.get("sort") ?? "";
  const by = sort.replace(/^-/, "");
  if (by in orders) sorted = { by, down: sort.startsWith("-") };
  filter.value = state.get("filter") ?? "";
  log = find("#log").checked = state.get("log") === "1";
  if (state.get("zoom")) find("#zoom").value = state.get("zoom");
  only.checked = state.get("only") === "changes";
  if (reason) reason.value = data.reasons.find(([name]) => name === state.get("reason"))?.[0] ?? "";
  if (reason?.selectedIndex === -1) reason.value = "";
  restorePictures(state.get("pictures") ?? "");
  at = state.get("at") ?? "";
}

restore();
fillCards();
cards[0]?.classList.add("chosen");
setStops();
update();
sortClasses();
if (reason?.value) showReason();
countMarks();
countReviewed();
applyFilter();
if (find("#zoom").value !== "whole") zoomTo(find("#zoom").value);
if (location.hash.includes("at=")) goTo(at);

// The same rules over these cells alone may give other limits than the table has: it was cleaned
// together with others, or by limits that were given.
function differsFromTable() {
  const start = cleanedBy.map(startOf);
  const mine = [rules, own];
  [rules, own] = [start, start.map(() => new Map())];
  const known = new Map();
  const differing = pools.map((pool) => judgePool(pool, known)).some((each) => each.newly + each.again > 0);
  [rules, own] = mine;
  return start.some(active) && differing;
}
find("#not-its-own").hidden = !differsFromTable();
