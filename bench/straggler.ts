// Tasks of equal work, of which one slot does each ten times slower: the job of bench/straggler.mjs.
import { job, read, taskContext } from "shoal";

/** Rounds of arithmetic, so many that they take a while; always the same number. */
function burn(rounds: number): number {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
  return x;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export default job(
  { input: "", rounds: 0, waitMs: 0, slowSlot: -1, factor: 10 },
  ({ input, rounds, waitMs, slowSlot, factor }) =>
    read
      .lines(input)
      .map(async (line) => {
        const startedAt = performance.now();
        if (rounds > 0) burn(rounds);
        if (waitMs > 0) await wait(waitMs);
        // Slow is not busy: what the slot takes longer it does not take from the others.
        if (taskContext().slot === slowSlot) await wait((factor - 1) * (performance.now() - startedAt));
        return line;
      })
      .count(),
);
