// Strings as Unicode: their order by UTF-8 bytes, and whether UTF-8 can carry them at all.

/** False if `text` has a lone surrogate, which UTF-8 cannot carry. */
export const isWellFormed = (text: string): boolean =>
  (text as unknown as { isWellFormed(): boolean }).isWellFormed(); // ES2024; Node 20 has it

/** Whether the order by code units, JavaScript's own, is the order of code points for strings like `text`. */
export const isPlain = (text: string): boolean => !/[\ud800-\uffff]/.test(text);

/**
 * Compares by code points, which is by UTF-8 bytes. JavaScript's `<` compares code units, which puts U+E000-U+FFFF
 * after the surrogates that stand for U+10000 and up; so these two ranges change places here.
 */
export function compareText(a: string, b: string): number {
  const length = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}
