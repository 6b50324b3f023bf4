// `shoal why`: findings in sentences, with numbers.

import { loadJobsApi } from "./api.ts";
import type { ExitCode } from "./exit-codes.ts";
import { jobHelp, perform, wrap, type CommandShape } from "./jobs-line.ts";
import type { Paint } from "./paint.ts";
import { escapeLine } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "why",
  usage: "[job] [--task t7] [options]",
  takes: "job",
  options: ["task", "state", "cluster", "json", "help"],
  ofCluster: true,
  about: [
    "Says why a job is not finished, why slots are idle, why a task failed. A job that runs now is asked itself.",
    jobHelp,
  ].join("\n\n"),
};

export async function why(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async ({ argument: job, text, where }) => {
    const api = await loadJobsApi();
    const explanation = await api.why(job, {
      ...where,
      ...(text.task === undefined ? {} : { task: text.task }),
    });
    return {
      members: () => ({ ...explanation }),
      text: (paint, width) => [`${painted(api.renderWhy(explanation), paint, width).join("\n")}\n`],
    };
  });
}

const fine = new Set(["FINISHED", "WORKING", "TASK_FINISHED", "COMMITTING", "SLOTS_BUSY"]);

/** The lines of renderWhy, escaped, folded to the width, and coloured by what they are. */
export function painted(lines: readonly string[], paint: Paint, width: number): string[] {
  return lines.flatMap((raw, i) => {
    const line = escapeLine(raw);
    if (/^[A-Z_]+$/.test(line)) return [paint.bold(fine.has(line) ? paint.green(line) : paint.yellow(line))];
    const folded = wrap(line, width);
    if (i === 0) return folded.map((part) => paint.bold(part));
    if (line.startsWith("  hint:")) return folded.map((part) => paint.cyan(part));
    return line.startsWith("  entries:") || line.startsWith("    ")
      ? folded.map((part) => paint.dim(part))
      : folded;
  });
}
