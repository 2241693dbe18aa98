// Marks by hand. They are stored in the browser as well, so that closing the page loses nothing.

const store = `cellsieve marks of ${data.title} ${data.key}`;
const BOX = ["min_row", "min_col", "max_row", "max_col"];
const boxColumns = BOX.map((name) => data.columns.indexOf(name));
const valueColumn = data.columns.indexOf(data.column);
const boxOf = (cell) => boxColumns.map((k) => cell.row[k]);

let marks = new Map();
try {
  marks = new Map(JSON.parse(localStorage.getItem(store) ?? "[]"));
} catch {} // some browsers forbid it
const undone = []; // what to go back to: a cell's key and its mark before

function setMark(key, entry) {
  undone.push([key, marks.get(key)]);
  if (entry) marks.set(key, entry);
  else marks.delete(key);
}
function mark(index, what, { toggle = true } = {}) {
  const cell = data.cells[index];
  const key = keyOf(cell);
  const again = toggle && marks.get(key)?.mark === what;
  setMark(key, again ? null : { mark: what, box: boxOf(cell), value: cell.row[valueColumn] });
  marksChanged();
}

// Takes the last mark back; returns the tile of its cell.
function undo() {
  const [key, before] = undone.pop() ?? [];
  if (!key) return null;
  if (before) marks.set(key, before);
  else marks.delete(key);
  marksChanged();
  return tiles.get(cellOf.get(key))?.tile ?? null;
}

function marksChanged() {
  try {
    localStorage.setItem(store, JSON.stringify([...marks]));
  } catch {}
  update();
  countMarks();
  countReviewed();
}

function countMarks() {
  const kept = [...marks.values()].filter((each) => each.mark === "keep").length;
  const elsewhere = [...marks.keys()].filter((key) => !cellOf.has(key)).length;
  find("#marked").hidden = !marks.size;
  find("#marked-text").textContent =
    `${whole(marks.size)} marked: ${whole(kept)} keep, ${whole(marks.size - kept)} drop` +
    (elsewhere ? `; ${whole(elsewhere)} of cells that this page does not show` : "");
}

// What marks change: each takes a cell from where the limits put it.
function markMoves(section) {
  const moves = { kept: 0, cut: 0, unjudged: 0, by_hand: 0, newly: 0, again: 0 };
  for (const [key, { mark: what }] of marks) {
    const cell = data.cells[cellOf.get(key)];
    if (!cell || (section !== undefined && pools[cell.pool].section !== section)) continue;
    const [from, to] = [kindOf(cell), what === "keep" ? "kept" : "by_hand"];
    moves[from] -= 1;
    moves[to] += 1;
    if ((from === "kept") !== cell.clean) moves[cell.clean ? "newly" : "again"] -= 1;
    if ((to === "kept") !== cell.clean) moves[cell.clean ? "newly" : "again"] += 1;
  }
  return moves;
}

// ---- how far one is ----

function countReviewed() {
  for (const gallery of all(".gallery")) {
    const cells = all(".cell", gallery);
    const rest = find("template", gallery)?.content.childElementCount ?? 0;
    const marked = cells.filter((tile) => tile.dataset.marked).length;
    find(".reviewed", gallery).textContent =
      cells.length ? `${whole(marked)} of ${whole(cells.length + rest)} marked` : "";
  }
  const done = [...marks.keys()].filter((key) => cellOf.has(key)).length;
  find("#reviewed").textContent = `${whole(done)} of the ${whole(data.cells.length)} cells of this page marked.`;
}

// The next cell without a mark after a tile, in this gallery and then in those after it.
function nextUnmarked(tile) {
  buildAll();
  const order = all(".gallery").filter((gallery) => !gallery.closest("section").hidden);
  const own = tile?.closest(".gallery");
  const start = own ? order.indexOf(own) : 0;
  const turn = [...order.slice(start), ...order.slice(0, start + 1)];
  for (const [k, gallery] of turn.entries()) {
    const unmarked = () => {
      const cells = all(".cell", gallery);
      const from = k === 0 && tile ? cells.indexOf(tile) + 1 : 0;
      return cells.slice(from).find((each) => !each.dataset.marked && visible(each));
    };
    const found = unmarked();
    if (found) return found;
    if (find("template", gallery)) {
      unfoldGallery(gallery);
      const unfolded = unmarked();
      if (unfolded) return unfolded;
    }
  }
  return null;
}
find("#next-unmarked").addEventListener("click", () => {
  const tile = nextUnmarked(null);
  if (tile) focusTile(tile);
  else find("#reviewed").textContent = `Every cell ${chosen < 0 && !only.checked ? "of this page" : "shown"} is marked.`;
});

// ---- as a file ----

function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Each mark says which cell it was made for: its box, so that marks of another segmentation
// are refused, and its value.
const field = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
function marksAsCsv() {
  const earlier = data.marks.map(([image, label, what, ...rest]) => [
    JSON.stringify([image, label]),
    { mark: what, box: rest.slice(0, 4), value: rest[4] },
  ]);
  const together = [...new Map([...earlier, ...marks])];
  const lines = together.map(([key, { mark: what, box, value }]) => [...JSON.parse(key), what, ...box, value]);
  return [["image_id", "label", "mark", ...BOX, data.column], ...lines]
    .map((line) => `${line.map((each) => field(String(each ?? ""))).join(",")}\n`)
    .join("");
}
find("#download").addEventListener("click", () => download("marks.csv", marksAsCsv(), "text/csv"));
find("#clear").addEventListener("click", () => {
  if (!confirm(`Remove ${marks.size} marks?`)) return;
  marks.clear();
  undone.length = 0;
  marksChanged();
});

function parseCsv(text) {
  const lines = [[""]];
  let quoted = false;
  for (let k = 0; k < text.length; k += 1) {
    const c = text[k];
    const line = lines.at(-1);
    if (quoted && c === '"' && text[k + 1] === '"') {
      line[line.length - 1] += c;
      k += 1;
    } else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ",") line.push("");
    else if (!quoted && c === "\n") lines.push([""]);
    else if (quoted || c !== "\r") line[line.length - 1] += c;
  }
  return lines.filter((line) => line.length > 1 || line[0]);
}

// The marks of a file; an Error says why they are none of this table's.
function marksFrom(text) {
  const [header, ...lines] = parseCsv(text.replace(/^\ufeff/, ""));
  const column = Object.fromEntries((header ?? []).map((name, k) => [name, k]));
  for (const name of ["image_id", "label", "mark"]) {
    if (!(name in column)) throw new Error(`the file has no column ${name}`);
  }
  return lines.map((line, k) => {
    const get = (name) => (line[column[name]] ?? "").trim();
    const what = get("mark").toLowerCase();
    const label = Number(get("label"));
    if (!["keep", "drop"].includes(what) || !Number.isInteger(label)) {
      throw new Error(`row ${k + 1}: expected a label and the mark keep or drop`);
    }
    const key = JSON.stringify([get("image_id"), label]);
    const cell = data.cells[cellOf.get(key)];
    const box = BOX.map(get);
    if (cell && box.every(Boolean) && box.join() !== boxOf(cell).join()) {
      throw new Error(
        `cell ${label} of image ${get("image_id")} lies in ${box.join(", ")} there and in ` +
          `${boxOf(cell).join(", ")} here: the marks were made for another segmentation`,
      );
    }
    return [key, { mark: what, box: cell ? boxOf(cell) : box, value: get(data.column) }];
  });
}
find("#import").addEventListener("click", () => find("#import-file").click());
find("#import-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  try {
    const found = marksFrom(await file.text());
    found.forEach(([key, entry]) => setMark(key, entry));
    find("#imported").textContent = `${whole(found.length)} marks imported.`;
    marksChanged();
  } catch (error) {
    find("#imported").textContent = `Not imported: ${error.message}.`;
  }
  event.target.value = "";
});
