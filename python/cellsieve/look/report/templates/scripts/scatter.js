// Two measures at once: bins of all cells, dots for the cells of this page, and a brush that
// becomes two rules. The brush covers whole bins, so what it counts is what `clean` counts.

const scatter = data.scatter;
const plane = find("#scatter");
const brushNames = ["x-from", "x-to", "y-from", "y-to"];
const brushInputs = plane && brushNames.map((name) => find(`#brush-${name}`));
const chosenColumns = () => ["x", "y"].map((axisName) => Number(find(`#scatter-${axisName}`).value));
const SIDE = 400; // of the plot, in its own units
const MOST_CROPS = 48;

// The counts of two columns, whichever comes first: [x bin, y bin, kept, dropped].
function countsOf(x, y) {
  const [a, b] = [Math.min(x, y), Math.max(x, y)];
  const many = scatter.columns.length;
  const flat = scatter.pairs[a * many - (a * (a + 1)) / 2 + (b - a - 1)];
  const found = [];
  for (let k = 0; k < flat.length; k += 3) {
    const [first, second] = [Math.floor(flat[k] / scatter.bins), flat[k] % scatter.bins];
    found.push([...(x < y ? [first, second] : [second, first]), flat[k + 1], flat[k + 2]]);
  }
  return found;
}
function valueIn(cell, column) {
  const text = cell.row[data.columns.indexOf(column.name)];
  return text ? Number(text) : NaN;
}
const onScale = (column, value) => ((column.log ? Math.log10(value) : value) - column.start) / column.width / scatter.bins;

// ---- what is drawn ----

const svg = (tag, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  if (text) made.textContent = text;
  return made;
};
function ticksOf(column) {
  const [low, high] = [column.start, column.start + column.width * scatter.bins];
  const step = column.log ? Math.max(1, Math.ceil((high - low) / 5)) : niceStep((high - low) / 4);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) {
    found.push([(k * step - low) / (high - low), column.log ? 10 ** (k * step) : k * step]);
  }
  // Within one power of ten, its ends say more.
  return found.length > 1 ? found : [[0, column.log ? 10 ** low : low], [1, column.log ? 10 ** high : high]];
}
function drawScatter() {
  const [x, y] = chosenColumns();
  if (x === y) return;
  const [across, up] = [scatter.columns[x], scatter.columns[y]];
  const counts = countsOf(x, y);
  const unit = SIDE / scatter.bins;
  const top = Math.log1p(Math.max(1, ...counts.map(([, , kept, cut]) => kept + cut)));
  const shapes = counts.map(([a, b, kept, cut]) =>
    svg("rect", {
      x: a * unit, y: SIDE - (b + 1) * unit, width: unit, height: unit,
      class: kept >= cut ? "keep" : "drop",
      "fill-opacity": (0.25 + (0.75 * Math.log1p(kept + cut)) / top).toFixed(2),
    }),
  );
  for (const cell of data.cells) {
    const [at, height] = [onScale(across, valueIn(cell, across)), onScale(up, valueIn(cell, up))];
    if (!Number.isFinite(at) || !Number.isFinite(height)) continue;
    const [cx, cy] = [at * SIDE, SIDE - height * SIDE];
    shapes.push(
      verdictOf(cell).what === "keep"
        ? svg("circle", { cx, cy, r: 2.4, class: "dot" })
        : svg("path", { d: `M${cx - 3} ${cy - 3}l6 6m0-6l-6 6`, class: "cross" }),
    );
  }
  for (const [part, value] of ticksOf(across)) {
    const anchor = part < 0.05 ? "start" : part > 0.95 ? "end" : "middle";
    shapes.push(svg("text", { x: part * SIDE, y: SIDE + 16, "text-anchor": anchor }, value === 0 ? "0" : short(value)));
  }
  for (const [part, value] of ticksOf(up)) {
    shapes.push(svg("text", { x: -6, y: SIDE - part * SIDE + (part > 0.95 ? 9 : 4), "text-anchor": "end" }, value === 0 ? "0" : short(value)));
  }
  find(".shapes", plane).replaceChildren(...shapes);
  put(find(".x-name", plane), across.name + (across.log ? ", logarithmic" : ""));
  put(find(".y-name", plane), up.name + (up.log ? ", logarithmic" : ""));
  showBrush();
}

// ---- the brush ----

const brush = () => {
  const [x0, x1, y0, y1] = brushInputs.map((input) => Number(input.value));
  return { x: [Math.min(x0, x1), Math.max(x0, x1)], y: [Math.min(y0, y1), Math.max(y0, y1)] };
};

// The shortest number that is above one value and at most another (or mirrored).
function shortestWithin(beyond, last, up) {
  for (let digits = 1; digits < 17; digits += 1) {
    const step = 10 ** (Math.floor(Math.log10(Math.abs(last) || 1)) - digits + 1);
    const found = Number(((up ? Math.ceil(last / step) : Math.floor(last / step)) * step).toPrecision(digits + 1));
    if (up ? found >= last && found < beyond : found <= last && found > beyond) return found;
  }
  return last;
}
// The limits of the bins [from, to) of a column; null if none of them has a cell.
function limitsOfBins(column, [from, to]) {
  const within = column.ends.slice(from, to).filter(Boolean);
  if (!within.length) return null;
  const before = column.ends.slice(0, from).filter(Boolean).at(-1)?.[1] ?? -Infinity;
  const after = column.ends.slice(to).find(Boolean)?.[0] ?? Infinity;
  return [shortestWithin(before, within[0][0], false), shortestWithin(after, within.at(-1)[1], true)];
}

let brushed = null; // the rules of the brush, and what they promise
function showBrush() {
  const [x, y] = chosenColumns();
  const { x: xs, y: ys } = brush();
  const unit = SIDE / scatter.bins;
  const box = { x: xs[0] * unit, y: SIDE - ys[1] * unit, width: (xs[1] - xs[0]) * unit, height: (ys[1] - ys[0]) * unit };
  Object.entries(box).forEach(([name, value]) => find(".brush", plane).setAttribute(name, value));
  let [kept, cut] = [0, 0];
  for (const [a, b, isKept, isCut] of countsOf(x, y)) {
    if (a < xs[0] || a >= xs[1] || b < ys[0] || b >= ys[1]) continue;
    kept += isKept;
    cut += isCut;
  }
  const columns = [scatter.columns[x], scatter.columns[y]];
  const ends = [limitsOfBins(columns[0], xs), limitsOfBins(columns[1], ys)];
  const narrowed = [xs, ys].some(([from, to]) => from > 0 || to < scatter.bins);
  const inside = narrowed && ends.every(Boolean) ? cellsWithin(columns, ends) : [];
  const stay = (scatter.judged ? kept : kept + cut) + scatter.by_hand_kept;
  brushed = narrowed && ends.every(Boolean) && kept + cut ? { columns, ends, stay } : null;
  put(
    find("#brush-said"),
    `${whole(kept + cut)} cells inside: ${whole(kept)} kept, ${whole(cut)} dropped as cleaned` +
      (inside.length ? `; ${whole(inside.length)} of them are on this page.` : ".") +
      (brushed ? ` ${columns.map((column, k) => `${column.name} ${short(ends[k][0])} to ${short(ends[k][1])}`).join(", ")}.` : ""),
  );
  find("#brush-use").disabled = !brushed;
  showCrops(inside);
}
// The values of the page's cells are rounded to six digits: so are the limits that they meet.
function cellsWithin(columns, ends) {
  const rounded = ends.map((pair) => pair.map((end) => Number(end.toPrecision(6))));
  return data.cells.flatMap((cell, index) =>
    columns.every((column, k) => {
      const value = valueIn(cell, column);
      return value >= rounded[k][0] && value <= rounded[k][1];
    }) ? [index] : [],
  );
}

// Tiles that nobody has asked for yet lie in a template.
function tileOf(index) {
  if (tiles.has(index)) return tiles.get(index).tile;
  for (const rest of all(".gallery template")) {
    const tile = find(`[data-cell="${index}"]`, rest.content);
    if (tile) return tile;
  }
  return null;
}
function showCrops(inside) {
  if (inside.length) buildAll();
  const crops = inside.slice(0, MOST_CROPS).map((index) => {
    const made = tileOf(index).cloneNode(true);
    find(".marks", made)?.remove();
    made.hidden = false;
    const { what } = verdictOf(data.cells[index]);
    made.dataset.verdict = what;
    find(".verdict", made).textContent = words[what];
    return made;
  });
  crops.forEach((crop, k) => (find(".open", crop).tabIndex = k ? -1 : 0));
  find("#brushed", plane).replaceChildren(...crops);
  put(find("#brush-more"), inside.length > MOST_CROPS ? `The first ${MOST_CROPS} of ${whole(inside.length)}.` : "");
}

if (plane) {
  const picture = find("svg", plane);
  const binAt = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    const bin = (part) => Math.min(scatter.bins - 1, Math.max(0, Math.floor(part * scatter.bins)));
    return [bin(at.x / SIDE), bin(1 - at.y / SIDE)];
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
    const start = binAt(event);
    const move = (at) => {
      const end = binAt(at);
      const values = start.flatMap((from, k) => [Math.min(from, end[k]), Math.max(from, end[k]) + 1]);
      brushInputs.forEach((input, k) => (input.value = values[k]));
      showBrush();
    };
    move(event);
    picture.addEventListener("pointermove", move);
    picture.addEventListener("lostpointercapture", () => picture.removeEventListener("pointermove", move), { once: true });
  });
  brushInputs.forEach((input) => input.addEventListener("input", showBrush));
  const choices = ["x", "y"].map((name) => find(`#scatter-${name}`));
  choices.forEach((choice, k) =>
    choice.addEventListener("change", () => {
      const other = choices[1 - k];
      if (other.value === choice.value) other.value = String(Number(choice.value) === 0 ? 1 : 0);
      brushInputs.forEach((input, n) => (input.value = n % 2 ? scatter.bins : 0));
      drawScatter();
    }),
  );
  plane.addEventListener("toggle", () => plane.open && drawScatter());
  find("#brushed", plane).addEventListener("click", (event) => {
    const crop = event.target.closest(".open")?.closest(".cell");
    if (!crop) return;
    const index = Number(crop.dataset.cell);
    if (!tiles.has(index)) unfoldGallery(all(".gallery").find((each) => find("template", each)?.content.querySelector(`[data-cell="${index}"]`)));
    current = index;
    fillView();
    view.showModal();
  });
  find("#brushed", plane).addEventListener("keydown", (event) => {
    const next = neighbour(event.target.closest(".cell"), event.key);
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    focusTile(next);
    event.preventDefault();
  });
  find("#brush-use").addEventListener("click", () => {
    const made = brushed.columns.map((column, k) => ({ column: column.name, kind: "value", lower: brushed.ends[k][0], upper: brushed.ends[k][1] }));
    const before = scatter.judged ? data.rules.filter((rule) => active(startOf(rule)) || rule.also) : [];
    const every = whole(data.sections.reduce((sum, each) => sum + each.n, 0));
    offer(
      asToml([...before, ...made]),
      `${whole(brushed.stay)} of ${every} cells would be kept` +
        (before.length ? ", by the rules that the table was cleaned by and these two." : " by these two rules.") +
        (marks.size ? " The marks of this page come on top." : ""),
    );
  });
}
