// The order of strings by their UTF-8 bytes: the one order that every machine and language agrees on.

/**
 * Compares as the UTF-8 bytes of `a` and `b` compare. UTF-16 units compare the same way, but for surrogates (parts of
 * U+10000 and up), which must come after U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) return rotate(x) - rotate(y);
    return x - y;
  }
  return a.length - b.length;
}

/** Moves surrogates (D800-DFFF) above E000-FFFF. */
const rotate = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);
