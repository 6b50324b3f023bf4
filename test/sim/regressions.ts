// Seeds that failed once, by what was wrong. `npm test` replays them. A seed means what test/sim/swarm.ts makes of it
// today: when that changes, a seed no longer shows what it was kept for, unless what it drew then is kept with it.

import type { Swarm } from "./swarm.ts";

export interface Regression {
  readonly name: string;
  readonly seed: number;
  /** What the seed drew when it failed. Default: what it draws today. */
  readonly swarm?: Swarm;
}

export const regressions: readonly Regression[] = [
  // The message of a poison task said "lost its slot 1 times in a row".
  { name: "a task that is poison at its first loss says so in English", seed: 118 },
];
