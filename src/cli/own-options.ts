// The options of `shoal run` itself, as opposed to the job's parameters: the table, and the check of their
// values.

import { ShoalError } from "../errors.ts";
import { parseBytes, parseDuration } from "../base/units.ts";
import { quote } from "./printable.ts";

interface OwnOption {
  /** As commander reads it; with <…> for those that take a value. */
  readonly flags: string;
  readonly about: string;
}

const option = (flags: string, about: string): OwnOption => ({ flags, about });

export const ownOptions = {
  slots: option("--slots <n>", "tasks that run at a time, 1 to 1024 (default: the machine's cores)"),
  memory: option("--memory <size>", "memory for records: 256m, 2g (default: a quarter of the machine's)"),
  partitions: option("--partitions <n>", "tasks of a stage after a shuffle (default: by the input's size)"),
  splitSize: option("--split-size <size>", "input of one task: 16m (default: by the input's size)"),
  overwrite: option("--overwrite", "replace an output directory that another job wrote"),
  fresh: option("--fresh", "start anew: keep nothing of an earlier run that did not end"),
  taskTimeout: option("--task-timeout <time>", "fail attempts that take longer: 30s, 5m (default: no limit)"),
  isolation: option(
    "--isolation <kind>",
    "what a slot is: thread, or process for code that crashes (default: thread)",
  ),
  cluster: option("--cluster <url>", "run on a cluster: nats://host:port/name (default: this machine)"),
  attached: option("--attached", "with --cluster: the job ends with this process (default: it goes on)"),
  state: option("--state <dir>", "where bundles and scratch files are kept (default: .shoal)"),
  json: option("--json", "print one JSON document on standard output"),
  quiet: option("--quiet", "print no progress and no report"),
  explain: option("--explain", "explain the speed-up: Amdahl's law, Karp-Flatt metric"),
  help: option("-h, --help", "show this help; after a job's file, its parameters too"),
};

export type OwnName = keyof typeof ownOptions;

/** "--slots": an option's long name as it is typed. */
export const longName = (name: OwnName): string => /--[a-z-]+/.exec(ownOptions[name].flags)![0];

export const ownNames: readonly string[] = (Object.keys(ownOptions) as OwnName[]).map(longName);

/** As they are typed: text where there is a value. */
export type RawOptions = Readonly<Partial<Record<OwnName, string | boolean>>>;

/** The same, checked. Undefined: not given. */
export interface RunFlags {
  readonly slots: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly partitions: number | undefined;
  readonly splitBytes: number | undefined;
  readonly taskTimeoutMs: number | undefined;
  readonly isolation: "thread" | "process" | undefined;
  readonly cluster: string | undefined;
  readonly stateDir: string | undefined;
  readonly attached: boolean;
  readonly overwrite: boolean;
  readonly fresh: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly explain: boolean;
  readonly help: boolean;
}

export const slotsMax = 1024;
const partitionsMax = 100_000;
const memoryMin = 2 ** 20;
const splitMax = 2 ** 40;
const timeoutMax = 24 * 86_400_000;

/** Checks every value; BAD_OPTION names the option, what was received and what is expected. */
export function checkOptions(raw: RawOptions): RunFlags {
  return {
    slots: whole(raw, "slots", 1, slotsMax),
    memoryBytes: measured(raw, "memory", parseBytes, {
      min: memoryMin,
      max: Number.MAX_SAFE_INTEGER,
      expected: "a size of at least 1m, such as 256m or 2g",
    }),
    partitions: whole(raw, "partitions", 1, partitionsMax),
    splitBytes: measured(raw, "splitSize", parseBytes, {
      min: 1,
      max: splitMax,
      expected: "a size from 1 byte to 1t, such as 16m",
    }),
    taskTimeoutMs: measured(raw, "taskTimeout", parseDuration, {
      min: 1,
      max: timeoutMax,
      expected: "a time from 1ms to 576h, such as 30s or 5m",
    }),
    isolation: isolation(raw),
    cluster: typeof raw.cluster === "string" ? raw.cluster : undefined,
    stateDir: directory(raw),
    attached: raw.attached === true,
    overwrite: raw.overwrite === true,
    fresh: raw.fresh === true,
    json: raw.json === true,
    quiet: raw.quiet === true,
    explain: raw.explain === true,
    help: raw.help === true,
  };
}

/** BAD_OPTION for what a cluster would not heed: its slots are its workers'. */
export function checkForCluster({ slots, memoryBytes, isolation }: RunFlags): void {
  const given = Object.entries({ slots, memory: memoryBytes, isolation }).find(
    ([, value]) => value !== undefined,
  );
  if (given === undefined) return;
  const option = longName(given[0] as OwnName);
  throw new ShoalError(
    "BAD_OPTION",
    `${option} is for slots of this machine: those of a cluster are its workers'`,
    {
      hint: `Say it where they are started: shoal worker ${option} …`,
      details: { option },
    },
  );
}

/** BAD_OPTION for what contradicts leaving the job to the cluster. */
export function checkForSubmit({ attached }: RunFlags): void {
  if (!attached) return;
  throw new ShoalError(
    "BAD_OPTION",
    "--attached is for shoal run: what is submitted is left to the cluster",
    {
      hint: "shoal run --cluster … --attached ends the job with its client.",
      details: { option: "--attached" },
    },
  );
}

function whole(raw: RawOptions, name: OwnName, min: number, max: number): number | undefined {
  const text = raw[name];
  if (typeof text !== "string") return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw bad(name, text, `a whole number from ${min} to ${max}`);
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly expected: string;
}

type Parse = (text: string) => number | null;

function measured(raw: RawOptions, name: OwnName, parse: Parse, range: Range): number | undefined {
  const text = raw[name];
  if (typeof text !== "string") return undefined;
  const value = parse(text);
  if (value !== null && value >= range.min && value <= range.max) return value;
  throw bad(name, text, range.expected);
}

function isolation(raw: RawOptions): "thread" | "process" | undefined {
  const text = raw.isolation;
  if (typeof text !== "string" || text === "thread" || text === "process")
    return text as "thread" | "process" | undefined;
  throw bad("isolation", text, "thread or process");
}

function directory(raw: RawOptions): string | undefined {
  const text = raw.state;
  if (typeof text !== "string") return undefined;
  if (text === "" || text.includes("\0") || text.startsWith("--")) throw bad("state", text, "a directory");
  return text;
}

const bad = (name: OwnName, received: string, expected: string): ShoalError =>
  new ShoalError("BAD_OPTION", `${longName(name)} must be ${expected}, received ${quote(received)}`, {
    details: { option: longName(name), received, expected },
  });
