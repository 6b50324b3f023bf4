// WAITING_FOR_SHUFFLE: stages that cannot begin, since tasks of the stages that they read are left.

import type { RunCase } from "../why-case.ts";
import type { StageCase } from "../why-stage.ts";
import { count, evidenceOf, listed, say, withAges } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

const namedMax = 5;
const listedMax = 1000;

export const waitingForShuffle: Cause = ({ case: found, now, isRunning, task: asked }) => {
  if (!isRunning || found.phase !== "running") return [];
  // The first stage that waits says it all: those after it wait for it in turn.
  const waiting = found.stages.find((stage) =>
    asked === null
      ? !stage.isComplete && !found.isOpen(stage) && stage.reads.every((read) => isUnderWay(found, read))
      : asked >= stage.first &&
        asked < stage.first + stage.tasks &&
        !stage.isComplete &&
        !found.isOpen(stage),
  );
  if (waiting === undefined) return [];
  const number = found.stages.length;
  const missing = waiting.reads.map((read) => found.stages[read]!).filter((stage) => !stage.isComplete);
  const leftCount = missing.reduce((sum, stage) => sum + stage.tasks - stage.finished, 0);
  const attempts = [...found.live()].filter(({ task }) => missing.includes(found.stageOf(task)!));
  const rest = leftCount - new Set(attempts.map(({ task }) => task)).size;
  const idle = Math.max(0, found.slots.total - found.inFlight.size);
  const ready = found.stages.reduce((sum, stage) => sum + found.readyIn(stage), 0);
  const parts = missing.map(
    (stage) => `${stage.tasks - stage.finished} of ${stage.tasks} tasks of ${stage.nameAmong(number)}`,
  );
  const isCostly = idle > 0 && ready === 0;
  const text = say(
    `${waiting.nameAmong(number)}, ${count(waiting.tasks, "task")}, waits for the shuffle:`,
    `it reads all outputs of the stage before, and ${listed(parts)} are left.`,
    attempts.length > 0 && `Running: ${withAges(attempts, now, namedMax)}.`,
    rest > 0 && `Not begun: ${count(rest, "task")}.`,
    isCostly && `Therefore ${count(idle, "slot is", "slots are")} idle.`,
  );
  return [
    finding("WAITING_FOR_SHUFFLE", text, {
      about: `stage ${waiting.index + 1}`,
      evidence: evidenceOf(attempts),
      details: {
        stage: waiting.index,
        tasks: waiting.tasks,
        left: namesOf(missing),
        leftCount,
        running: attempts.map(({ id }) => id),
        idleSlots: isCostly ? idle : 0,
      },
      hint: isCostly ? "Smaller splits (--split-size) make a stage's end more even." : null,
    }),
  ];
};

function namesOf(stages: readonly StageCase[]): string[] {
  const names: string[] = [];
  for (const stage of stages) {
    for (const task of stage.unfinished()) {
      if (names.length === listedMax) return names;
      names.push(`t${task}`);
    }
  }
  return names;
}

const isUnderWay = (found: RunCase, index: number): boolean => {
  const stage = found.stages[index]!;
  return stage.isComplete || found.isOpen(stage);
};
