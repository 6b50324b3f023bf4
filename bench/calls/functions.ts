// What is called, by shoal.
import { move } from "shoal";

export const inc = (x: number): number => x + 1;

/** A new buffer of 1 MB, with its first and last byte set. */
export function megabyte(): Uint8Array {
  const bytes = new Uint8Array(1_048_576);
  bytes[0] = 1;
  bytes[1_048_575] = 2;
  return move(bytes);
}

export const lengthOf = (bytes: Uint8Array): number => bytes.length;

/** Serves for `ms`: sleeps nearly all of it, so that two slots do not compete for a core, and spins to the end. */
const never = new Int32Array(new SharedArrayBuffer(4));
const clock = (): number => performance.timeOrigin + performance.now();
export function serve(ms: number): number {
  const began = clock();
  if (ms > 0.2) Atomics.wait(never, 0, 0, ms - 0.15);
  while (clock() < began + ms);
  return clock() - began;
}

export function sometimes(n: number): number {
  if (n % 100 === 7) throw new RangeError(`no ${n}`);
  return n;
}

/** Ends the thread at once, by a door that nothing guards: as a native crash would. */
export function endThread(): void {
  (process as unknown as { reallyExit(code: number): void }).reallyExit(9);
}

/** One byte of a table. */
export const at = (table: Uint8Array, n: number): number | undefined => table[n];
