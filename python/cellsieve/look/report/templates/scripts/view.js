// The larger view of a cell, with its row of the table.

const view = find("#view");
let current = 0;
const manyLarge = data.cells.filter((cell) => cell.large).length;

// In the page's current order, filtered and sorted.
function inOrder() {
  buildAll();
  return all("main .cell").filter((tile) => !tile.closest("section").hidden && visible(tile));
}

function fillView() {
  const { tile } = tiles.get(current);
  const cell = data.cells[current];
  const order = inOrder();
  find("#view-title").textContent = `Cell ${cell.label} of ${cell.image_id}`;
  find(".said", view).textContent = verdictOf(cell).said;
  find(".position", view).textContent = `${whole(order.indexOf(tile) + 1)} of ${whole(order.length)}`;
  const picture = find(".open", tile).firstElementChild.cloneNode(true);
  all("img", picture).forEach((layer, k) => {
    layer.loading = "eager";
    if (cell.large) layer.src = cell.large[1][k];
  });
  find(".large", view).replaceChildren(picture);
  find(".why-not", view).textContent = cell.problem;
  fillMap(cell);
  find(".fields", view).replaceChildren(
    ...data.columns.map((name, k) => {
      const row = document.createElement("div");
      for (const [tag, text] of [["dt", name], ["dd", cell.row[k] || "–"]]) {
        row.append(Object.assign(document.createElement(tag), { textContent: text }));
      }
      return row;
    }),
  );
  const what = marks.get(keyOf(cell))?.mark ?? "";
  all("[data-mark]", view).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mark === what)));
}

// Where the cell lies in its image.
function fillMap(cell) {
  const [overview, width, height] = data.images[cell.image_id] ?? [];
  const where = find(".where", view);
  where.hidden = !width || !cell.place.length;
  if (where.hidden) return;
  // Of many images there are no pictures, and their frame alone is shown.
  find("img", where).src = overview || "data:,";
  find("img", where).hidden = !overview;
  find(".map", where).style.aspectRatio = `${width} / ${height}`;
  const [left, top, small] = cell.place;
  const scale = cell.large ? cell.large[0] : small;
  const stack = find(".stack", view);
  const [w, h] = ["--w", "--h"].map((name) => Number(stack.style.getPropertyValue(name)));
  const place = { left: left / width, top: top / height, width: w / width, height: h / height };
  for (const [name, part] of Object.entries(place)) find(".box-in-map", where).style[name] = `${100 * part}%`;
  find("figcaption", where).textContent =
    `In its image of ${whole(width)} × ${whole(height)} pixels. The picture shows ${w} × ${h} of them` +
    (scale < 1 ? `, shown at 1/${Number((1 / scale).toPrecision(2))}.` : ", each as it is.") +
    (scale < 1 && !cell.large ? ` This page has room for larger pictures of ${whole(manyLarge)} of its cells, the first of the galleries.` : "");
}

function showTile(tile) {
  if (!tile) return;
  current = Number(tile.dataset.cell);
  fillView();
}
function turn(by) {
  const order = inOrder();
  showTile(order[order.indexOf(tiles.get(current).tile) + by]);
}
function markInView(what, options) {
  mark(current, what, options);
  fillView();
}

find("main").addEventListener("click", (event) => {
  const tile = event.target.closest(".cell");
  if (!tile) return;
  const button = event.target.closest("[data-mark]");
  current = Number(tile.dataset.cell);
  if (button) mark(current, button.dataset.mark);
  else if (event.target.closest(".open")) {
    focusTile(tile);
    fillView();
    view.showModal();
  }
});
view.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (button) markInView(button.dataset.mark);
  else if (event.target === view || event.target.closest(".close")) view.close();
  else if (event.target.closest(".previous")) turn(-1);
  else if (event.target.closest(".next")) turn(1);
  else if (event.target.closest(".undo")) showTile(undo() ?? tiles.get(current).tile);
});
view.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "arrowleft") turn(-1);
  else if (key === "arrowright") turn(1);
  else if (key === "k" || key === "d") {
    markInView(key === "k" ? "keep" : "drop", { toggle: false });
    turn(1);
  } else if (key === "u") showTile(undo() ?? tiles.get(current).tile);
  else if (key === "n") showTile(nextUnmarked(tiles.get(current).tile));
  else return;
  event.preventDefault();
});
view.addEventListener("close", () => focusTile(tiles.get(current).tile));
