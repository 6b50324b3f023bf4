// Nothing is lost and nothing is stale: an attempt is told to read, for each stage that its stage reads and in task
// order, exactly the outputs that count at that moment; all of them, each where it is, at workers that are here
// (but for what was taken over from an earlier incarnation: that is where that one left it).

import { must, type Checker } from "./checker.ts";

export const rightInputs = (): Checker => ({
  name: "right-inputs",
  after({ effects }, view) {
    for (const effect of effects) {
      if (effect.kind !== "AssignAttempt") continue;
      const { attempt, stage, inputs } = effect;
      const { reads } = view.spec.stages[stage]!;
      must(
        inputs.length === reads.length,
        () => `${attempt} is given ${inputs.length} stages, and reads ${reads.length}`,
      );
      reads.forEach((read, place) => {
        const tasks = view.tasksOf(read);
        const given = inputs[place]!;
        must(
          given.length === tasks.length,
          () => `${attempt} is given ${given.length} outputs of stage ${read}, which has ${tasks.length}`,
        );
        tasks.forEach((task, i) => {
          const counts = view.counts.get(task);
          const output = given[i];
          must(
            counts !== undefined,
            () => `${attempt} reads t${task}, which has no output: it is given ${output?.attempt}`,
          );
          must(
            output?.attempt === counts.attempt && output.worker === counts.worker,
            () =>
              `${attempt} is given ${output?.attempt}@${output?.worker} for t${task}; what counts is ${counts.attempt}@${counts.worker}`,
          );
          if (view.spec.stages[read]!.output === "blocks" && !view.adopted.has(task)) {
            must(
              view.workers.has(output.worker),
              () => `${attempt} is to read ${output.attempt} at ${output.worker}, which is not here`,
            );
          }
        });
      });
    }
  },
});
