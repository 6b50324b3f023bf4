// `shoal events`: the causal story of a job or task, line by line.

import { loadJobsApi, type StoryLine } from "./api.ts";
import type { ExitCode } from "./exit-codes.ts";
import { jobHelp, perform, type CommandShape } from "./jobs-line.ts";
import type { Paint } from "./paint.ts";
import { clip, escapeLine } from "./printable.ts";
import { jsonLine } from "./result-text.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "events",
  usage: "[job] [--task t7] [options]",
  takes: "job",
  options: ["task", "state", "cluster", "json", "help"],
  ofCluster: true,
  about:
    "Tells what happened to a job or task and what was ordered, in causal order: time, entry, machine;\n" +
    '< for what happened, > for what was ordered because of it; "by #12" names the entry that caused it.\n\n' +
    jobHelp,
};

export async function events(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async ({ argument: job, text, where }) => {
    const api = await loadJobsApi();
    const options = { ...where, ...(text.task === undefined ? {} : { task: text.task }) };
    const story = api.events(job, options);
    // What is wrong with the question is thrown by the first step, before anything is printed.
    const first = await story.next();
    return {
      document: async function* () {
        yield '{"format":1,"ok":true,"exitCode":0,"events":[';
        for (let step = first; step.done !== true; step = await story.next()) {
          yield `${step === first ? "" : ","}${jsonLine(step.value)}`;
        }
        yield "]}\n";
      },
      text: async function* (paint, width) {
        if (first.done === true) yield "Nothing is in the journal yet.\n";
        for (let step = first; step.done !== true; step = await story.next()) {
          yield `${colour(step.value, paint)(clip(escapeLine(api.storyText(step.value)), width))}\n`;
        }
      },
    };
  });
}

function colour({ type, isContext }: StoryLine, paint: Paint): (text: string) => string {
  if (isContext) return paint.dim;
  return type === "mark" ? paint.bold : type === "effect" ? paint.cyan : String;
}
