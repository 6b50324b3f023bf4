// `shoal what-if`: a finished job's time on other numbers of slots, predicted.

import { ShoalError } from "../errors.ts";
import { loadJobsApi } from "./api.ts";
import type { ExitCode } from "./exit-codes.ts";
import { jobHelp, perform, wrap, type CommandShape } from "./jobs-line.ts";
import { escapeLine, quote } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "what-if",
  usage: "[job] --slots 4,16,64,1000 [options]",
  takes: "job",
  options: ["slots", "state", "cluster", "json", "help"],
  ofCluster: true,
  about:
    "Predicts how long a finished job would take on other numbers of slots, by running the real coordinator in the\n" +
    `simulator on the task times of its journal; with the model's error on that very run.\n\n${jobHelp}`,
};

const slotsMax = 100_000;
const countsMax = 32;

export async function whatIf(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async ({ argument: job, text, where }) => {
    const slots = slotCounts(text.slots);
    const api = await loadJobsApi();
    const found = await api.whatIf(job, { ...where, slots });
    return {
      members: () => ({ ...found }),
      text: (paint, width) => {
        const [title = "", ...rest] = api.renderWhatIf(found).map(escapeLine);
        const lines = rest.flatMap((line) =>
          line.startsWith("  ")
            ? [line]
            : wrap(line, width).map((part) => (line.startsWith("note:") ? paint.dim(part) : part)),
        );
        return [`${[paint.bold(title), ...lines].join("\n")}\n`];
      },
    };
  });
}

/** "4,16,64" as numbers; 1, 2, 4, 8, 16 if none are named. */
function slotCounts(text: string | undefined): number[] {
  if (text === undefined) return [1, 2, 4, 8, 16];
  const counts = text.split(",").map((part) => (/^ *\d{1,6} *$/.test(part) ? Number(part) : NaN));
  if (counts.length <= countsMax && counts.every((n) => n >= 1 && n <= slotsMax)) return counts;
  const expected = `up to ${countsMax} whole numbers from 1 to ${slotsMax} with commas between`;
  throw new ShoalError("BAD_OPTION", `--slots must be ${expected}, received ${quote(text)}`, {
    details: { option: "--slots", received: text.slice(0, 100), expected },
  });
}
