// POISON_TASK: a task that ended every slot that it ran in, or is on its way there.

import { errorOf, evidenceOf, labelOf, messageOf, placeOf, say, tasksIn } from "./attempts.ts";
import { certificateIn, certificateLines } from "./certificates.ts";
import { finding, type Cause } from "./finding.ts";

export const poisonTask: Cause = (question) => {
  const { case: found } = question;
  const { poisonLossesMax } = found.limits;
  const condemned =
    found.outcome?.kind === "failed" && found.outcome.error.code === "POISON_TASK"
      ? found.outcome.task
      : null;
  const poisonous = tasksIn(question).filter(
    ({ task, lossesInRow }) => task === condemned || lossesInRow >= 2,
  );
  return poisonous.map(({ task, attempts }) => {
    const isCondemned = task === condemned;
    const lost = attempts.filter(({ failure }) => failure?.kind === "loss");
    const last = errorOf(lost.at(-1) ?? attempts.at(-1)!);
    const label = labelOf(found, task);
    const limit = isCondemned
      ? `, and after ${poisonLossesMax} it is given up`
      : ` of the ${poisonLossesMax} after which it is given up`;
    const text = say(
      `${placeOf(found, task)} ended every slot that it ran in: ${lost.length} in a row${limit}.`,
      `The last time: ${messageOf(last)}.`,
      label !== null && `It reads ${label}.`,
    );
    return finding("POISON_TASK", text, {
      about: `t${task}`,
      lines: lost.flatMap((attempt) => {
        const certificate = certificateIn(errorOf(attempt));
        const died = `${attempt.id} in slot ${attempt.worker}/s${attempt.slot ?? "?"}: ${messageOf(errorOf(attempt))}`;
        return [
          died,
          ...(certificate === null ? [] : certificateLines(certificate).map((line) => `  ${line}`)),
        ];
      }),
      evidence: evidenceOf(lost, [isCondemned ? found.turningPoint : null]),
      details: {
        task: `t${task}`,
        losses: lost.length,
        poisonLossesMax,
        split: label,
        isGivenUp: isCondemned,
        certificates: lost.map((attempt) => certificateIn(errorOf(attempt))),
      },
      hint:
        "Look at what this task reads and does: its input is the likely cause. " +
        "--isolation process keeps a crash away from the others.",
    });
  });
};
