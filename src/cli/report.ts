// `shoal report`: where a job's time went, as at the end of `shoal run`.

import { loadJobsApi } from "./api.ts";
import type { ExitCode } from "./exit-codes.ts";
import { jobHelp, perform, type CommandShape } from "./jobs-line.ts";
import { escapeLine } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "report",
  usage: "[job] [--explain] [options]",
  takes: "job",
  options: ["explain", "state", "cluster", "json", "help"],
  ofCluster: true,
  about: `Says where a job's time went: computing, and what was lost, by cause.\n\n${jobHelp}`,
};

export async function report(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async ({ argument: job, where, flags }) => {
    const api = await loadJobsApi();
    const found = await api.reportOf(job, where);
    const explain = flags.has("explain");
    return {
      members: () => ({
        job: found.job,
        report: api.reportJson(found),
        ...(explain ? { explain: api.explainReport(found) } : {}),
      }),
      text: (paint) => {
        const [title = "", ...rest] = api.renderReport(found, { explain }).map(escapeLine);
        return [`${[paint.bold(title), ...rest].join("\n")}\n`];
      },
    };
  });
}
