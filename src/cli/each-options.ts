// The options of `shoal each`, in GNU parallel's words: the table, and their values as the engine takes them.

import { ShoalError } from "../errors.ts";
import { parseDuration } from "../base/units.ts";
import type { EachOptions } from "./api.ts";
import { quote } from "./printable.ts";

interface Entry {
  /** As commander shows it; with <…> for those that take a value. */
  readonly flags: string;
  readonly about: string;
  /** Other spellings. */
  readonly also?: readonly string[];
}

export const eachOptions = {
  jobs: {
    flags: "-j, --jobs <n>",
    about: "jobs at a time: N, +N or -N or N% of the cores, 0 for as many as possible (default: the cores)",
    also: ["-P", "--max-procs"],
  },
  keepOrder: { flags: "-k, --keep-order", about: "print the output in the order of the input" },
  joblog: {
    flags: "--joblog <file>",
    about: "write a line for each finished job; +file appends",
    also: ["--jl"],
  },
  resume: { flags: "--resume", about: "leave out the jobs that the joblog has" },
  resumeFailed: { flags: "--resume-failed", about: "leave out the jobs that succeeded by the joblog" },
  retryFailed: {
    flags: "--retry-failed",
    about: "run the joblog's failed jobs again, with its commands; no command or input is needed",
  },
  retries: { flags: "--retries <n>", about: "try a failing job n times in all; 0: until it succeeds" },
  timeout: {
    flags: "--timeout <time>",
    about: "kill jobs that run longer: 30, 5m, or 300% of the median job",
  },
  halt: {
    flags: "--halt <rule>",
    about:
      "when to stop early: now,fail=1 or soon,fail=30% or now,success=1 or soon,done=10 … (default: never)",
    also: ["--halt-on-error"],
  },
  delay: { flags: "--delay <time>", about: "wait between the starts of two jobs" },
  maxArgs: {
    flags: "-n, --max-args <n>",
    about: "arguments of one job (default: 1)",
    also: ["-N", "--max-replace-args"],
  },
  argFile: {
    flags: "-a, --arg-file <file>",
    about: "arguments are the lines of the file, - for standard input",
  },
  null: { flags: "-0, --null", about: "NUL bytes end the arguments of files and standard input" },
  delimiter: { flags: "-d, --delimiter <c>", about: "this character ends them (default: \\n)" },
  quote: { flags: "-q, --quote", about: "the command is no shell syntax: quote its words" },
  tag: { flags: "--tag", about: "begin each line of output with the job's arguments and a tab" },
  bar: { flags: "--bar", about: "show progress as a bar" },
  eta: { flags: "--eta", about: "show progress and the time left", also: ["--progress"] },
  dryRun: { flags: "--dry-run", about: "print the commands and run nothing", also: ["--dryrun"] },
  json: { flags: "--json", about: "print one line of JSON for each job, and one for all at the end" },
  help: { flags: "-h, --help", about: "show this help" },
} as const satisfies Record<string, Entry>;

export type EachName = keyof typeof eachOptions;

export type EachValues = Readonly<Partial<Record<EachName, string | true>>>;

const names = Object.keys(eachOptions) as EachName[];

export const takesValue = (name: EachName): boolean => eachOptions[name].flags.includes("<");

/** "--jobs": the long spelling. */
export const longFlag = (name: EachName): string => /--[a-z-]+/.exec(eachOptions[name].flags)![0];

/** All spellings, "-j" and "--jobs" alike. */
export const spellings: ReadonlyMap<string, EachName> = new Map(
  names.flatMap((name) => {
    const { flags, also = [] }: Entry = eachOptions[name];
    return [...flags.replace(/ <.*/, "").split(", "), ...also].map((flag) => [flag, name] as const);
  }),
);

/** What the engine is told. BAD_OPTION for a wrong value. */
export function engineOptions(values: EachValues): EachOptions {
  const { jobs, halt, joblog } = values;
  const appends = typeof joblog === "string" && joblog.startsWith("+");
  const delayMs = typeof values.delay === "string" ? duration("delay", values.delay) : undefined;
  const retries = typeof values.retries === "string" ? whole("retries", values.retries, 0) : undefined;
  return {
    ...(typeof jobs === "string" ? { jobs } : {}),
    ...(typeof halt === "string" ? { halt } : {}),
    ...(typeof joblog === "string"
      ? { joblog: appends ? joblog.slice(1) : joblog, joblogAppend: appends }
      : {}),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(retries === undefined ? {} : { retries }),
    ...timeout(values),
    keepOrder: values.keepOrder === true,
    resume: values.resumeFailed === true ? "failed" : values.resume === true,
    retryFailed: values.retryFailed === true,
    dryRun: values.dryRun === true,
  };
}

function timeout({ timeout: text }: EachValues): Pick<EachOptions, "timeoutMs" | "timeoutPercent"> {
  if (typeof text !== "string") return {};
  const percent = /^(\d{1,9}(?:\.\d+)?)%$/.exec(text);
  if (percent === null)
    return { timeoutMs: duration("timeout", text, ", or a percentage of the median job") };
  const timeoutPercent = Number(percent[1]);
  if (timeoutPercent >= 1) return { timeoutPercent };
  throw badValue("timeout", text, "at least 1%");
}

const durationMax = 24 * 86_400_000;

function duration(name: EachName, text: string, more = ""): number {
  const ms = parseDuration(text);
  const min = name === "timeout" ? 1 : 0;
  if (ms !== null && ms >= min && ms <= durationMax) return ms;
  throw badValue(name, text, `a time such as 10 (seconds), 250ms, 5m or 2h${more}`);
}

export function whole(name: EachName, text: string, min: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text);
  throw badValue(name, text, `a whole number, at least ${min}`);
}

/** The one character that ends arguments. */
export function delimiterOf({ null: isNull, delimiter: text }: EachValues): string {
  if (isNull === true) return "\0";
  if (typeof text !== "string") return "\n";
  const escapes: Readonly<Record<string, string>> = { "\\n": "\n", "\\t": "\t", "\\0": "\0", "\\r": "\r" };
  const char = escapes[text] ?? text;
  if (char.length === 1 && char.charCodeAt(0) < 128) return char;
  throw badValue("delimiter", text, "one ASCII character, or \\n, \\t, \\r or \\0");
}

const badValue = (name: EachName, received: string, expected: string): ShoalError =>
  new ShoalError("BAD_OPTION", `${longFlag(name)} must be ${expected}; received ${quote(received)}`, {
    details: { option: longFlag(name), received, expected },
  });

/** The engine's complaint about an option, in the words of the command line. */
export function inFlags(error: unknown): unknown {
  const { code, message, details, hint, cause } = error as ShoalError;
  const option = details?.["option"];
  if (code !== "BAD_OPTION" || typeof option !== "string" || !Object.hasOwn(eachOptions, option))
    return error;
  const flag = longFlag(option as EachName);
  const told = message.startsWith(option) ? `${flag}${message.slice(option.length)}` : message;
  const needsJoblog = /needs a joblog/.test(message) ? `Add --joblog <file>.` : hint;
  return new ShoalError("BAD_OPTION", told, {
    hint: needsJoblog,
    cause,
    details: { ...details, option: flag },
  });
}
