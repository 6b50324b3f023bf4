// Which slot to end when all together use too much memory. Pure.

export interface Candidate {
  /** Heap and buffers, as last learnt. */
  readonly heldBytes: number;
  /** Learnt just now: not from before it fell silent. */
  readonly isFresh: boolean;
  /** When what it runs began; null if it runs nothing. */
  readonly startedAt: number | null;
}

/**
 * Threads: the one that was measured to hold a good part of it. If there is none, the one that could not be measured
 * and runs longest: it has been at something all the time. Else the largest. Null: no slot is to blame.
 *
 * `isGuess` is false where only one can hold it: it was measured, or all the others were.
 */
export function suspect<T extends Candidate>(
  candidates: readonly T[],
  usedBytes: number,
): { one: T; isGuess: boolean } | null {
  const fresh = candidates.filter(({ isFresh }) => isFresh);
  const largest = fresh.reduce<T | null>(
    (most, one) => (most === null || one.heldBytes > most.heldBytes ? one : most),
    null,
  );
  if (largest !== null && largest.heldBytes * (candidates.length + 1) >= usedBytes)
    return { one: largest, isGuess: false };
  const unseen = candidates.filter(({ isFresh, startedAt }) => !isFresh && startedAt !== null);
  const longest = unseen.reduce<T | null>(
    (first, one) => (first === null || one.startedAt! < first.startedAt! ? one : first),
    null,
  );
  if (longest !== null) return { one: longest, isGuess: unseen.length > 1 };
  const running = fresh.filter(({ startedAt }) => startedAt !== null);
  const most = running.reduce<T | null>(
    (more, one) => (more === null || one.heldBytes > more.heldBytes ? one : more),
    null,
  );
  return most === null ? null : { one: most, isGuess: true };
}
