// The panel of limits: what they are, what they would change, and how to take them away.

const cards = all(".rule-card");
const chosenRule = () => Math.max(0, cards.findIndex((card) => card.classList.contains("chosen")));

// The limits that the panel shows and moves: those of all classes, or of the class of one section.
let scope = null;
const scopes = find("#scope");
const ruleInScope = (r) => own[r].get(scope) ?? rules[r];
function setScope(number) {
  scope = number;
  fillCards();
}
scopes?.addEventListener("change", () => setScope(scopes.value === "" ? null : Number(scopes.value)));
// A histogram moves the limits of its class if it has some, or else those of all.
const hasOwn = (number) => own.some((each) => each.has(number));
const aimAt = (number) => scope !== number && setScope(hasOwn(number) ? number : null);
const ruleFor = (number) => {
  const r = chosenRule();
  return holdsIn(r, number) ? r : Math.max(0, rules.findIndex((_, each) => holdsIn(each, number)));
};

find("main").addEventListener("change", (event) => {
  if (!event.target.matches(".alone input")) return;
  const number = items.findIndex((item) => item.element === event.target.closest("section"));
  if (event.target.checked) {
    const r = mayBeAlone(ruleFor(number), number) ? ruleFor(number) : rules.findIndex((_, each) => mayBeAlone(each, number));
    own[r].set(number, { ...rules[r] });
  } else own.forEach((each) => each.delete(number));
  update();
  setScope(event.target.checked ? number : null);
});

// Percent as a person writes it; the position stays exact where nothing was typed.
const asText = (rule, end) =>
  end === null ? "" : String(rule.kind === "percentile" ? Number((100 * end).toPrecision(13)) : end);
const asEnd = (rule, text) =>
  text.trim() === "" ? null : rule.kind === "percentile" ? Number((Number(text) / 100).toPrecision(15)) : Number(text);

function problemOf(rule) {
  const ends = [rule.lower, rule.upper].filter((end) => end !== null);
  if (ends.some((end) => !Number.isFinite(end))) return "A limit is a number, or empty for none.";
  if (rule.kind === "percentile" && ends.some((end) => end < 0 || end > 1)) return "Percentiles go from 0 to 100.";
  return ends.length === 2 && ends[0] > ends[1] ? "The limits are out of order: the lower one first." : "";
}

function changeRule(r, change) {
  const changed = { ...ruleInScope(r), ...change };
  const problem = problemOf(changed);
  find(".problem", cards[r]).textContent = problem;
  if (problem) return;
  if (scope === null) rules[r] = changed;
  else own[r].set(scope, changed);
  update();
  fillCards();
}
function fillCards() {
  if (scopes) scopes.value = scope ?? "";
  cards.forEach((card, r) => {
    const rule = ruleInScope(r);
    card.hidden = scope !== null && !mayBeAlone(r, scope);
    find("select", card).value = rule.kind;
    all(".unit", card).forEach((unit) => (unit.textContent = { percentile: "%", mad: "MADs", zscore: "SDs", ratio: "times", value: "" }[rule.kind]));
    find(".of-groups", card).hidden = rule.kind === "value";
    for (const side of sideNames) {
      const input = find(`input.${side}`, card);
      if (asEnd(rule, input.value) !== rule[side] || !input.value) input.value = asText(rule, rule[side]);
    }
  });
}
cards.forEach((card, r) => {
  card.addEventListener("focusin", () => cards.forEach((each) => each.classList.toggle("chosen", each === card)));
  card.addEventListener("input", (event) => {
    const side = sideNames.find((name) => event.target.classList.contains(name));
    if (side) changeRule(r, { [side]: event.target.validity.badInput ? NaN : asEnd(ruleInScope(r), event.target.value) });
  });
  find("select", card).addEventListener("change", (event) => {
    const kind = event.target.value;
    const cleaned = startOf(cleanedBy[r]);
    changeRule(r, kind === cleaned.kind ? cleaned : { kind, lower: null, upper: null });
  });
});

const reset = find("#reset");
reset.addEventListener("click", () => {
  rules = cleanedBy.map(startOf);
  own.forEach((each) => each.clear());
  scope = null;
  all(".problem").forEach((each) => (each.textContent = ""));
  update();
  fillCards();
  find("input", cards[0]).focus();
});

// ---- numbers all over the page ----

const put = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};
const KINDS = ["kept", "cut", "unjudged", "by_hand"];
const places = new Map();
const saidAt = new Map(); // what stands in them; asking the page for it takes longer
function addPlaces(within) {
  for (const each of all("[data-n]", within)) {
    const name = `${each.closest("[data-section]").dataset.section} ${each.dataset.n}`;
    places.set(name, [...new Set([...(places.get(name) ?? []), each])]);
    saidAt.delete(name);
  }
}
addPlaces(document);
function say(section, name, text) {
  const where = `${section} ${name}`;
  if (saidAt.get(where) === text) return;
  saidAt.set(where, text);
  places.get(where)?.forEach((each) => put(each, text));
}

function tellSection(item) {
  const result = now.sections[item.number];
  const moves = markMoves(item.number);
  for (const kind of KINDS) say(item.id, kind, whole(result[kind] + moves[kind]));
  say(item.id, "share", share(result.cut + moves.cut, item.n));
  for (const side of sideNames) {
    const several = now.moved ? Number.isNaN(result[side]) : item[`several_${side}`];
    say(item.id, side, several ? "several" : short(result[side]));
  }
  say(item.id, "low", whole(result.low));
  say(item.id, "high", whole(result.high));
  say(item.id, "equal", `${whole(result.equal[0])} and ${whole(result.equal[1])}`);
  item.element.classList.toggle("moved", now.moved);
  const alone = find(".alone input", item.element);
  if (alone) alone.checked = hasOwn(item.number);
}

// Those in sight first; the others of many in turns of their own, so that a limit can be dragged.
const AT_ONCE = 50;
let untold = [];
let telling = 0;
function tellSections() {
  untold = [...items].sort((a, b) => inSight.has(b.number) - inSight.has(a.number));
  tellSome();
}
function tellSome() {
  clearTimeout(telling);
  untold.splice(0, AT_ONCE).forEach(tellSection);
  if (untold.length) telling = setTimeout(tellSome);
}

function tellTotals() {
  const moves = markMoves();
  const sum = (name, from = now.sections) => from.reduce((total, each) => total + each[name], 0);
  const every = sum("n", data.sections);
  const after = Object.fromEntries(KINDS.map((kind) => [kind, sum(kind) + moves[kind]]));
  const before = Object.fromEntries(KINDS.map((kind) => [kind, sum(kind, data.sections)]));
  for (const kind of KINDS) {
    say("", kind, whole(after[kind]));
    say("", `${kind}-share`, share(after[kind], every));
  }
  const touched = now.moved || marks.size > 0;
  root.classList.toggle("touched", touched);
  find(".share .keep").setAttribute("width", every ? (1000 * after.kept) / every : 0);
  find(".share .drop").setAttribute("x", every ? (1000 * after.kept) / every : 0);
  find(".share .drop").setAttribute("width", every ? (1000 * (after.cut + after.by_hand)) / every : 0);
  const [newly, again] = [sum("newly") + moves.newly, sum("again") + moves.again];
  const dropped = every - after.kept;
  put(
    find("#outcome"),
    touched
      ? `${whole(dropped)} of ${whole(every)} cells (${share(dropped, every)}) would be dropped, ` +
          `${whole(every - before.kept)} as cleaned: ${whole(newly)} newly dropped, ${whole(again)} kept again.`
      : `As cleaned: ${whole(every - before.kept)} of ${whole(every)} cells dropped.`,
  );
  find("#use").disabled = !rulesFile();
  reset.disabled = !now.moved;
}

// ---- the limits to take away ----

const use = find("#use-view");
const stem = data.name.replace(/\.[^.]*$/, "");
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`);
const byHand = () => marks.size + data.marks.length > 0;
function commandText() {
  const output = quoted(data.name.replace(/(\.[^.]*)?$/, "-new$1"));
  const overrides = byHand() ? " --overrides marks.csv" : "";
  return `cellsieve clean ${quoted(data.name)} -o ${output} --rules limits.toml${overrides}`;
}
let offered = ""; // the rules that the dialog offers
function offer(rulesText, promise) {
  offered = rulesText;
  put(find("#use-command"), commandText());
  put(find("#use-rules"), offered);
  put(find("#use-promise"), promise);
  find("#use-marks").hidden = !byHand();
  put(find("#copied"), "");
  use.showModal();
  copy();
}
find("#use").addEventListener("click", () => offer(rulesFile(), find("#outcome").textContent));
async function copy() {
  try {
    await navigator.clipboard.writeText(commandText());
    put(find("#copied"), "The command is copied.");
  } catch {
    getSelection().selectAllChildren(find("#use-command"));
    const copied = document.execCommand("copy");
    put(find("#copied"), copied ? "The command is copied." : "The command is selected; copy it.");
  }
}
find("#use-copy").addEventListener("click", copy);
find("#use-download").addEventListener("click", () => download("limits.toml", offered, "application/toml"));
find("#use-marks").addEventListener("click", () => download("marks.csv", marksAsCsv(), "text/csv"));
use.addEventListener("click", (event) => {
  if (event.target === use || event.target.closest(".close")) use.close();
});

// ---- how things are shown ----

const only = find("#only-changes");
only.addEventListener("change", () => {
  refreshTiles();
  remember();
});
find("#log").addEventListener("change", (event) => {
  log = event.target.checked;
  drawPlots();
  remember();
});
find("#zoom").addEventListener("change", (event) => {
  zoomTo(event.target.value);
  remember();
});
// Parts of the axis are shown apart: the lowest or highest twentieth of all values, or from the
// lowest to the highest value of one class.
function zoomTo(which) {
  const [low, high] = data.axis;
  const width = (high - low) / 20;
  const measured = pools.filter((pool) => pool.n);
  const every = measured.map((pool) => pool.values);
  const find5 = (part) => {
    const ends = every.map((values) => quantile(values, part));
    return part < 0.5 ? Math.max(...ends) : Math.min(...ends);
  };
  axis = [low, high];
  if (which === "low" && every.length) axis = [low, Math.max(low + width / 20, find5(0.05))];
  if (which === "high" && every.length) axis = [Math.min(high - width / 20, find5(0.95)), high];
  const own = every.filter((_, k) => measured[k].section === data.sections.findIndex(({ id }) => id === which));
  if (own.length) {
    const [least, most] = [Math.min(...own.map((values) => values[0])), Math.max(...own.map((values) => values.at(-1)))];
    axis = least < most ? [least, most] : [least - width / 40, least + width / 40];
  }
  drawPlots();
}
