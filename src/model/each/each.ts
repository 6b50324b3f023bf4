// `each`: a shell command for each of many arguments, some at a time.

import { ShoalError } from "../../errors.ts";
import { EachInputs } from "./inputs.ts";
import { FailedJobs, InputJobs, type ArgumentSource, type EachInput } from "./job-source.ts";
import { JoblogFile, readJoblog } from "./joblog-file.ts";
import { isSuccess, type Joblog } from "./joblog.ts";
import { planOf, type EachOptions, type EachPlan } from "./options.ts";
import { parseTemplate } from "./replacement.ts";
import type { EachResult, EachSummary } from "./result.ts";
import { EachRunner } from "./runner.ts";

export type { EachInput };

/** The results of a run, as they come. Begins when it is iterated, and can be iterated once. */
export interface EachRun extends AsyncIterable<EachResult> {
  /** How it stands now; after the last result, how it ended. */
  readonly summary: EachSummary;
  /** Starts nothing more; the iteration ends with the jobs that run. */
  drain(): void;
  /**
   * Starts nothing more, passes the signal (SIGTERM) on to the jobs that run, and after 5 s kills those that go on. The iteration
   * ends with the jobs that succeed all the same; the others are neither among the results nor in the joblog.
   */
  cancel(signal?: NodeJS.Signals): void;
}

/**
 * Runs a shell command for each input, as GNU parallel does: `jobs` of them at a time, in processes of their own, what each
 * prints kept apart. Inputs are pulled as jobs end, so they may be endless; results that nobody asks for hold back new jobs.
 *
 * `command` is shell syntax with replacement strings ({} {.} {/} {//} {/.} {#} {%} {1} {2.} …), which are put in quoted;
 * without any, the arguments come last. As an array it is one command whose words are quoted too. An input is the argument of
 * one job, or an array of its arguments.
 *
 * Errors: BAD_OPTION at once; in the iteration what inputs throw, OUTPUT_FAILED for a joblog that cannot be written,
 * CANCELLED after `signal`. A job that fails is a result. Leaving the loop kills what runs.
 *
 * @example
 * for await (const { args, ok, stdout } of each("gzip -c {} | wc -c", ["a.txt", "b.txt"])) {
 *   if (ok) console.log(args[0], stdout.text().trim());
 * }
 */
export function each(
  command: string | readonly string[],
  inputs: Iterable<EachInput> | AsyncIterable<EachInput>,
  options: EachOptions = {},
): EachRun {
  const plan = planOf(options);
  if (typeof inputs === "string") {
    throw new ShoalError(
      "BAD_OPTION",
      `inputs must be a list; received the string ${JSON.stringify(inputs)}`,
    );
  }
  let runner: EachRunner | null = null;
  /** What was ordered before the run began. */
  const early: ((runner: EachRunner) => void)[] = [];
  const order = (perform: (runner: EachRunner) => void): void => {
    if (runner === null) early.push(perform);
    else perform(runner);
  };
  return {
    get summary() {
      return runner?.summary ?? unbegun;
    },
    drain() {
      order((begun) => begun.drain());
    },
    cancel(signal = "SIGTERM") {
      order((begun) => begun.cancel(signal));
    },
    async *[Symbol.asyncIterator]() {
      if (runner !== null) throw new ShoalError("CLOSED", "a run of each was iterated twice; it can be once");
      runner = begin(plan, options, command, inputs);
      for (const perform of early) perform(runner);
      yield* runner.run();
    },
  };
}

function begin(
  plan: EachPlan,
  options: EachOptions,
  command: string | readonly string[],
  inputs: Iterable<EachInput> | AsyncIterable<EachInput>,
): EachRunner {
  const { onNote = () => {} } = options;
  const past = pastOf(plan);
  const logged = plan.isContinued ? past!.entries : new Map<number, never>();
  const source = plan.retryFailed
    ? new FailedJobs(logged)
    : new InputJobs(parseTemplate(command), argumentsOf(inputs), {
        logged,
        isDone: plan.resume === "failed" ? isSuccess : () => true,
        onNote,
      });
  const joblog = plan.joblog === null || plan.dryRun ? null : new JoblogFile(plan.joblog, past);
  return new EachRunner(plan, options, source, joblog);
}

/** What the joblog says and keeps; null if it is begun anew. */
function pastOf({ joblog, isContinued, retryFailed, joblogAppend }: EachPlan): Joblog | null {
  if (joblog === null || !(isContinued || joblogAppend)) return null;
  const past = readJoblog(joblog);
  if (past !== null || !retryFailed) return past ?? { entries: new Map(), wholeBytes: 0 };
  throw new ShoalError("BAD_OPTION", `there is no joblog ${joblog} whose failed jobs could be run again`, {
    hint: "Check its path.",
    details: { option: "retryFailed", file: joblog },
  });
}

const unbegun: EachSummary = {
  succeeded: 0,
  failed: 0,
  skipped: 0,
  interrupted: 0,
  isHalted: false,
  isCancelled: false,
  exitStatus: 0,
  wallMs: 0,
};

function argumentsOf(inputs: Iterable<EachInput> | AsyncIterable<EachInput>): ArgumentSource {
  const iterator =
    Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
  let isClosed = false;
  return {
    arguments: iterator,
    count: Array.isArray(inputs) ? inputs.length : inputs instanceof EachInputs ? inputs.count : null,
    close() {
      if (isClosed) return;
      isClosed = true;
      if (inputs instanceof EachInputs) inputs.close();
      // Not waited for: a generator that waits for its own input gets to it later, or never.
      void (async () => iterator.return?.())().catch(() => {});
    },
  };
}
