// `shoal run`: from the command line to the exit code.
//
// Standard output carries the job's value, or the one document of --json, and nothing else. Everything for
// people goes to standard error.

import type { Writable } from "node:stream";
import { ShoalError } from "../errors.ts";
import type { Api, JobDescription, JobResult, LoadApi, Report, RunOptions, Shoal } from "./api.ts";
import { errorMembers } from "./error-json.ts";
import { addressOf, clusterOf } from "./cluster-options.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { OutputStream } from "./output-stream.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { checkForCluster, checkForSubmit, type RunFlags } from "./own-options.ts";
import { escapeLine } from "./printable.ts";
import { ProgressView } from "./progress-view.ts";
import type { LiveLine, Screen } from "./progress-view.ts";
import { parseRunLine } from "./run-line.ts";
import type { RunLine } from "./run-line.ts";
import { followJob } from "./follow-job.ts";
import { onSignals } from "./signals.ts";
import type { SignalSource } from "./signals.ts";

/** The process around the command, so that tests can give their own. */
export interface Surroundings {
  readonly stdout: Writable;
  readonly stderr: Screen;
  readonly env: NodeJS.ProcessEnv;
  readonly signals: SignalSource;
  readonly loadApi: LoadApi;
}

/** Runs `shoal run <args>` and returns the exit code. Never rejects. */
export const run = (args: readonly string[], around: Surroundings): Promise<ExitCode> =>
  perform("run", args, around);

/** The same of `shoal submit <args>`: the job is left to a cluster. */
export const submit = (args: readonly string[], around: Surroundings): Promise<ExitCode> =>
  perform("submit", args, around);

async function perform(
  verb: "run" | "submit",
  args: readonly string[],
  around: Surroundings,
): Promise<ExitCode> {
  const out = new OutputStream(around.stdout);
  const paint = await paintFor(around.env, around.stderr.isTTY === true);
  // Known before the line is parsed, so that a mistake in the line is told as asked for, too.
  const json = args.includes("--json");
  try {
    const line = parseRunLine(args);
    if (line.job === null) {
      const { runHelp } = await import("./run-help.ts");
      await out.write([runHelp(null)]);
      return exitCodes.success;
    }
    const flags =
      verb === "run"
        ? line.flags
        : { ...line.flags, cluster: line.flags.cluster ?? clusterOf(undefined, around.env) };
    if (verb === "submit") checkForSubmit(flags);
    if (flags.cluster !== undefined) checkForCluster(flags);
    return await new Run(verb, line.job, { ...line, flags }, around, out, paint).perform();
  } catch (error) {
    return await fail(error, { around, out, paint, json, job: null });
  }
}

/** Without a report, where none is shown. */
type Result = Omit<JobResult<unknown>, "report"> & { readonly report: Report | null };

class Run {
  private readonly verb: "run" | "submit";
  private readonly job: string;
  private readonly line: RunLine;
  private readonly around: Surroundings;
  private readonly out: OutputStream;
  private readonly paint: Paint;
  private readonly view: ProgressView;
  private readonly controller = new AbortController();
  private description: JobDescription | null = null;

  constructor(
    verb: "run" | "submit",
    job: string,
    line: RunLine,
    around: Surroundings,
    out: OutputStream,
    paint: Paint,
  ) {
    this.verb = verb;
    this.job = job;
    this.line = line;
    this.around = around;
    this.out = out;
    this.paint = paint;
    this.view = new ProgressView({
      screen: around.stderr,
      paint,
      quiet: line.flags.quiet,
      loadLiveLine: () => liveLine(around.stderr),
    });
  }

  async perform(): Promise<ExitCode> {
    const { flags } = this.line;
    const stopListening = onSignals(this.around.signals, (signal) => this.cancel(signal));
    let api: Api | null = null;
    try {
      api = await this.around.loadApi();
      const config = await api.loadConfig(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir });
      const options = { ...config, ...connectOptions(flags, (text) => this.view.output(text)) };
      const shoal = await api.connect(
        options,
        flags.cluster === undefined ? undefined : addressOf(flags.cluster),
      );
      let result: Result;
      try {
        this.controller.signal.throwIfAborted();
        const parsing = import("./params.ts");
        this.description = await unlessAborted(this.controller.signal, shoal.describe(this.job));
        if (flags.help) {
          const { runHelp } = await import("./run-help.ts");
          await this.out.write([runHelp({ typed: this.job, description: this.description })]);
          return exitCodes.success;
        }
        const { parseParameters } = await parsing;
        const parameters = parseParameters(this.description.parameters, this.line.rest);
        if (this.verb === "submit")
          return await this.submitted(await shoal.submit(this.job, parameters, this.runOptions()));
        result =
          flags.cluster === undefined || flags.attached
            ? await shoal.run(this.job, parameters, this.runOptions())
            : await this.left(api, shoal, parameters);
      } finally {
        await shoal.close();
        this.view.close();
      }
      await this.succeed(api, result);
      return exitCodes.success;
    } catch (error) {
      this.view.close();
      const { around, out, paint } = this;
      const job = this.description?.name ?? null;
      return await fail(error, { around, out, paint, json: flags.json, job, api, explain: flags.explain });
    } finally {
      stopListening();
    }
  }

  private async submitted(id: string): Promise<ExitCode> {
    const { json, cluster } = this.line.flags;
    if (json) {
      const { jsonDocument } = await import("./result-text.ts");
      await this.out.write(jsonDocument({ format: 1, ok: true, exitCode: exitCodes.success, id }));
    } else {
      await this.out.write([`${id}\n`]);
      this.print(`left to the cluster; shoal attach ${id} --cluster ${escapeLine(cluster!)} follows it`);
    }
    return exitCodes.success;
  }

  /** Left to the cluster and followed: it goes on without this process, and the same command finds it again. */
  private async left(
    api: Api,
    shoal: Pick<Shoal, "submit" | "close">,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<Result> {
    const { flags } = this.line;
    const began = Date.now();
    const id = await shoal.submit(this.job, parameters, { ...this.runOptions(), joins: !flags.fresh });
    // Nothing runs here any more.
    const [jobs] = await Promise.all([api.clusterJobs(addressOf(flags.cluster!)), shoal.close()]);
    try {
      const { submittedAt } = await jobs.info(id);
      if (submittedAt < began) this.view.note(`the same command began ${id} before: this goes on with it`);
      const { value, output } = await followJob(jobs, id, this.view, this.controller.signal);
      if (flags.quiet && !flags.json) return { job: id, value, output, report: null };
      const [run, report] = await jobs.ask(
        id,
        async (state, asked) => [asked, await api.reportOf(asked, state)] as const,
      );
      return { job: run, value, output, report };
    } finally {
      await jobs.close();
    }
  }

  private cancel(signal: NodeJS.Signals): void {
    const why = signal === "SIGINT" ? "Ctrl-C" : signal;
    this.view.note(`${why}: cancelling and cleaning up; once more ends at once`);
    this.controller.abort(new ShoalError("CANCELLED", `cancelled by ${why}`));
  }

  private runOptions(): RunOptions {
    const { partitions, splitBytes, taskTimeoutMs, overwrite, fresh } = this.line.flags;
    return {
      signal: this.controller.signal,
      // The zero of performance.now() is the start of this process: where the user's wall time begins.
      startedAt: 0,
      overwrite,
      fresh,
      onProgress: (progress) => this.view.progress(progress),
      onNote: (line) => this.view.note(line),
      ...(partitions === undefined ? {} : { partitions }),
      ...(splitBytes === undefined ? {} : { splitBytes }),
      ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
    };
  }

  private async succeed(api: Api, result: Result): Promise<void> {
    const { flags } = this.line;
    const { value, output, report } = result;
    const { jsonDocument, valueLines } = await import("./result-text.ts");
    if (flags.json) {
      await this.out.write(
        jsonDocument({
          format: 1,
          ok: true,
          exitCode: exitCodes.success,
          job: this.description!.name,
          run: result.job,
          value,
          ...(output === null ? {} : { output: { directory: output.directory, files: output.files } }),
          ...reportMembers(api, report!, flags.explain),
        }),
      );
      return;
    }
    if (output === null) await this.out.write(valueLines(value));
    if (flags.quiet || report === null) return;
    if (output !== null) {
      const { length } = output.files;
      const files = `${length} ${length === 1 ? "file" : "files"}`;
      this.print(`${this.paint.green("wrote")} ${files} to ${escapeLine(output.directory)}`);
    }
    const [title, ...rest] = api.renderReport(report, { explain: flags.explain }).map(escapeLine);
    this.print(this.paint.bold(title ?? ""), ...rest);
  }

  private print(...lines: string[]): void {
    this.around.stderr.write(`${lines.join("\n")}\n`);
  }
}

interface FailureContext {
  readonly around: Surroundings;
  readonly out: OutputStream;
  readonly paint: Paint;
  readonly json: boolean;
  readonly job: string | null;
  readonly api?: Api | null;
  readonly explain?: boolean;
}

/** Tells of a failure, on standard error and under --json on standard output too. Returns the exit code. */
async function fail(error: unknown, context: FailureContext): Promise<ExitCode> {
  const { around, out, paint, json, job, api, explain } = context;
  const exitCode = exitCodeOf(error);
  const report = (error as { report?: Report } | null)?.report;
  const { failureLines } = await import("./failure-text.ts");
  const lines = failureLines(error, { paint, debug: around.env["SHOAL_DEBUG"] === "1" });
  if (report !== undefined && api && explain === true && !json) {
    lines.unshift(...api.renderReport(report, { explain }).map(escapeLine), "");
  }
  around.stderr.write(`${lines.join("\n")}\n`);
  if (json) {
    const { jsonDocument } = await import("./result-text.ts");
    const members = report !== undefined && api ? reportMembers(api, report, explain === true) : {};
    const document = jsonDocument({
      format: 1,
      ok: false,
      exitCode,
      job: job ?? undefined,
      ...members,
      error: errorMembers(error),
    });
    // Standard output may be what failed; the exit code and standard error have told already.
    await out.write(document).catch(() => {});
  }
  return exitCode;
}

const reportMembers = (api: Api, report: Report, explain: boolean): Record<string, unknown> => ({
  report: api.reportJson(report),
  ...(explain ? { explain: api.explainReport(report) } : {}),
});

function connectOptions(flags: RunFlags, onOutput: (text: string) => void): Parameters<Api["connect"]>[0] {
  const { slots, memoryBytes, isolation, stateDir } = flags;
  return {
    onOutput,
    ...(slots === undefined ? {} : { slots }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(stateDir === undefined ? {} : { stateDir }),
  };
}

/** The promise, or the signal's reason as soon as it is raised; what the promise does later is ignored. */
async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return await Promise.race([promise, aborted]);
}

export async function liveLine(screen: Screen): Promise<LiveLine> {
  const { createLogUpdate } = await import("log-update");
  return createLogUpdate(screen as NodeJS.WriteStream);
}
