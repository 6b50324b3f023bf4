// The options of `each`, checked: what a user may say, and what the machine and the runner go by.

import { availableParallelism } from "node:os";
import path from "node:path";
import { ShoalError } from "../../errors.ts";
import { parseHalt, type HaltRule } from "./halt.ts";
import type { EachRules } from "./machine.ts";

export interface EachOptions {
  /**
   * Jobs that run at a time: a number, "+2" or "-1" (more or fewer than the cores), "50%" of the cores, or 0 for as many as
   * the system takes, at most 1,024. Default: the cores that this process may use.
   */
  readonly jobs?: number | string;
  /** Results in the order of the input. Default: as jobs end. */
  readonly keepOrder?: boolean;
  /** How often a job is tried until it succeeds, the first time included; 0: without end. Default: 1. */
  readonly retries?: number;
  /** A job that runs longer is killed, with all that it started, and has failed. Default: no limit. */
  readonly timeoutMs?: number;
  /** The same as per cent of the median time of the jobs that succeeded, once there are three. */
  readonly timeoutPercent?: number;
  /** Between the starts of two jobs, in milliseconds. Default: 0. */
  readonly delayMs?: number;
  /** When to stop before the input ends: "never", "now,fail=1", "soon,fail=30%", "now,success=1", "soon,done=10" … */
  readonly halt?: string;
  /** A file that gets one line for each finished job, in GNU parallel's columns. Replaced if it is there. */
  readonly joblog?: string;
  /** Continues the joblog: jobs that are in it are left out; with "failed" only those of them that succeeded. */
  readonly resume?: boolean | "failed";
  /** Runs the failed jobs of the joblog again, with its commands. The command and the inputs are not looked at. */
  readonly retryFailed?: boolean;
  /** Appends to the joblog and leaves nothing out. */
  readonly joblogAppend?: boolean;
  /** Runs nothing: results have the command only. The joblog is not written. */
  readonly dryRun?: boolean;
  /** Arguments that are read before they are needed, so that the number of jobs is known sooner. Default: 1. */
  readonly readAheadMax?: number;
  /** Where jobs run. Default: the current directory. */
  readonly directory?: string;
  /** The environment of jobs; PARALLEL_SEQ, PARALLEL_JOBSLOT and PARALLEL_PID are added. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Runs the commands, with -c. Default: /bin/sh. */
  readonly shell?: string;
  /** Ends the run: what runs is killed, and the iteration throws CANCELLED. */
  readonly signal?: AbortSignal;
  /** Told of each change in the number of jobs. */
  readonly onProgress?: (progress: EachProgress) => void;
  /** Told what somebody should know who waits: a joblog that looks like another command's, why the run stops. */
  readonly onNote?: (line: string) => void;
}

export interface EachProgress {
  readonly succeeded: number;
  readonly failed: number;
  readonly running: number;
  /** Jobs of this run, or null as long as nobody knows. Without those that the joblog has already. */
  readonly total: number | null;
  /** Jobs that were left out, since the joblog has them. */
  readonly skipped: number;
  readonly elapsedMs: number;
  /** Milliseconds until the last job ends, by the time that they have taken so far; null if unknown. */
  readonly etaMs: number | null;
}

/** What the runner goes by. */
export interface EachPlan {
  readonly rules: EachRules;
  readonly joblog: string | null;
  readonly resume: false | "all" | "failed";
  readonly retryFailed: boolean;
  /** Whether what the joblog has decides what is run. */
  readonly isContinued: boolean;
  readonly joblogAppend: boolean;
  readonly dryRun: boolean;
  readonly directory: string;
  readonly shell: string;
}

export const jobsMax = 65_536;
/** What `jobs: 0` means. */
const jobsMost = 1024;
/** Results that may wait for an earlier one, or for who asked for them. Their outputs are open files. */
const heldMax = 1000;
/** Enough to count the usual input, in memory that is no matter. */
const countAhead = 100_000;
const graceMs = 5000;

/** Checks every option. BAD_OPTION names it, what was received and what is expected. */
export function planOf(options: EachOptions): EachPlan {
  const { directory, shell = "/bin/sh", joblog, resume = false, retryFailed = false } = options;
  const halt = parseHalt(options.halt ?? "never");
  const retries = whole("retries", options.retries ?? 1, 0, 1_000_000_000);
  if (joblog === "" || joblog?.includes("\0") === true) throw bad("joblog", joblog, "a file");
  for (const [name, isSet] of Object.entries({
    resume: resume !== false,
    retryFailed,
    joblogAppend: options.joblogAppend,
  })) {
    if (isSet === true && joblog === undefined) throw needsJoblog(name);
  }
  return {
    rules: {
      jobs: parseJobs(options.jobs ?? "100%", availableParallelism()),
      attemptsMax: retries === 0 ? Infinity : retries,
      timeout: timeoutOf(options),
      halt,
      isOrdered: options.keepOrder === true,
      delayMs: measure("delayMs", options.delayMs ?? 0, 0),
      queueMax: whole("readAheadMax", options.readAheadMax ?? readAheadFor(halt), 1, 10_000_000),
      heldMax,
      graceMs,
    },
    joblog: joblog === undefined ? null : path.resolve(directory ?? ".", joblog),
    resume: resume === true ? "all" : resume,
    retryFailed,
    isContinued: resume !== false || retryFailed,
    joblogAppend: options.joblogAppend === true,
    dryRun: options.dryRun === true,
    directory: path.resolve(directory ?? "."),
    shell,
  };
}

const readAheadFor = (halt: HaltRule | null): number => (halt?.isPercent === true ? countAhead : 1);

/** The number of jobs at a time that `value` means on a machine with `cores`. */
export function parseJobs(value: number | string, cores: number): number {
  const match = /^([+-]?)(\d{1,9}(?:\.\d{1,6})?)(%?)$/.exec(String(value).trim());
  const [, sign, digits, percent] = match ?? [];
  const number = Number(digits);
  if (match === null || (percent === "" && !Number.isInteger(number))) throw badJobs(value);
  if (sign === "" && percent === "" && number === 0) return jobsMost;
  const amount = percent === "%" ? Math.round((cores * number) / 100) : number;
  const jobs = sign === "" ? amount : sign === "+" ? cores + amount : cores - amount;
  if (jobs > jobsMax) throw badJobs(value);
  return Math.max(1, jobs);
}

const badJobs = (received: unknown): ShoalError =>
  bad("jobs", received, `a number from 0 to ${jobsMax}, or +N, -N or N% of the cores`);

function timeoutOf({ timeoutMs, timeoutPercent }: EachOptions): EachRules["timeout"] {
  if (timeoutMs !== undefined && timeoutPercent !== undefined) {
    throw new ShoalError("BAD_OPTION", "timeoutMs and timeoutPercent are both given; one can hold");
  }
  if (timeoutMs !== undefined) return { ms: measure("timeoutMs", timeoutMs, 1) };
  return timeoutPercent === undefined ? null : { percent: measure("timeoutPercent", timeoutPercent, 1) };
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(name, value, `a whole number from ${min} to ${max}`);
}

/** Timers take no more than 2^31 ms. */
const measureMax = 2 ** 31 - 1;

function measure(name: string, value: unknown, min: number): number {
  if (typeof value === "number" && value >= min && value <= measureMax) return value;
  throw bad(name, value, `a number from ${min} to ${measureMax}`);
}

const bad = (option: string, received: unknown, expected: string): ShoalError =>
  new ShoalError("BAD_OPTION", `${option} must be ${expected}; received ${quoted(received)}`, {
    details: { option, received: String(received), expected },
  });

const quoted = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : String(value);

const needsJoblog = (option: string): ShoalError =>
  new ShoalError("BAD_OPTION", `${option} needs a joblog, and none is named`, {
    hint: "Name the joblog of the run that is to be continued.",
    details: { option },
  });
