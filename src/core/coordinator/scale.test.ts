// A large job, by counts rather than by the clock: what one event may cost does not grow with tasks or workers.

import { expect, test } from "vitest";
import { jobId, workerId, type AttemptId, type WorkerId } from "../../base/ids.ts";
import { defaultLimits, type AttemptFigures, type OutputLocation } from "../types.ts";
import { createCoordinator } from "./coordinator.ts";
import type { CoordinatorEvent } from "./events.ts";
import { checkInvariants } from "./invariants.ts";

const figures: AttemptFigures = {
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 0,
  counters: {},
};

test("100,000 tasks on 500 workers: one output each, every reader with the same inputs, a lost worker re-made", () => {
  const machine = createCoordinator();
  const queue: { worker: WorkerId; attempt: AttemptId }[] = [];
  const inputs = new Set<readonly (readonly OutputLocation[])[]>();
  let winners: readonly AttemptId[] | null = null;
  let assigned = 0;
  let remade = 0;
  let now = 0;
  const give = (event: CoordinatorEvent): void => {
    for (const effect of machine.handle(event, ++now)) {
      if (effect.kind === "AssignAttempt") {
        assigned++;
        queue.push(effect);
        if (effect.stage === 1) inputs.add(effect.inputs);
      }
      if (effect.kind === "NoteDecision" && effect.note.kind === "output-remade") remade++;
      if (effect.kind === "CommitOutput") winners = effect.winners;
    }
  };
  const stages = [
    { name: "map", tasks: 99_000, reads: [], output: "blocks" as const },
    { name: "reduce", tasks: 1_000, reads: [0], output: "kept" as const },
  ];
  give({ kind: "JobSubmitted", job: { id: jobId("j1"), stages, limits: defaultLimits } });
  for (let n = 1; n <= 500; n++) give({ kind: "WorkerJoined", worker: workerId(n), slots: 1 });
  const lost = workerId(7);
  for (let head = 0; head < queue.length && winners === null; head++) {
    const { worker, attempt } = queue[head]!;
    if (inputs.size > 0 && remade === 0) give({ kind: "WorkerLost", worker: lost, reason: "exit" });
    if (worker !== lost || remade === 0) give({ kind: "AttemptFinished", worker, attempt, figures });
  }
  expect(winners).toHaveLength(1_000);
  expect(remade).toBe(99_000 / 500);
  // The lost worker ran one reducer, which is tried again; before the loss and after it all readers share one array.
  expect(assigned).toBe(100_000 + remade + 1);
  expect(inputs.size).toBe(2);
  checkInvariants(machine.state()!);
});
