// Recovery: lost workers, lost outputs, readers of what was lost, what is taken over from earlier incarnations.

import type { Mutation } from "./mutation.ts";

const outcomes = "src/core/coordinator/outcomes.ts";
const progress = "src/core/coordinator/progress.ts";
const outputs = "src/core/coordinator/outputs.ts";
const past = "src/protocol/past.ts";
const stages = "src/core/coordinator/stages.ts";

export const recovery: readonly Mutation[] = [
  {
    name: "lost-outputs-not-remade",
    bug: "the map outputs of a dead worker still count",
    file: outcomes,
    find: "for (const task of s.outputs.lostWith(worker)) loseOutput(",
    replace: "for (const task of s.outputs.lostWith(worker).slice(1)) loseOutput(",
  },
  {
    name: "stale-loss-believed",
    bug: "an output that was made again is thrown away when a reader reports the one before it lost",
    file: outcomes,
    find: "if (s.outputs.of(named.task)?.attempt === id) loseOutput(",
    replace: "if (s.outputs.of(named.task) !== null) loseOutput(",
  },
  {
    name: "lost-blocks-ignored",
    bug: "blocks that a reader reports lost are not made again",
    file: outcomes,
    find: `if (verdict === null && failure.kind === "blocks") loseReported(`,
    replace: `if (verdict !== null && failure.kind === "blocks") loseReported(`,
  },
  {
    name: "checksum-skipped",
    bug: "a reader believes whatever it reads",
    file: "src/driver/sim/fetch.ts",
    find: "file.sum === checksum(file.value)",
    replace: "file.sum === file.sum",
  },
  {
    name: "forgotten-stays-forgotten",
    bug: "an output that nobody needed when it was lost is not made again when somebody does",
    file: progress,
    find: "for (const { task, lost, why } of s.outputs.takeForgotten(read)) {",
    replace: "for (const { task, lost, why } of s.outputs.takeForgotten(read).slice(1)) {",
  },
  {
    name: "stage-stays-open",
    bug: "a stage goes on though an output that it reads was lost",
    file: progress,
    find: "  s.ready.setOpen(stage, isOpen);",
    replace: "  if (isOpen) s.ready.setOpen(stage, isOpen);",
  },
  {
    name: "stage-opens-early",
    bug: "a stage begins when one of two stages that it reads is complete",
    file: stages,
    find: "return this.spec(stage).reads.every((read) => this.isComplete(read));",
    replace:
      "return this.spec(stage).reads.length === 0 || this.spec(stage).reads.some((read) => this.isComplete(read));",
  },
  {
    name: "stale-inputs",
    bug: "readers are given the inputs as they were before an output was made again",
    file: outputs,
    find: "for (const reader of this.stages.readers[stage]!) this.inputsOf[reader] = null;",
    replace: "for (const reader of this.stages.readers[stage]!) this.inputsOf[reader] ??= null;",
  },
  {
    name: "inputs-out-of-order",
    bug: "inputs come in order of their workers",
    file: outputs,
    find: "return this.locations[read]! as OutputLocation[];",
    replace:
      "return [...(this.locations[read]! as OutputLocation[])].sort((a, b) => (a.worker < b.worker ? -1 : a.worker > b.worker ? 1 : 0));",
  },
  {
    name: "retry-lost-from-queue",
    bug: "a task whose output was lost never gets into the queue again",
    file: progress,
    find: `if (to === "pending") {`,
    replace: `if (to === "pending" && trigger !== "output-lost") {`,
  },
  {
    name: "dead-worker-gets-work",
    bug: "the free slots of a lost worker stay on the list",
    file: "src/core/coordinator/workers.ts",
    find: "    const worker = this.known(id);\n    this.unfile(worker);\n    this.slots -= worker.slots;",
    replace: "    const worker = this.known(id);\n    this.slots -= worker.slots;",
  },
  {
    name: "adoption-forgets-numbers",
    bug: "attempt numbers of earlier incarnations are used again",
    file: "src/core/coordinator/adoption.ts",
    find: "s.tasks.reserve(first, last, attempts);",
    replace: "s.tasks.reserve(first, first, attempts);",
  },
  {
    name: "adoption-of-what-is-lost",
    bug: "a restarted coordinator takes the journal's word for outputs that are gone",
    file: "test/sim/run-seed.ts",
    find: "return this.cluster.store.get(attempt) !== undefined;",
    replace: "return true;",
  },
  {
    name: "adoption-of-half",
    bug: "an adopted output is not known as such, and its task is done again",
    file: "src/core/coordinator/adoption.ts",
    find: `moveTask(s, task, "adopted", named.attempt);`,
    replace: `if (named.attempt % 2 === 1) moveTask(s, task, "adopted", named.attempt);`,
  },
  {
    name: "journal-keeps-lost-outputs",
    bug: "by the journal, an output that was thrown away still counts",
    file: past,
    find: "this.finished.get(task)?.attempt === attempt) this.finished.delete(task);",
    replace: "this.finished.get(task)?.attempt === attempt) this.finished.get(task);",
  },
  {
    name: "journal-forgets-numbers",
    bug: "an attempt that was assigned and never ended leaves its number free",
    file: past,
    find: `      case "AssignAttempt":
        this.use(effect.attempt);`,
    replace: `      case "AssignAttempt":`,
  },
  {
    name: "torn-tail-refused",
    bug: "a journal whose writer was killed in the middle of a write is taken for damaged",
    file: "src/store/journal/frames.ts",
    find: `  if (next >= bytes.length) return { kind: "torn", offset };`,
    replace: '  if (next > bytes.length) return { kind: "torn", offset };',
  },
  {
    name: "hole-at-journal-start-refused",
    bug: "a journal whose first sector was never written is taken for damaged",
    file: "src/store/journal/frames.ts",
    find: "durableAfterHole(bytes) === 0",
    replace: "durableAfterHole(bytes) < 0",
  },
  {
    name: "hole-in-journal-read",
    bug: "records after a hole in the journal count, though those in the hole are gone",
    file: "src/store/journal/frames.ts",
    find: "    if (length === null) return brokenAt(bytes, at, isLast);",
    replace: `    if (length === null) {
      if (!bytes.subarray(at).includes(Buffer.alloc(sectorBytes))) return brokenAt(bytes, at, isLast);
      do at++; while (at < bytes.length && frameAt(bytes, at) === null);
      continue;
    }`,
  },
];
