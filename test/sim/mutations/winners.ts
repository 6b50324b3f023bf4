// Who wins: attempt ids, stale answers, rivals, what is committed.

import type { Mutation } from "./mutation.ts";

const outcomes = "src/core/coordinator/outcomes.ts";

export const winners: readonly Mutation[] = [
  {
    name: "late-loser-counts",
    bug: "an attempt that was told to stop and finishes all the same counts as finished",
    file: outcomes,
    find: `  if (mode === "cancelling") {
    ignore(s, "AttemptFinished"`,
    replace: `  if (mode !== mode) {
    ignore(s, "AttemptFinished"`,
  },
  {
    name: "late-failure-counts",
    bug: "the failure of an attempt that was told to stop is held against its task",
    file: outcomes,
    find: `  if (mode === "cancelling") {
    if (failure.kind`,
    replace: `  if (mode !== mode) {
    if (failure.kind`,
  },
  {
    name: "attempt-id-reused",
    bug: "after a loss the next attempt gets the number of the lost one",
    file: "src/core/coordinator/tasks.ts",
    find: "const number = this.attempts[task]! + 1;",
    replace: "const number = this.attempts[task]! + (this.losses[task]! > 0 ? 0 : 1);",
  },
  {
    name: "wrong-winner",
    bug: "the backup wins, and its rival's output is the one that counts",
    file: outcomes,
    find: "s.outputs.set(task, { attempt: id, worker }, bytesOut);",
    replace: "s.outputs.set(task, { attempt: rival?.id ?? id, worker }, bytesOut);",
  },
  {
    name: "rival-goes-on",
    bug: "the attempt that lost is not told to stop",
    file: outcomes,
    find: "if (rival !== null) cancelAttempt(s, rival,",
    replace: "if (rival === attempt) cancelAttempt(s, rival,",
  },
  {
    name: "duplicate-discards-winner",
    bug: "a finish that is reported twice deletes the output that counts",
    file: "src/core/coordinator/coordinator.ts",
    find: "if (s.outputs.of(task)?.attempt === id || !s.workers.isHere(worker)) return;",
    replace: "if (!s.workers.isHere(worker)) return;",
  },
  {
    name: "loser-not-discarded",
    bug: "what a failed attempt has written stays",
    file: outcomes,
    find: "  release(s, attempt);\n  discard(s, attempt);",
    replace: "  release(s, attempt);",
  },
  {
    name: "commit-one-early",
    bug: "the output is committed when one task is still unfinished",
    file: "src/core/coordinator/stages.ts",
    find: "if (!this.isStarted(stage) || this.unfinished[stage]! > 0) return false;",
    replace: "if (!this.isStarted(stage) || this.unfinished[stage]! > 1) return false;",
  },
  {
    name: "commit-every-stage",
    bug: "kept outputs that are only read by other stages are committed too",
    file: "src/core/coordinator/outputs.ts",
    find: "if (this.stages.readers[stage]!.length > 0 || ",
    replace: "if (",
  },
  {
    name: "half-a-commit",
    bug: "a coordinator that dies while it commits has published a part",
    file: "test/sim/publishing.ts",
    find: "if (!isAlive()) return;",
    replace:
      "if (!isAlive()) return void (this.parts = winners.slice(1).map((winner) => this.store.get(winner)?.value ?? 0));",
  },
  {
    name: "effect-without-cause",
    bug: "effects are logged with the cause of their event instead of the event",
    file: "src/driver/loop.ts",
    find: `this.log(to, "effect", effect, eventId, now)`,
    replace: `this.log(to, "effect", effect, eventId && cause, now)`,
  },
];
