// The histograms: bars of what is kept and dropped, and limits that can be dragged.

const BARS = data.bars;
let axis = [...data.axis];
let log = false;

const plots = data.sections.map((section) => {
  const element = document.getElementById(section.id);
  return { element, plot: find(".plot", element) };
});
const bars = data.sections.map((_, number) => document.getElementById(`bars-${number}`));

const place = (value) => Math.min(1, Math.max(0, (value - axis[0]) / (axis[1] - axis[0])));

// The bars of a section: how many cells are in each, and how many of those are kept.
function barsOf(result) {
  const [everything, kept] = [new Uint32Array(BARS), new Uint32Array(BARS)];
  const width = (axis[1] - axis[0]) / BARS;
  for (const k of result.pools) {
    const pool = pools[k];
    const { from, to, judged } = now.pools[k];
    let start = below(pool.values, axis[0]);
    for (let bar = 0; bar < BARS; bar += 1) {
      const last = bar === BARS - 1;
      const end = last ? upTo(pool.values, axis[1]) : below(pool.values, axis[0] + (bar + 1) * width);
      everything[bar] += end - start;
      kept[bar] += pool.held[end] - pool.held[start];
      if (!now.moved) kept[bar] += pool.both[end] - pool.both[start];
      else if (judged && end > from && start < to) {
        kept[bar] += pool.free[Math.min(end, to)] - pool.free[Math.max(start, from)];
      }
      start = Math.max(start, end);
    }
  }
  return [everything, kept];
}

function path(bars, top) {
  const height = (many) => (log ? (100 * Math.log1p(many)) / Math.log1p(top) : (100 * many) / top);
  let [text, at] = ["M0 100", "100"];
  bars.forEach((many) => {
    const up = many ? String(Math.round(100 - Math.max(2, height(many)))) : "100";
    text += (up === at ? "" : `V${up}`) + "h1";
    at = up;
  });
  return `${text}V100z`;
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}
function drawTicks(plot) {
  const step = niceStep((axis[1] - axis[0]) / 5);
  const ticks = [];
  for (let k = Math.ceil(axis[0] / step - 1e-9); k <= Math.floor(axis[1] / step + 1e-9); k += 1) {
    const tick = document.createElement("span");
    const at = place(k * step);
    tick.style.left = `${100 * at}%`;
    tick.className = at < 0.02 ? "first" : at > 0.98 ? "last" : "";
    tick.textContent = k === 0 ? "0" : short(k * step);
    ticks.push(tick);
  }
  find(".ticks", plot).replaceChildren(...ticks);
}

const sideNames = ["lower", "upper"];
function drawLimits(number) {
  const { plot } = plots[number];
  const result = now.sections[number];
  sideNames.forEach((side, k) => {
    const limit = result[side];
    const set = limit !== null && Number.isFinite(limit);
    const inside = set && limit >= axis[0] && limit <= axis[1];
    const line = find(`line.${side}`, plot);
    line.toggleAttribute("hidden", !inside); // beyond the axis, there is a handle alone
    const at = set ? place(limit) : k;
    line.setAttribute("x1", BARS * at);
    line.setAttribute("x2", BARS * at);
    const handle = find(`.handle.${side}`, plot);
    handle.style.left = `${100 * at}%`;
    handle.classList.toggle("unset", !inside);
    handle.setAttribute("aria-valuemin", axis[0]);
    handle.setAttribute("aria-valuemax", axis[1]);
    handle.setAttribute("aria-valuenow", set ? limit : axis[k]);
    handle.setAttribute("aria-valuetext", set ? short(limit) : Number.isNaN(limit) ? "several" : "none");
  });
}

// Only what is in sight is drawn at once; the rest when it comes into sight.
const stale = new Set();
const inSight = new Set();
const sight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const number = Number(target.dataset.number);
      if (isIntersecting) inSight.add(number);
      else inSight.delete(number);
      if (isIntersecting) build(number);
      if (isIntersecting && stale.delete(number)) drawPlot(number);
    }
  },
  { rootMargin: "600px" },
);
plots.forEach(({ element }, number) => {
  element.dataset.number = number;
  sight.observe(element);
});

function drawPlot(number) {
  const { plot } = plots[number];
  if (!plot) return;
  const [everything, kept] = barsOf(now.sections[number]);
  const top = Math.max(1, ...everything);
  find("path.drop", bars[number]).setAttribute("d", path(everything, top));
  find("path.keep", bars[number]).setAttribute("d", path(kept, top));
  find(".top-count", plot).textContent = whole(top);
  find(".half-count", plot).textContent = log ? whole(Math.round(Math.sqrt(top + 1) - 1)) : short(top / 2);
  drawTicks(plot);
  drawLimits(number);
}
function drawPlots() {
  plots.forEach((_, number) => stale.add(number));
  for (const number of inSight) if (stale.delete(number)) drawPlot(number);
}
addEventListener("beforeprint", () => {
  buildAll();
  [...stale].forEach((number) => (stale.delete(number), drawPlot(number)));
});

// ---- dragging ----

// The percentile, or the distance from the median, whose limit lies at a value, in as few digits
// as a person would write.
function endOf(rule, r, number, value) {
  const codes = inSection[number].map((k) => pools[k].groups[r]).filter((code) => code >= 0);
  const lists = codes.map((code) => valuesOf(rule, r, code)).filter((values) => values?.length > 1);
  if (!lists.length) return null;
  const values = lists.reduce((longest, each) => (each.length > longest.length ? each : longest));
  if (rule.kind in spreads) {
    const [center, spread] = spreadOf(rule.kind, values);
    return spread > 0 ? round((value - center) / spread, 3) : null;
  }
  const k = below(values, value);
  if (k === 0) return 0;
  if (k === values.length) return 1;
  const position = (k - 1 + (value - values[k - 1]) / (values[k] - values[k - 1])) / (values.length - 1);
  return position < 0.5 ? round(position, 3) : Number((1 - round(1 - position, 3)).toPrecision(15));
}
const round = (number, digits) => Number(number.toPrecision(digits));

function dragTo(number, side, value) {
  const r = ruleFor(number);
  const rule = ruleInScope(r);
  const width = axis[1] - axis[0];
  const step = 10 ** Math.floor(Math.log10(width / 1000));
  const end = rule.kind === "value" ? round(Math.round(value / step) * step, 12) : endOf(own[r].get(number) ?? rules[r], r, number, value);
  if (end !== null) setLimit(r, side, end);
}

// Limits never pass each other.
function setLimit(r, side, end) {
  const other = ruleInScope(r)[side === "lower" ? "upper" : "lower"];
  const within = other === null ? end : side === "lower" ? Math.min(end, other) : Math.max(end, other);
  changeRule(r, { [side]: within });
}

function onHandle(event) {
  const handle = event.target.closest?.(".handle");
  if (!handle) return null;
  return { handle, number: Number(handle.closest("section").dataset.number), side: handle.dataset.side };
}
find("main").addEventListener("pointerdown", (event) => {
  const held = onHandle(event);
  if (!held || event.button !== 0) return;
  event.preventDefault();
  held.handle.focus();
  aimAt(held.number);
  held.handle.setPointerCapture(event.pointerId);
  const box = find("svg", plots[held.number].plot).getBoundingClientRect();
  const move = (at) => {
    const part = Math.min(1, Math.max(0, (at.clientX - box.left) / box.width));
    dragTo(held.number, held.side, axis[0] + part * (axis[1] - axis[0]));
  };
  held.handle.addEventListener("pointermove", move);
  const drop = () => held.handle.removeEventListener("pointermove", move);
  held.handle.addEventListener("lostpointercapture", drop, { once: true });
});
find("main").addEventListener("keydown", (event) => {
  const held = onHandle(event);
  if (!held || event.ctrlKey || event.metaKey || event.altKey) return;
  const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
  aimAt(held.number);
  const r = ruleFor(held.number);
  const rule = ruleInScope(r);
  const [low, high] = { percentile: [0, 1], mad: [-20, 20], zscore: [-20, 20], ratio: [0, 20], value: data.axis }[rule.kind];
  const step = { percentile: 0.001, mad: 0.1, zscore: 0.1, ratio: 0.05, value: niceStep((high - low) / 200) }[rule.kind];
  if (event.key === "Delete" || event.key === "Backspace") changeRule(r, { [held.side]: null });
  else if (event.key === "Home") setLimit(r, held.side, low);
  else if (event.key === "End") setLimit(r, held.side, high);
  else if (direction) {
    const from = rule[held.side] ?? (held.side === "lower" ? low : high);
    setLimit(r, held.side, Number(Math.min(high, Math.max(low, from + direction * step)).toPrecision(12)));
  } else return;
  event.preventDefault();
});
