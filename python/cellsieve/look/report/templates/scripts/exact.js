// The mean and the standard deviation as `clean` has them: from sums of whole numbers, which
// nothing rounds, each rounded once at the end.

const SMALLEST = -1200; // as in `cellsieve.cleaning.spread`

// A number as a whole one times a power of two.
const floatBits = new DataView(new ArrayBuffer(8));
function wholeOf(value) {
  floatBits.setFloat64(0, value);
  const bits = floatBits.getBigUint64(0);
  const power = Number((bits >> 52n) & 0x7ffn);
  const size = (bits & 0xfffffffffffffn) | (power ? 1n << 52n : 0n);
  return [value < 0 ? -size : size, Math.max(1, power) - 1075];
}
function wholeRoot(whole) {
  if (whole < 2n) return whole;
  let found = 1n << BigInt((whole.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (found + whole / found) >> 1n;
    if (next >= found) return found;
    found = next;
  }
}
// The float nearest to a fraction times a power of two.
function nearestTo(top, bottom, power) {
  if (top < 0n) return -nearestTo(-top, bottom, power);
  // At least 64 bits of the quotient; whether anything is left after them decides a tie.
  const more = 4 * (bottom.toString(16).length - top.toString(16).length) + 72;
  const [over, under] = more > 0 ? [top << BigInt(more), bottom] : [top, bottom << BigInt(-more)];
  const [shifted, rest] = [over / under, over % under];
  const half = Math.trunc((power - more) / 2); // in two steps, since one may leave the range
  return Number((shifted << 1n) | (rest ? 1n : 0n)) * 2 ** half * 2 ** (power - more - 1 - half);
}
function meanAndDeviation(values) {
  const some = Array.from(values, wholeOf);
  const least = Math.min(...new Set(some.map(([, power]) => power)));
  let [total, squares] = [0n, 0n];
  for (const [size, power] of some) {
    const whole = size << BigInt(power - least);
    total += whole;
    squares += whole * whole;
  }
  const n = BigInt(values.length);
  const variance = n * squares - total * total; // times n squared: never negative
  const scaled = wholeRoot(variance << BigInt(2 * (least - SMALLEST) + 128));
  return [nearestTo(total, n, least), nearestTo(scaled, n << 64n, SMALLEST)];
}
