// Rules for the shown column that can be tried, and what they would do: the same as `clean`.

const cleanedBy = data.own.map((place) => data.rules[place]);
const startOf = (rule) => ({ ...rule, lower: rule.lower ?? null, upper: rule.upper ?? null });
let rules = cleanedBy.map(startOf);

const active = (rule) => rule.lower !== null || rule.upper !== null;
const same = (one, other) => ["kind", "lower", "upper"].every((name) => one[name] === other[name]);
const isMoved = () => rules.some((rule, r) => own[r].size || !same(rule, startOf(cleanedBy[r])));

// ---- limits of one class alone: rules of their own, beside those of the others ----

let own = rules.map(() => new Map()); // by the number of the section
const isClass = ({ kind }) => kind === "class";
const classesOf = (pool) => pool.classes ?? [pool.section];
const holdsIn = (r, number) => inSection[number].some((k) => pools[k].groups[r] !== -2);
// How the cells of a pool spell their class: "16|0" may be in the section of "0|16".
const spelled = (pool) => pool.spelled ?? data.sections[pool.section].label;
const spellings = (some) => [...new Set(some.map(spelled))];
// The spellings of a class that a rule is meant for.
const meantSpellings = (r, number) => spellings(inSection[number].map((k) => pools[k]).filter((pool) => pool.groups[r] !== -2));
function mayBeAlone(r, number) {
  const others = Object.keys(cleanedBy[r].unless ?? {}).filter((name) => name !== "class_label");
  return isClass(data.sections[number]) && !others.length && holdsIn(r, number);
}
// The rules that decide on a pool: that of its class if it has one, or else that of all. Cells of
// several classes have that of all, and those of their classes.
function actingOn(pool, r) {
  if (pool.groups[r] === -2) return [];
  const mine = classesOf(pool).filter((number) => own[r].has(number)).map((number) => own[r].get(number));
  return own[r].has(pool.section) ? mine : [rules[r], ...mine];
}

// The groups of each rule: the pools of each.
const groups = rules.map((_, r) => {
  const byCode = new Map();
  pools.forEach((pool) => {
    if (pool.groups[r] < 0) return;
    if (!byCode.has(pool.groups[r])) byCode.set(pool.groups[r], []);
    byCode.get(pool.groups[r]).push(pool);
  });
  return byCode;
});
const merged = new Map();
// The values of a group of a rule, in order.
function valuesOf(rule, r, code) {
  const held = groups[r].get(code)?.filter((pool) => actingOn(pool, r).includes(rule));
  if (!held?.length) return null;
  if (held.length === 1) return held[0].values;
  const key = held.map((pool) => pool.number).join();
  if (!merged.has(key)) {
    const together = new Float64Array(held.reduce((sum, pool) => sum + pool.n, 0));
    held.reduce((at, pool) => (together.set(pool.values, at), at + pool.n), 0);
    merged.set(key, together.sort());
  }
  return merged.get(key);
}

// numpy.quantile, method "linear", to the last bit.
function quantile(values, position) {
  const at = position * (values.length - 1);
  const first = Math.floor(at);
  const [a, b] = [values[first], values[Math.min(first + 1, values.length - 1)]];
  const part = at - first;
  return part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
}

// The limits of a rule for one of its groups; null if the group can't be judged.
function limitsOf(rule, r, code) {
  if (rule.kind === "value") return [rule.lower ?? -Infinity, rule.upper ?? Infinity];
  const values = valuesOf(rule, r, code);
  if (!values || values.length < Math.max(1, rule.min_group ?? 1)) return null;
  const value = rule.kind === "percentile" ? (end) => quantile(values, end) : fromCenter(rule.kind, values);
  return [
    rule.lower === null ? -Infinity : value(rule.lower),
    rule.upper === null ? Infinity : value(rule.upper),
  ];
}

// The value so many units from a center: scaled median absolute deviations from the median, standard
// deviations from the mean, medians from 0.
const centers = {
  mad(values) {
    const center = quantile(values, 0.5);
    const distances = values.map((value) => Math.abs(value - center)).sort();
    return [center, 1.4826 * quantile(distances, 0.5)];
  },
  zscore: meanAndDeviation,
  ratio: (values) => [0, quantile(values, 0.5)],
};
const spreads = { mad: new Map(), zscore: new Map(), ratio: new Map() };
function spreadOf(kind, values) {
  if (!spreads[kind].has(values)) spreads[kind].set(values, centers[kind](values));
  return spreads[kind].get(values);
}
function fromCenter(kind, values) {
  const [center, spread] = spreadOf(kind, values);
  return (end) => center + end * spread;
}

// What becomes of a pool: its limits, and how many of its free cells fall or come back.
function judgePool(pool, known) {
  let [lower, upper, judged, falling] = [-Infinity, Infinity, true, false];
  const acting = rules.flatMap((_, r) => actingOn(pool, r).map((rule) => [rule, r])).filter(([rule]) => active(rule));
  acting.forEach(([rule, r]) => {
    const code = pool.groups[r];
    if (!known.has(rule)) known.set(rule, new Map());
    if (!known.get(rule).has(code)) known.get(rule).set(code, limitsOf(rule, r, code));
    const ends = known.get(rule).get(code);
    const dropping = rule.unjudged !== "keep";
    judged &&= ends !== null || !dropping;
    falling ||= dropping; // a cell without a value
    if (ends) [lower, upper] = [Math.max(lower, ends[0]), Math.min(upper, ends[1])];
  });
  const { n, values, free, both } = pool;
  const [start, end] = [below(values, lower), Math.max(below(values, lower), upTo(values, upper))];
  const [from, to] = judged ? [start, end] : [n, n];
  const stay = both[to] - both[from];
  const keptBefore = pool.unmeasured_kept;
  const keptNow = falling ? 0 : pool.unmeasured;
  return {
    lower, upper, judged, falling, from, to,
    low: free[start],
    high: free[n] - free[end],
    unjudged: (judged ? 0 : free[end] - free[start]) + (pool.unmeasured - keptNow),
    newly: both[n] - stay + Math.max(0, keptBefore - keptNow),
    again: free[to] - free[from] - stay + Math.max(0, keptNow - keptBefore),
    equal: ["lower", "upper"].map((side) => {
      const limit = side === "lower" ? lower : upper;
      if (!judged || !Number.isFinite(limit)) return 0;
      return free[upTo(values, limit)] - free[below(values, limit)];
    }),
  };
}

const inSection = data.sections.map(() => []);
pools.forEach((pool, k) => inSection[pool.section].push(k));
const COUNTS = ["low", "high", "unjudged", "newly", "again"];
const single = (ends) => (ends.size === 1 ? [...ends][0] : ends.size ? NaN : null);

// What becomes of each section. Before anything is moved, what the table says.
function judgeAll() {
  const known = new Map();
  const ofPools = pools.map((pool) => judgePool(pool, known));
  const moved = isMoved();
  const sections = data.sections.map((section, number) => {
    const found = { newly: 0, again: 0, low: 0, high: 0, unjudged: 0, equal: [0, 0], pools: [] };
    const ends = [new Set(), new Set()];
    inSection[number].forEach((k) => {
      const result = ofPools[k];
      found.pools.push(k);
      COUNTS.forEach((name) => (found[name] += result[name]));
      result.equal.forEach((many, side) => (found.equal[side] += many));
      if (!result.judged) return;
      [result.lower, result.upper].forEach((end, side) => Number.isFinite(end) && ends[side].add(end));
    });
    [found.lower, found.upper] = ends.map(single);
    found.kept = section.kept - found.newly + found.again;
    found.cut = section.fixed_cut + found.low + found.high;
    found.unjudged += section.fixed_unjudged;
    found.by_hand = section.by_hand;
    return moved ? found : { ...found, ...asCleaned(section), newly: 0, again: 0 };
  });
  return { moved, pools: ofPools, sections };
}

function asCleaned(section) {
  const names = ["kept", "cut", "unjudged", "by_hand", "low", "high", "lower", "upper"];
  return Object.fromEntries(names.map((name) => [name, section[name]]));
}

// Whether a cell is "kept", "cut" or "unjudged" by the limits as they stand.
function kindOf(cell) {
  if (!now.moved || !cell.free) return cell.kind;
  const { judged, falling, lower, upper } = now.pools[cell.pool];
  if (cell.value === null) return falling ? "unjudged" : "kept";
  if (cell.value < lower || cell.value > upper) return "cut";
  return judged ? "kept" : "unjudged";
}

// ---- a file of rules ----

function toml(value) {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\x7f", "\\u007f");
  if (value !== null && typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${toml(name)} = ${toml(each)}`).join(", ")}}`;
  }
  return String(value);
}
function rulesFile() {
  const edited = [...data.rules];
  data.own.forEach((place, r) => (edited[place] = [ofTheOthers(r), ...[...own[r].keys()].map((number) => ofOne(r, number))]));
  return asToml(edited.flat().filter((rule) => active(rule) || rule.also));
}
function ofTheOthers(r) {
  const labels = [...own[r].keys()].flatMap((number) => meantSpellings(r, number));
  return labels.length ? { ...rules[r], unless: { class_label: [...(rules[r].unless?.class_label ?? []), ...labels] } } : rules[r];
}
function ofOne(r, number) {
  const labels = meantSpellings(r, number);
  const { unless, ...rule } = own[r].get(number);
  const where = { ...rule.where, class_label: labels };
  // Where several classes together are one of their own, `where` would choose them too.
  const wider = spellings(pools.filter((pool) => isClass(data.sections[pool.section]))).filter(
    (text) => !labels.includes(text) && text.split("|").some((name) => labels.includes(name)),
  );
  return wider.length ? { ...rule, where, unless: { class_label: wider } } : { ...rule, where };
}
function asToml(some) {
  return some
    .map((rule) => {
      const given = Object.entries(rule).filter(([, value]) => value !== null && value !== undefined);
      return ["[[rule]]", ...given.map(([name, value]) => `${name} = ${toml(value)}`), ""].join("\n");
    })
    .join("\n");
}
