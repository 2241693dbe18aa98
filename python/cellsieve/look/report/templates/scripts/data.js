// What the page holds about the cells: all values, in pools of cells that share their limits.

const data = JSON.parse(find("#data").textContent);

const { format: whole } = new Intl.NumberFormat("en");
const minus = (text) => text.replace("-", "−");
// Four digits are enough for readers; what is computed with stays as it is.
function short(number) {
  if (number === null || !Number.isFinite(number)) return "none";
  return minus(Math.abs(number) >= 1000 ? whole(Math.round(number)) : String(Number(number.toPrecision(4))));
}
function share(part, of) {
  if (!of) return "–";
  const percent = (100 * part) / of;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.01) return "< 0.01 %";
  if (percent > 99.99) return "> 99.99 %";
  return `${percent.toFixed(percent < 1 || percent > 99 ? 2 : 1)} %`;
}

function bytes(text) {
  const binary = atob(text);
  const array = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; k += 1) array[k] = binary.charCodeAt(k);
  return array;
}

// Each pool has its values in ascending order, and for each k how many of the first k cells
// are free (the rules for this column alone decide on them), free and kept, and kept for good.
function unpack() {
  const values = new Float64Array(bytes(data.values).buffer);
  const [free, kept] = [bytes(data.free), bytes(data.kept)];
  const bit = (bits, k) => (bits[k >> 3] >> (k & 7)) & 1;
  let start = 0;
  return data.pools.map((pool, number) => {
    const sums = [0, 1, 2].map(() => new Uint32Array(pool.n + 1));
    for (let k = 0; k < pool.n; k += 1) {
      const [isFree, isKept] = [bit(free, start + k), bit(kept, start + k)];
      sums[0][k + 1] = sums[0][k] + isFree;
      sums[1][k + 1] = sums[1][k] + (isFree & isKept);
      sums[2][k + 1] = sums[2][k] + (isKept & ~isFree);
    }
    start += pool.n;
    return { ...pool, number, values: values.subarray(start - pool.n, start), free: sums[0], both: sums[1], held: sums[2] };
  });
}
const pools = unpack();

// How many of ascending values lie below a number, or are at most that.
function countUpTo(values, number, inclusive) {
  let [from, to] = [0, values.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (inclusive ? values[middle] <= number : values[middle] < number) from = middle + 1;
    else to = middle;
  }
  return from;
}
const below = (values, number) => countUpTo(values, number, false);
const upTo = (values, number) => countUpTo(values, number, true);
