"use strict";
// The page is complete without this script, except for what moves: limits, filter, sort, larger view, marks.
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  find("#theme").addEventListener("click", () => {
    const now = root.style.colorScheme;
    const dark = now ? now === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.style.colorScheme = dark ? "light" : "dark";
  });

  // A link to a closed list opens it, and so does printing.
  const unfold = () => find("details:target")?.setAttribute("open", "");
  addEventListener("hashchange", unfold);
  unfold();
  addEventListener("beforeprint", () => all("details").forEach((each) => (each.open = true)));

  const source = find("#data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const whole = (number) => number.toLocaleString("en");
  const short = (number) => (number === null ? "none" : String(Number(number.toPrecision(4))));
  const share = (part, of) => (of ? `${Number(((100 * part) / of).toPrecision(3))} %` : "–");

  // ---- limits ----

  const sections = data.sections.map((section) => {
    const element = document.getElementById(section.id);
    const item = find(`#list [data-section="${section.id}"]`);
    const fall = Number(item.dataset.dropped);
    return { ...section, element, item, cells: Number(item.dataset.cells), fall, cleaned: fall };
  });
  const byId = new Map(sections.map((section) => [section.id, section]));
  const allCells = sections.reduce((sum, section) => sum + section.cells, 0);
  const cleanedFall = sections.reduce((sum, section) => sum + section.cleaned, 0);

  // The quantile (position 0 to 1) of values that each stand for some cells, interpolated between
  // neighbours (numpy's method "linear").
  function quantile(section, position) {
    const { values, counts } = section;
    const total = counts.reduce((sum, many) => sum + many, 0);
    const at = position * (total - 1);
    const below = Math.floor(at);
    let seen = 0;
    for (let k = 0; k < values.length; k += 1) {
      seen += counts[k];
      if (below < seen) {
        const next = below + 1 < seen ? values[k] : values[Math.min(k + 1, values.length - 1)];
        return values[k] + (at - below) * (next - values[k]);
      }
    }
    return values[values.length - 1];
  }

  // How many cells lie below and above the limits, and the bars of those within.
  function outside(section, lower, upper) {
    let [low, high] = [0, 0];
    const [from, to] = data.axis;
    const bars = [...section.bars];
    section.values.forEach((value, k) => {
      if (value >= lower && value <= upper) return;
      if (value < lower) low += section.counts[k];
      else high += section.counts[k];
      const bar = Math.floor((bars.length * (value - from)) / (to - from));
      bars[Math.min(bars.length - 1, Math.max(0, bar))] -= section.counts[k];
    });
    return [low, high, bars];
  }

  function path(bars, top) {
    const width = 1000 / bars.length;
    return bars
      .map((many, k) =>
        many > 0 ? `M${k * width} 100v${-Math.max(1.5, (100 * many) / top)}h${width}V100z` : "",
      )
      .join("");
  }

  function show(section, lower, upper, low, high) {
    const [from, to] = data.axis;
    const place = (value) => 1000 * Math.min(1, Math.max(0, (value - from) / (to - from)));
    for (const [name, value] of [["lower", lower], ["upper", upper]]) {
      const line = find(`.limit.${name}`, section.element);
      for (const x of ["x1", "x2"]) line.setAttribute(x, value === null ? -10 : place(value));
      find(`.${name}-text`, section.element).textContent = short(value);
    }
    find(".low-text", section.element).textContent = whole(low);
    find(".high-text", section.element).textContent = whole(high);
  }

  const inputs = ["lower", "upper"].map((name) => find(`#${name}`));
  const slides = ["lower", "upper"].map((name) => find(`#${name}-slide`));
  const reset = find("#reset");
  let moved = false;

  function tell(section, word) {
    find(".fall", section.element).textContent = whole(section.fall);
    find(".fall-word", section.element).textContent = word;
    find(".stay", section.element).textContent = whole(section.cells - section.fall);
    section.element.classList.toggle("moved", moved);
    find(".fell", section.item).textContent = share(section.fall, section.cells);
  }

  function recompute() {
    const [lower, upper] = inputs.map((input) => Number(input.value) / 100);
    if (!(lower >= 0 && upper <= 1 && lower <= upper)) {
      find("#outcome").textContent = "Percentiles go from 0 to 100, the lower one first.";
      return;
    }
    moved = true;
    reset.disabled = false;
    for (const section of sections) {
      if (!section.values.length) continue;
      const ends = [quantile(section, lower), quantile(section, upper)];
      const [low, high, bars] = outside(section, ...ends);
      section.fall = section.fixed + low + high;
      section.now = ends;
      show(section, ...ends, low, high);
      find("path.keep", section.element).setAttribute("d", path(bars, Math.max(1, ...section.bars)));
      tell(section, "would be dropped");
    }
    const falling = sections.reduce((sum, section) => sum + section.fall, 0);
    find("#outcome").textContent =
      `${whole(falling)} of ${whole(allCells)} cells (${share(falling, allCells)}) would be dropped; ` +
      `as cleaned: ${whole(cleanedFall)}.`;
    refreshTiles();
    sort();
  }

  inputs.forEach((input, k) => {
    input.addEventListener("input", () => {
      slides[k].value = input.value;
      recompute();
    });
    slides[k].addEventListener("input", () => {
      input.value = slides[k].value;
      recompute();
    });
  });
  const outcomeAsCleaned = find("#outcome").textContent;
  const asCleaned = new Map(
    sections.map((section) => [
      section,
      [
        all(".lower-text, .upper-text, .low-text, .high-text", section.element).map((e) => e.textContent),
        find("path.keep", section.element)?.getAttribute("d"),
      ],
    ]),
  );
  reset.addEventListener("click", () => {
    moved = false;
    inputs.forEach((input, k) => {
      input.value = data.percentiles[k];
      slides[k].value = data.percentiles[k];
    });
    for (const section of sections) {
      section.fall = section.cleaned;
      section.now = null;
      tell(section, "dropped");
      find(".fell", section.item).textContent = section.item.dataset.share;
      if (!section.values.length) continue;
      show(section, section.lower, section.upper, 0, 0);
      const [texts, kept] = asCleaned.get(section);
      find("path.keep", section.element).setAttribute("d", kept);
      all(".lower-text, .upper-text, .low-text, .high-text", section.element).forEach((e, k) => {
        e.textContent = texts[k];
      });
    }
    find("#outcome").textContent = outcomeAsCleaned;
    reset.disabled = true;
    inputs[0].focus();
    refreshTiles();
    sort();
  });

  // ---- class list ----

  const filter = find("#filter");
  function applyFilter() {
    const wanted = filter.value.trim().toLowerCase();
    let seen = 0;
    for (const { item, element } of sections) {
      const fits = item.dataset.name.toLowerCase().includes(wanted);
      item.hidden = element.hidden = !fits;
      seen += fits;
    }
    find("#found").textContent = `${seen} of ${sections.length}`;
    find("#nonefound").hidden = seen > 0 || !sections.length;
  }
  filter.addEventListener("input", applyFilter);

  const orders = {
    place: (section) => Number(section.item.dataset.place),
    cells: (section) => -section.cells,
    share: (section) => -section.fall / section.cells,
    dropped: (section) => -section.fall,
  };
  function sort() {
    const key = orders[find("#sort").value];
    const place = orders.place;
    const ordered = [...sections].sort((a, b) => key(a) - key(b) || place(a) - place(b));
    const now = all("#list li").map((item) => item.dataset.section);
    if (ordered.every((section, k) => section.id === now[k])) return;
    find("#list").append(...ordered.map((section) => section.item));
    find("main").prepend(...ordered.map((section) => section.element));
  }
  find("#sort").addEventListener("change", sort);

  // ---- cells ----

  const tiles = all(".cell");
  const tileOf = new Map(tiles.map((tile) => [Number(tile.dataset.cell), tile]));
  const sectionOf = (tile) => byId.get(tile.closest("section").id);
  const keyOf = (cell) => JSON.stringify([cell.image_id, cell.label]);
  const byValue = (cell) => cell.judged;

  // Whether a cell is kept: by its mark, by the moved limits, or as cleaned.
  function verdict(tile) {
    const cell = data.cells[tile.dataset.cell];
    const mark = marks.get(keyOf(cell));
    if (mark) return [mark, "by hand"];
    const ends = sectionOf(tile).now;
    if (moved && ends && byValue(cell)) {
      return [cell.value < ends[0] || cell.value > ends[1] ? "drop" : "keep", "would be"];
    }
    return [cell.clean ? "keep" : "drop", ""];
  }

  const words = { keep: "kept", drop: "dropped" };
  function sentence(tile) {
    const cell = data.cells[tile.dataset.cell];
    const [kind, how] = verdict(tile);
    if (how === "by hand") return `${words[kind]} by hand; ${cell.said} before`;
    return how ? `would be ${words[kind]}; ${cell.said} as cleaned` : cell.said;
  }
  function refreshTile(tile) {
    const cell = data.cells[tile.dataset.cell];
    const [kind] = verdict(tile);
    tile.dataset.verdict = kind;
    find(".verdict", tile).textContent = words[kind];
    find(".open", tile).setAttribute(
      "aria-label",
      `Cell ${cell.label} of image ${cell.image_id}, ${data.column} ${short(cell.value)}, ` +
        `${sentence(tile)}. Open a larger view.`,
    );
    press(tile, marks.get(keyOf(cell)));
  }
  const refreshTiles = () => tiles.forEach(refreshTile);
  function press(where, mark) {
    all("[data-mark]", where).forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.mark === mark)),
    );
  }

  // ---- marks ----

  // Stored in the browser as well, so that closing the page loses nothing; some browsers forbid it.
  const store = `cellsieve marks of ${data.name} ${data.key}`;
  let marks = new Map();
  try {
    marks = new Map(JSON.parse(localStorage.getItem(store) ?? "[]"));
  } catch {}

  function marksChanged() {
    try {
      localStorage.setItem(store, JSON.stringify([...marks]));
    } catch {}
    const kept = [...marks.values()].filter((mark) => mark === "keep").length;
    find("#marked").hidden = !marks.size;
    find("#marked-text").textContent =
      `${whole(marks.size)} marked: ${whole(kept)} keep, ${whole(marks.size - kept)} drop`;
    refreshTiles();
  }

  function mark(index, what) {
    const key = keyOf(data.cells[index]);
    if (marks.get(key) === what) marks.delete(key);
    else marks.set(key, what);
    marksChanged();
    if (view.open) fill();
  }

  const field = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  function marksAsCsv() {
    const rows = [...marks].map(([key, what]) => [...JSON.parse(key), what]);
    return ["image_id,label,mark", ...rows.map((row) => row.map(String).map(field).join(","))]
      .map((line) => `${line}\n`)
      .join("");
  }
  find("#download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([marksAsCsv()], { type: "text/csv" }));
    link.download = "marks.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  find("#clear").addEventListener("click", () => {
    if (!confirm(`Remove ${marks.size} marks?`)) return;
    marks.clear();
    marksChanged();
  });

  // ---- larger view ----

  const view = find("#view");
  let current = 0;

  function fill() {
    const tile = tileOf.get(current);
    const cell = data.cells[current];
    find("#view-title").textContent = `Cell ${cell.label} of ${cell.image_id}`;
    find(".said", view).textContent = sentence(tile);
    find(".picture", view).replaceChildren(find(".open", tile).firstElementChild.cloneNode(true));
    find(".fields", view).replaceChildren(
      ...data.columns.map((name, k) => {
        const row = document.createElement("div");
        for (const [tag, text] of [["dt", name], ["dd", cell.row[k] || "–"]]) {
          row.append(Object.assign(document.createElement(tag), { textContent: text }));
        }
        return row;
      }),
    );
    press(view, marks.get(keyOf(cell)));
  }

  // In the page's current order, filtered and sorted.
  function turn(by) {
    const order = all(".cell").filter((tile) => !tile.closest("section").hidden);
    const next = order[order.indexOf(tileOf.get(current)) + by];
    if (!next) return;
    current = Number(next.dataset.cell);
    fill();
  }

  find("main").addEventListener("click", (event) => {
    const tile = event.target.closest(".cell");
    if (!tile) return;
    const button = event.target.closest("[data-mark]");
    current = Number(tile.dataset.cell);
    if (button) mark(current, button.dataset.mark);
    else if (event.target.closest(".open")) {
      fill();
      view.showModal();
    }
  });
  view.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mark]");
    if (button) mark(current, button.dataset.mark);
    else if (event.target === view || event.target.closest(".close")) view.close();
    else if (event.target.closest(".previous")) turn(-1);
    else if (event.target.closest(".next")) turn(1);
  });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "arrowleft") turn(-1);
    else if (key === "arrowright") turn(1);
    else if (key === "k") mark(current, "keep");
    else if (key === "d") mark(current, "drop");
    else return;
    event.preventDefault();
  });
  view.addEventListener("close", () => find(".open", tileOf.get(current)).focus());

  marksChanged();
})();
