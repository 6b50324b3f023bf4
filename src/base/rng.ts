// A seeded generator of pseudo-random numbers whose state is plain data, so that it can be a field of a machine's
// state. Algorithm: sfc32 by Chris Doty-Humphrey (PractRand), 128 bits of state.

export interface Rng {
  a: number;
  b: number;
  c: number;
  counter: number;
}

/** A generator for `seed` (any safe integer). Equal seeds give equal sequences. */
export function rng(seed: number): Rng {
  const state: Rng = { a: seed | 0, b: Math.floor(seed / 4294967296) | 0, c: 0x9e3779b9 | 0, counter: 1 };
  for (let i = 0; i < 15; i++) nextU32(state);
  return state;
}

/** The next integer in [0, 2^32). */
export function nextU32(state: Rng): number {
  const t = (((state.a + state.b) | 0) + state.counter) | 0;
  state.counter = (state.counter + 1) | 0;
  state.a = state.b ^ (state.b >>> 9);
  state.b = (state.c + (state.c << 3)) | 0;
  state.c = (((state.c << 21) | (state.c >>> 11)) + t) | 0;
  return t >>> 0;
}

/** The next integer in [0, n), for 1 <= n <= 2^32. */
export const below = (state: Rng, n: number): number => Math.floor((nextU32(state) / 4294967296) * n);

/** The next number in [0, 1). */
export const uniform = (state: Rng): number => nextU32(state) / 4294967296;

/** True with probability `p`. */
export const chance = (state: Rng, p: number): boolean => uniform(state) < p;
