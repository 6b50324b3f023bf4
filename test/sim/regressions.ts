// Runs that failed once, by what was wrong. `npm test` replays them. A seed means what test/sim/swarm.ts makes of it
// today; so that a regression stays what it was when that changes, what matters of its swarm is kept with it.

import { noFaults, swarmOf, type Swarm } from "./swarm.ts";

export interface Regression {
  readonly name: string;
  readonly swarm: Swarm;
}

const exact = { offsetMs: 0, msPerSecond: 1000 };

/** A quiet world of one process and two slots, in which one map and one reduce stage of a few tasks run. */
function quiet(seed: number): Swarm {
  const drawn = swarmOf(seed);
  return {
    ...drawn,
    world: "together",
    machines: [{ slots: 2, clock: exact }],
    coordinatorClock: exact,
    links: { kind: "direct", delayMsMax: 0 },
    spec: {
      ...drawn.spec,
      stages: [
        { name: "map", tasks: 5, reads: [], output: "blocks" },
        { name: "reduce", tasks: 3, reads: [0], output: "kept" },
      ],
      limits: {
        errorAttemptsMax: 4,
        lossAttemptsMax: 16,
        poisonLossesMax: 3,
        taskTimeoutMs: null,
        backupFactor: 3,
        backupMinAgeMs: 5000,
        moveBytesPerMs: 1,
        placeWaitMsMax: 0,
        backupAfterShare: 0.9,
        backupSlotShare: 0.1,
      },
    },
    work: {
      durationMs: 500,
      evenness: 0.5,
      longShare: 0,
      errorShare: 0,
      finalShare: 0,
      exitShare: 0,
      hangShare: 0,
      deafShare: 0,
      poisoned: null,
    },
    faults: noFaults,
    safetyMs: 5000,
  };
}

const once = quiet(118);

/** Its coordinator dies again and again, and with it what the journal had not made durable. */
const restless: Swarm["faults"] = {
  ...noFaults,
  coordinatorCrash: { everyMs: 300, forMs: 200, powerShare: 0.5, journalLagMs: 300 },
};

export const regressions: readonly Regression[] = [
  {
    // "lost its slot 1 times in a row"
    name: "a task that is poison at its first loss says so in English",
    swarm: {
      ...once,
      spec: { ...once.spec, limits: { ...once.spec.limits, poisonLossesMax: 1 } },
      work: { ...once.work, poisoned: { task: 1, end: "exit" } },
    },
  },
  // A machine that died in the first moments of a journal had kept a later sector of it, but not the first: refused
  // as damage, though nothing of it was durable. See also src/store/journal/first-sector.test.ts.
  ...Array.from({ length: 8 }, (_, n) => ({
    name: `a journal that dies in its first moments, again and again (${n + 1})`,
    swarm: { ...quiet(11059 + n), faults: restless },
  })),
];
