// Rounding parts so that they still add up: Hamilton's method of largest remainders (Balinski & Young 1982,
// ch. 2).

/** Integers in proportion to `parts` (none negative) that add up to `total`. All zero if the parts are. */
export function apportion(parts: readonly number[], total: number): number[] {
  const sum = parts.reduce((a, b) => a + b, 0);
  if (sum <= 0) return parts.map(() => 0);
  const exact = parts.map((part) => (part / sum) * total);
  const rounded = exact.map(Math.floor);
  let left = total - rounded.reduce((a, b) => a + b, 0);
  const byRemainder = exact
    .map((value, i) => ({ i, remainder: value - rounded[i]! }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (const { i } of byRemainder) {
    if (left <= 0) break;
    rounded[i]!++;
    left--;
  }
  return rounded;
}
