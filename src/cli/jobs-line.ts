// What the commands share that ask (jobs, why, events, report, what-if; workers, drain, up, down, worker): the line, the
// help, and how an answer or a failure is told. The answer is the result, so it goes to standard output.

import { parseArgs } from "node:util";
import { isSubmittedId } from "../base/ids.ts";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import { clusterMeant } from "./cluster-options.ts";
import { errorMembers } from "./error-json.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { OutputStream } from "./output-stream.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { quote } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const options = {
  task: { flags: "--task <t7>", about: "only what has to do with this task" },
  slots: { flags: "--slots <n,n,…>", about: "numbers of slots to predict for" },
  explain: { flags: "--explain", about: "explain the speed-up: Amdahl's law, Karp-Flatt metric" },
  cluster: {
    flags: "--cluster <url>",
    about: "the cluster: nats://host:port/name, tls://… off loopback, or @file",
  },
  workers: { flags: "--workers <n>", about: "workers to start, 1 to 64 (default: 2)" },
  name: { flags: "--name <name>", about: "the cluster's name (default: main)" },
  port: { flags: "--port <n>", about: "the NATS server's port (default: 4222)" },
  host: { flags: "--host <host>", about: "this machine's address, for other workers (default: 127.0.0.1)" },
  "tls-cert": {
    flags: "--tls-cert <file>",
    about: "certificate of this worker (default: the cluster file's)",
  },
  "tls-key": { flags: "--tls-key <file>", about: "key of that certificate" },
  "call-slots": {
    flags: "--call-slots <n>",
    about: "slots that take clients' calls at a time, 1 to 4096 (default: four times --slots)",
  },
  memory: { flags: "--memory <size>", about: "memory for records (default: a quarter of the machine's)" },
  isolation: { flags: "--isolation <kind>", about: "what a slot is: thread (default) or process" },
  label: { flags: "--label <name=value>", about: "something to know the worker by; may be repeated" },
  directory: { flags: "--directory <dir>", about: "where its files are kept (default: .shoal/worker)" },
  state: { flags: "--state <dir>", about: "the state directory (default: .shoal)" },
  json: { flags: "--json", about: "print one JSON document" },
  help: { flags: "-h, --help", about: "show this help" },
} as const;

/** Text for people is folded to the terminal's width, within bounds. */
const widthMin = 40;
const widthMax = 110;

type OptionName = keyof typeof options;

/** What one command takes and says of itself. */
export interface CommandShape {
  readonly name: string;
  readonly usage: string;
  readonly about: string;
  /** What its one argument is; null: it takes none. */
  readonly takes: "job" | "worker" | "action" | null;
  readonly options: readonly OptionName[];
  /** With --cluster, the question is about a job that was left to one. */
  readonly ofCluster?: true;
  /** What an option means here, where that is not what it means elsewhere. */
  readonly abouts?: Readonly<Partial<Record<OptionName, string>>>;
}

export interface JobsLine {
  /** As typed: of a job its run's id or its beginning, or its name; undefined for the last job. */
  readonly argument: string | undefined;
  readonly text: Readonly<Partial<Record<OptionName, string>>>;
  /** All values of options that may be repeated. */
  readonly labels: readonly string[];
  readonly hosts: readonly string[];
  readonly flags: ReadonlySet<OptionName>;
  /** For the public functions. */
  readonly where: { readonly stateDir?: string };
}

/** What a command answers: members of the JSON document, and text for people. */
export interface Answer {
  /** Of the JSON document, besides format, ok and exitCode … */
  readonly members?: () => Readonly<Record<string, unknown>>;
  /** … or the whole of it, in chunks, where it may be too long for one string. */
  readonly document?: () => AsyncIterable<string>;
  /** In chunks, with their line ends. */
  readonly text: (paint: Paint, width: number) => Iterable<string> | AsyncIterable<string>;
}

/** Runs one of the commands: parses its line, asks, prints. Never rejects. */
export async function perform(
  shape: CommandShape,
  args: readonly string[],
  around: Surroundings,
  ask: (line: JobsLine) => Promise<Answer>,
): Promise<ExitCode> {
  const out = new OutputStream(around.stdout);
  const { isTTY, columns } = around.stdout as { isTTY?: boolean; columns?: number };
  try {
    const line = parse(shape, args);
    if (line.flags.has("help")) {
      await out.write([await helpOf(shape)]);
      return exitCodes.success;
    }
    const tell = async (asked: JobsLine): Promise<void> => {
      const answer = await ask(asked);
      if (asked.flags.has("json")) {
        const { jsonDocument } = await import("./result-text.ts");
        await out.write(
          answer.document?.() ??
            jsonDocument({ format: 1, ok: true, exitCode: exitCodes.success, ...answer.members?.() }),
        );
        return;
      }
      const paint = await paintFor(around.env, isTTY === true);
      const width = isTTY === true ? Math.min(Math.max(columns || 100, widthMin), widthMax) : Infinity;
      await out.write(answer.text(paint, width));
    };
    // Whatever has not the id of a submitted job is here, whichever cluster the environment names.
    const isOfCluster = line.text.cluster !== undefined || isSubmittedId(line.argument);
    const cluster = shape.ofCluster === true && isOfCluster ? clusterMeant(line.text, around.env) : undefined;
    if (cluster !== undefined) {
      const { askCluster } = await import("./ask-cluster.ts");
      await askCluster(cluster, line, tell);
    } else await tell(line);
    return exitCodes.success;
  } catch (error) {
    return await fail(error, args, around, out);
  }
}

async function fail(
  error: unknown,
  args: readonly string[],
  around: Surroundings,
  out: OutputStream,
): Promise<ExitCode> {
  const exitCode = exitCodeOf(error);
  const { failureLines } = await import("./failure-text.ts");
  const paint = await paintFor(around.env, around.stderr.isTTY === true);
  around.stderr.write(
    `${failureLines(error, { paint, debug: around.env["SHOAL_DEBUG"] === "1" }).join("\n")}\n`,
  );
  if (args.includes("--json")) {
    const { jsonDocument } = await import("./result-text.ts");
    await out
      .write(jsonDocument({ format: 1, ok: false, exitCode, error: errorMembers(error) }))
      .catch(() => {});
  }
  return exitCode;
}

function parse(shape: CommandShape, args: readonly string[]): JobsLine {
  const known = Object.fromEntries(
    shape.options.map((name) => [
      name,
      { type: takesValue(name) ? ("string" as const) : ("boolean" as const) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const text: Partial<Record<OptionName, string>> = {};
  const labels: string[] = [];
  const hosts: string[] = [];
  const flags = new Set<OptionName>();
  const typed: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") typed.push(token.value);
    if (token.kind !== "option") continue;
    const name =
      token.rawName === "-h" ? "help" : shape.options.find((option) => token.rawName === `--${option}`);
    if (name === undefined) throw unknownOption(shape, token.rawName);
    if (!takesValue(name)) flags.add(name);
    else text[name] = valueOf(name, token);
    if (name === "label") labels.push(text[name]!);
    if (name === "host") hosts.push(text[name]!);
  }
  const most = shape.takes === null ? 0 : 1;
  if (typed.length > most) {
    const expected = shape.takes === null ? "no argument" : `one ${shape.takes} at most`;
    const received = typed.slice(0, 3);
    throw new ShoalError(
      "BAD_OPTION",
      `shoal ${shape.name} takes ${expected}, received ${received.map(quote).join(", ")}`,
      { hint: `Write: shoal ${shape.name} ${shape.usage}`, details: { received } },
    );
  }
  if (text.state === "" || text.state?.includes("\0")) {
    throw new ShoalError("BAD_OPTION", `--state must be a directory, received ${quote(text.state)}`);
  }
  return {
    argument: typed[0],
    text,
    labels,
    hosts,
    flags,
    where: text.state === undefined ? {} : { stateDir: text.state },
  };
}

function valueOf(
  name: OptionName,
  { value, inlineValue }: { value?: string | undefined; inlineValue?: boolean | undefined },
): string {
  if (value !== undefined && (inlineValue === true || !value.startsWith("-"))) return value;
  const option = `--${name}`;
  throw new ShoalError("BAD_OPTION", `${option} needs a value, and nothing follows it`, {
    details: { option },
  });
}

const takesValue = (name: OptionName): boolean => options[name].flags.includes("<");

function unknownOption(shape: CommandShape, received: string): ShoalError {
  const near = nearest(
    received,
    shape.options.map((name) => `--${name}`),
  );
  return new ShoalError(
    "BAD_OPTION",
    `unknown option ${quote(received)}${near === null ? "" : `; did you mean ${near}?`}`,
    { hint: `shoal ${shape.name} --help lists the options.`, details: { received } },
  );
}

async function helpOf(shape: CommandShape): Promise<string> {
  const { Command, Option } = await import("commander");
  const command = new Command(`shoal ${shape.name}`).helpOption(false).configureHelp({ helpWidth: 100 });
  command.usage(shape.usage).description(shape.about);
  for (const name of shape.options) {
    command.addOption(new Option(options[name].flags, shape.abouts?.[name] ?? options[name].about));
  }
  return command.helpInformation();
}

export const jobHelp =
  "The job is a run's id or the unique beginning of one, a job's name, or nothing for the job that\n" +
  "began last.";

/** A line as several of at most `width` characters, broken at spaces, each as indented as the first. */
export function wrap(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  const indent = /^ */.exec(line)![0];
  const lines: string[] = [];
  let current = indent;
  for (const word of line.trimStart().split(" ")) {
    if (current.length > indent.length && current.length + word.length + 1 > width) {
      lines.push(current);
      current = indent;
    }
    current += current.length > indent.length ? ` ${word}` : word;
  }
  return [...lines, current];
}
