// The cells of the galleries: their verdicts as limits move, and one tab stop per gallery.

const tiles = new Map();
const keyOf = (cell) => JSON.stringify([cell.image_id, cell.label]);
const cellOf = new Map(data.cells.map((cell, index) => [keyOf(cell), index]));

function addTiles(within) {
  for (const tile of all(".cell", within)) {
    if (tiles.has(Number(tile.dataset.cell))) continue;
    tile.append(marksOf(data.cells[tile.dataset.cell]));
    tiles.set(Number(tile.dataset.cell), {
      tile,
      open: find(".open", tile),
      verdict: find(".verdict", tile),
      marks: all("[data-mark]", tile),
      hidden: false,
      said: data.cells[tile.dataset.cell].said,
    });
  }
}
function marksOf(cell) {
  const group = Object.assign(document.createElement("div"), { className: "marks", role: "group" });
  group.setAttribute("aria-label", `Mark cell ${cell.label} of image ${cell.image_id}`);
  for (const what of ["keep", "drop"]) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: what, tabIndex: -1 });
    button.dataset.mark = what;
    button.setAttribute("aria-pressed", "false");
    group.append(button);
  }
  return group;
}
addTiles(document);

const words = { keep: "kept", drop: "dropped" };
const mayBe = () => (now.moved ? "would be " : "");

// Whether a cell is kept, and why: by its mark, by the limits as they stand, or as cleaned.
function verdictOf(cell) {
  const mark = marks.get(keyOf(cell))?.mark;
  const was = cell.clean ? "keep" : "drop";
  if (mark) return { what: mark, said: `${words[mark]} by hand; ${cell.said} before`, changes: mark !== was };
  const what = kindOf(cell) === "kept" ? "keep" : "drop";
  const changes = what !== was;
  return { what, said: changes ? `would be ${words[what]}; ${cell.said} as cleaned` : cell.said, changes };
}

function refreshTiles() {
  let reset = false;
  for (const [index, each] of tiles) {
    const cell = data.cells[index];
    const { what, said, changes } = verdictOf(cell);
    const hidden = (only.checked && !changes) || !hasReason(cell);
    if (each.hidden !== hidden) {
      each.hidden = each.tile.hidden = hidden;
      reset = true;
    }
    const mark = marks.get(keyOf(cell))?.mark ?? "";
    if (each.said === said + mark) continue;
    each.said = said + mark;
    each.tile.dataset.verdict = what;
    each.tile.dataset.marked = mark;
    each.tile.classList.toggle("changes", changes);
    each.verdict.textContent = changes && !mark ? `would be ${words[what]}` : words[what];
    each.open.setAttribute(
      "aria-label",
      `Cell ${cell.label} of image ${cell.image_id}, ${data.column} ${short(cell.value)}, ${said}. Open a larger view.`,
    );
    each.marks.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mark === mark)));
  }
  if (reset) setStops();
}

// ---- more cells than are shown at first ----

function unfoldGallery(gallery) {
  if (takeOut(gallery)) settle();
}
// Whether there were more.
function takeOut(gallery) {
  const rest = find("template", gallery);
  if (!rest) return false;
  const row = find(".row", gallery);
  row.append(rest.content);
  addTiles(row);
  rest.remove();
  find(".more", gallery)?.remove();
  return true;
}
find("main").addEventListener("click", (event) => {
  const button = event.target.closest(".more");
  if (!button) return;
  const gallery = button.closest(".gallery");
  const next = all(".cell", gallery).length;
  unfoldGallery(gallery);
  focusTile(all(".cell", gallery)[next]);
});

// ---- those that were dropped or flagged for one reason, as cleaned ----

const reason = find("#reason");
const chosenReason = () => (reason?.value ? data.reasons.findIndex(([name]) => name === reason.value) : -1);
const hasReason = (cell) => chosen < 0 || cell.reasons.includes(chosen);
let chosen = -1;
// Where they are: also among the cells that are not shown at first.
function showReason() {
  chosen = chosenReason();
  root.classList.toggle("by-reason", chosen >= 0);
  if (chosen >= 0) {
    buildAll();
    const index = (tile) => Number(tile.dataset.cell);
    for (const gallery of all(".gallery:has(template)")) {
      const rest = all(".cell", find("template", gallery).content);
      if (rest.some((tile) => hasReason(data.cells[index(tile)]))) takeOut(gallery);
    }
  }
  settle();
  const found = data.cells.filter(hasReason).length;
  const [name, many] = data.reasons[chosen] ?? [];
  const words = reason?.selectedOptions[0].textContent;
  if (reason) put(find("#of-reason"), name === undefined ? "" : `The galleries show only cells with the reason “${words}”: ${whole(found)} of ${whole(many)} are on this page.`);
}
reason?.addEventListener("change", () => {
  showReason();
  remember();
});

// ---- by keyboard: arrow keys within a gallery, which is one tab stop ----

function setStop(stops, target) {
  stops.forEach((stop) => {
    stop.tabIndex = stop === target ? 0 : -1;
    if (stop === target) stop.dataset.stop = "yes";
    else delete stop.dataset.stop;
  });
}
function setStops() {
  for (const row of all(".gallery .row")) {
    const stops = all(".open", row);
    const shown = stops.filter((stop) => !stop.parentElement.hidden);
    setStop(stops, shown.find((stop) => stop.dataset.stop) ?? shown[0]);
  }
}
function focusTile(tile) {
  if (!tile) return;
  const target = find(".open", tile);
  setStop(all(".open", tile.closest(".row, .crops")), target);
  target.focus();
}
const visible = (tile) => tile.offsetParent !== null;
function neighbour(tile, key) {
  const row = all(".cell", tile.closest(".row, .crops")).filter(visible);
  const here = row.indexOf(tile);
  const across = row.filter((each) => each.offsetTop === row[0].offsetTop).length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  if (key === "Home") return row[0];
  if (key === "End") return row.at(-1);
  return by === undefined ? null : (row[here + by] ?? tile);
}
find("main").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const tile = event.target.closest?.(".cell");
  if (!tile) return;
  const next = neighbour(tile, event.key);
  const key = event.key.toLowerCase();
  if (next) focusTile(next);
  else if (key === "k" || key === "d") {
    mark(Number(tile.dataset.cell), key === "k" ? "keep" : "drop", { toggle: false });
    focusTile(neighbour(tile, "ArrowRight"));
  } else if (key === "u") focusTile(undo() ?? tile);
  else if (key === "n") focusTile(nextUnmarked(tile) ?? tile);
  else return;
  event.preventDefault();
});
