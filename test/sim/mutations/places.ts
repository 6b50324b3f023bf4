// Where work goes: what waits for its place, and for how long.

import type { Mutation } from "./mutation.ts";

const placement = "src/core/coordinator/placement.ts";

export const places: readonly Mutation[] = [
  {
    name: "slots-wait-for-ever",
    bug: "a slot waits for tasks of its own worker as long as there are others",
    file: placement,
    find: "s.now >= since + waitMs)",
    replace: "s.now >= since + 1000 * waitMs)",
  },
  {
    name: "end-of-waiting-missed",
    bug: "nobody wakes the coordinator when a slot has waited for long enough",
    file: "src/core/coordinator/coordinator.ts",
    find: "return earliest(earliest(timeout, backup), waitsUntil(state));",
    replace: "return earliest(timeout, backup);",
  },
  {
    name: "silent-worker-is-a-place",
    bug: "tasks are held back for a worker that gets no work",
    file: "src/core/coordinator/places.ts",
    find: "filter((id) => this.workers.get(id)?.isPaused === false)",
    replace: "filter((id) => this.workers.isHere(id))",
  },
  {
    name: "every-task-waits",
    bug: "tasks that are at home nowhere are held back, too",
    file: placement,
    find: "if (loose !== -1) return anywhere(s, loose);",
    replace: "",
  },
];
