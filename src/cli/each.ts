// `shoal each`: from the command line to the exit status.
//
// Standard output and standard error carry what the jobs print, whole jobs at a time; notes and progress go to standard
// error, between two jobs.

import { ShoalError } from "../errors.ts";
import { loadEachApi } from "./api.ts";
import type { EachApi, EachProgress, EachResult, EachRun, EachSummary, InputSource } from "./api.ts";
import { errorMembers } from "./error-json.ts";
import { checkLine, parseEachLine } from "./each-line.ts";
import type { EachLine } from "./each-line.ts";
import { delimiterOf, engineOptions, inFlags, whole } from "./each-options.ts";
import { jsonResult, tagged } from "./each-print.ts";
import { EachView } from "./each-progress.ts";
import { Sink } from "./each-sink.ts";
import { exitCodes } from "./exit-codes.ts";
import { paintFor } from "./paint.ts";
import { clip } from "./printable.ts";
import type { LiveLine, Screen } from "./progress-view.ts";
import { jsonLine } from "./result-text.ts";
import type { Surroundings } from "./run.ts";
import { onSignals } from "./signals.ts";

/** GNU parallel's status for errors that are not a job's. */
const otherError = 255;
/** What a shell says of a command whose reader went away: 128 and the number of SIGPIPE. */
const readerGone = 141;
/** So many arguments are read ahead to know how many jobs there are. */
const countAhead = 100_000;

/** Runs `shoal each <args>` and returns the exit status. Never rejects. */
export async function each(args: readonly string[], around: Surroundings): Promise<number> {
  const out = new Sink(around.stdout);
  const json = args.slice(0, args.indexOf(":::") + 1 || args.length).includes("--json");
  try {
    const line = parseEachLine(args);
    if (line.values.help === true) {
      const { eachHelp } = await import("./each-help.ts");
      await out.write(eachHelp());
      return exitCodes.success;
    }
    checkLine(line);
    return await new Each(line, around, out, await viewFor(line, around)).perform(await loadEachApi());
  } catch (thrown) {
    const error = inFlags(thrown);
    const { failureLines } = await import("./failure-text.ts");
    const paint = await paintFor(around.env, around.stderr.isTTY === true);
    const lines = failureLines(error, { paint, debug: around.env["SHOAL_DEBUG"] === "1" });
    around.stderr.write(`${lines.join("\n")}\n`);
    const members = { type: "error", format: 1, ok: false, exitCode: otherError, error: errorMembers(error) };
    if (json) await out.write(`${jsonLine(members)}\n`);
    return otherError;
  }
}

async function viewFor({ values }: EachLine, around: Surroundings): Promise<EachView> {
  const view = new EachView({
    screen: around.stderr,
    paint: await paintFor(around.env, around.stderr.isTTY === true),
    bar: values.bar === true,
    eta: values.eta === true,
    loadLiveLine: () => liveLine(around.stderr),
  });
  await view.open();
  return view;
}

class Each {
  private readonly line: EachLine;
  private readonly around: Surroundings;
  private readonly out: Sink;
  private readonly err: Sink;
  private readonly view: EachView;
  private run: EachRun | null = null;
  private isCancelled = false;

  constructor(line: EachLine, around: Surroundings, out: Sink, view: EachView) {
    this.line = line;
    this.around = around;
    this.out = out;
    // (A screen is what of standard error the other commands need; here it is written to as a stream.)
    this.err = new Sink(around.stderr as NodeJS.WriteStream);
    this.view = view;
  }

  async perform(api: EachApi): Promise<number> {
    const run = this.begin(api);
    const stopListening = this.listen();
    try {
      for await (const result of run) {
        await this.print(result);
        // Nobody reads the rest. The job whose output was cut off is not in the joblog: it is not dealt with.
        if (this.out.failure !== null) break;
      }
    } finally {
      stopListening();
      this.view.close();
    }
    this.checkCommand(run.summary);
    return await this.conclude(run.summary);
  }

  /** Without a command the arguments are commands; with neither somebody has forgotten them. */
  private checkCommand({ succeeded, failed, skipped, interrupted }: EachSummary): void {
    const { command, sources, values } = this.line;
    const isForgotten = command.length === 0 && sources.length === 0 && values.retryFailed !== true;
    if (isForgotten && !this.isCancelled && succeeded + failed + skipped + interrupted === 0)
      throw noCommand();
  }

  private begin(api: EachApi): EachRun {
    const { values, command, sources } = this.line;
    const { env } = this.around;
    const shows = values.bar === true || values.eta === true;
    const maxArgs = typeof values.maxArgs === "string" ? whole("maxArgs", values.maxArgs, 1) : 1;
    const options = {
      ...engineOptions(values),
      onNote: (text: string) => this.view.note(text),
      ...(shows
        ? { readAheadMax: countAhead, onProgress: (it: EachProgress) => this.view.progress(it) }
        : {}),
      ...(env["PARALLEL_SHELL"] ? { shell: env["PARALLEL_SHELL"] } : {}),
    };
    const isRead = values.retryFailed !== true;
    const from = sources.length > 0 || !isRead ? sources : [{ stdin: true as const }];
    if (isRead) this.checkTerminal(from.some((source) => "stdin" in source));
    const streams = from.map((source): InputSource =>
      "stdin" in source
        ? { stream: process.stdin, name: "standard input", isLinked: source.isLinked === true }
        : source,
    );
    const inputs = new api.EachInputs(isRead ? streams : [], { delimiter: delimiterOf(values), maxArgs });
    const words = values.quote === true && command.length > 0 ? command : command.join(" ");
    this.run = api.each(words, inputs, options);
    return this.run;
  }

  private checkTerminal(readsInput: boolean): void {
    if (!readsInput || !process.stdin.isTTY) return;
    if (this.line.command.length > 0) {
      this.view.note("arguments are read from the terminal, one a line; Ctrl-D ends them");
      return;
    }
    throw noCommand();
  }

  /** Ctrl-C and SIGTERM go to the jobs, and once more kill them; SIGHUP lets them end, as in GNU parallel. */
  private listen(): () => void {
    const { signals } = this.around;
    const stop = onSignals(signals, (signal) => {
      this.isCancelled = true;
      this.view.note(
        `${signal === "SIGINT" ? "Ctrl-C" : signal}: passed on to the jobs; once more kills them`,
      );
      this.run?.cancel(signal);
    });
    const onHangUp = (): void => {
      this.view.note("SIGHUP: starting no more jobs, and waiting for those that run");
      this.run?.drain();
    };
    const hangUps = signals as unknown as Pick<NodeJS.Process, "on" | "off">;
    hangUps.on("SIGHUP", onHangUp);
    return () => {
      stop();
      hangUps.off("SIGHUP", onHangUp);
    };
  }

  private async print(result: EachResult): Promise<void> {
    const { values } = this.line;
    this.view.hide();
    if (values.json === true) await this.writeAll(this.out, jsonResult(result));
    else if (values.dryRun === true) await this.out.write(`${result.command}\n`);
    else {
      const tag = values.tag === true ? `${result.args.join(" ")}\t` : null;
      const { stdout, stderr } = result;
      for (const [sink, output] of [[this.out, stdout] as const, [this.err, stderr] as const]) {
        await this.writeAll(sink, tag === null ? output.chunks() : tagged(output.chunks(), tag));
      }
    }
    this.view.show();
    if (result.refusal !== null) this.view.note(`job ${result.seq} could not be started: ${result.refusal}`);
    if (result.isTimedOut)
      this.view.note(`job ${result.seq} was killed: its time was up: ${clip(result.command, 200)}`);
  }

  private async writeAll(sink: Sink, chunks: AsyncIterable<string | Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      if (sink.failure !== null) return;
      await sink.write(chunk);
    }
  }

  private async conclude(summary: EachSummary): Promise<number> {
    const exitCode = this.isCancelled ? exitCodes.cancelled : summary.exitStatus;
    if (this.line.values.json === true) {
      const ok = exitCode === 0;
      await this.out.write(`${jsonLine({ type: "summary", format: 1, ok, exitCode, ...summary })}\n`);
    }
    const { failure } = this.out;
    if (failure === null) return exitCode;
    if (failure.code === "EPIPE") return readerGone;
    throw new ShoalError("OUTPUT_FAILED", `standard output cannot be written: ${failure.message}`, {
      cause: failure,
    });
  }
}

const noCommand = (): ShoalError =>
  new ShoalError("BAD_OPTION", "no command is named, and there are no arguments", {
    hint: "Write: shoal each [options] -- command {} ::: arguments",
  });

async function liveLine(screen: Screen): Promise<LiveLine> {
  const { createLogUpdate } = await import("log-update");
  return createLogUpdate(screen as NodeJS.WriteStream);
}
