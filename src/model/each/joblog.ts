// The joblog: one line for each job that is finished, in GNU parallel's columns, which are also read back.
//
// A line is appended in one write, so that a process that dies leaves whole lines, and one torn line at most. What
// counts as finished: the job has ended and its result was dealt with.

import { ShoalError } from "../../errors.ts";
import { bytesOf, textOf } from "./bytes.ts";

export interface JoblogEntry {
  readonly seq: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly runtimeMs: number;
  /** Bytes of standard output. */
  readonly receivedBytes: number;
  readonly exitCode: number;
  /** 0: none. */
  readonly signal: number;
  readonly command: string;
}

export const joblogHead = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

export const joblogLine = (entry: JoblogEntry): Buffer => {
  const { seq, startedAt, runtimeMs, receivedBytes, exitCode, signal, command } = entry;
  const times = `${(startedAt / 1000).toFixed(3)}\t${(runtimeMs / 1000).toFixed(3).padStart(10)}`;
  return bytesOf(
    `${seq}\t:\t${times}\t0\t${receivedBytes}\t${exitCode}\t${signal}\t${command.replaceAll("\n", "\0")}\n`,
  );
};

/** What a joblog says. Of a job that is in it twice the later line counts. */
export interface Joblog {
  readonly entries: ReadonlyMap<number, JoblogEntry>;
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
}

const linePattern =
  /^(\d+)\t[^\t]*\t\s*(\d+(?:\.\d+)?)\t\s*(-?\d+(?:\.\d+)?)\t\d+\t(\d+)\t(-?\d+)\t(-?\d+)\t(.*)$/s;

/** Reads a joblog. BAD_OPTION for a file that is none. A last line without its end was torn off, and does not count. */
export function parseJoblog(file: string, bytes: Buffer): Joblog {
  const wholeBytes = bytes.lastIndexOf(10) + 1;
  const lines = textOf(bytes.subarray(0, wholeBytes)).split("\n").slice(0, -1);
  const entries = new Map<number, JoblogEntry>();
  lines.forEach((line, i) => {
    if (line.startsWith("Seq\tHost\t")) return;
    const entry = parseLine(line);
    if (entry === null) throw notAJoblog(file, i + 1, line);
    entries.set(entry.seq, entry);
  });
  if (wholeBytes === 0 && bytes.length > 0 && !joblogHead.startsWith(bytes.toString("latin1"))) {
    throw notAJoblog(file, 1, textOf(bytes.subarray(0, 200)));
  }
  return { entries, wholeBytes };
}

function parseLine(line: string): JoblogEntry | null {
  const match = linePattern.exec(line);
  if (match === null) return null;
  return {
    seq: Number(match[1]),
    startedAt: Number(match[2]) * 1000,
    runtimeMs: Number(match[3]) * 1000,
    receivedBytes: Number(match[4]),
    exitCode: Number(match[5]),
    signal: Number(match[6]),
    command: match[7]!.replaceAll("\0", "\n"),
  };
}

export const isSuccess = ({ exitCode, signal }: JoblogEntry): boolean => exitCode === 0 && signal === 0;

function notAJoblog(file: string, line: number, received: string): ShoalError {
  return new ShoalError(
    "BAD_OPTION",
    `${file} is no joblog: line ${line} is ${JSON.stringify(received.slice(0, 80))}`,
    {
      hint: "Name the joblog of the run that is to be continued, or another file for a new one.",
      details: { option: "joblog", file, line },
    },
  );
}
