// OUTPUTS_REMADE: finished map outputs that were lost and are not there again yet.

import { count, listed } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const outputsRemade: Cause = ({ case: found, task: asked, isRunning }) => {
  if (!isRunning || found.phase !== "running") return [];
  const open = found.remade.filter(
    ({ task }) => !found.isFinished(task) && (asked === null || asked === task),
  );
  if (open.length === 0) return [];
  const names = [...new Set(open.map(({ task }) => `t${task}`))];
  const reasons = [...new Set(open.map(({ why }) => why))];
  const text =
    `${count(names.length, "finished output was", "finished outputs were")} lost and must be made again, by ` +
    `${listed(names)}: ${reasons.slice(0, 2).join("; ")}. Tasks that read them wait.`;
  return [
    finding("OUTPUTS_REMADE", text, {
      about: names.length === 1 ? names[0]! : null,
      evidence: open.map(({ entry }) => entry),
      details: { tasks: names, lost: open.map(({ lost }) => lost), reasons },
      hint: reasons.some((why) => why.startsWith("reported lost"))
        ? "If blocks go missing again and again, check the disk of the state directory."
        : null,
    }),
  ];
};
