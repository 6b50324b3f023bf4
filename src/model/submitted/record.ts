// What a cluster knows of a submitted job: one value of its bucket, changed by compare-and-set. What the job does is in
// its journal; this is what lists show, and what a leader needs to begin.

import type { ErrorData } from "../../errors.ts";
import { ShoalError } from "../../errors.ts";
import type { ParameterValue } from "../../plan/job.ts";
import type { MountTable } from "../../protocol/place.ts";
import type { JobDescription } from "../../protocol/run.ts";
import type { ClusterConnection } from "../../driver/nats/connection.ts";

export type SubmittedState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface SubmittedJob {
  readonly format: 1;
  /** `s12`; never used twice in a cluster. */
  readonly id: string;
  readonly description: JobDescription;
  /** The same for the same command: program, parameters, directory (commandOf). */
  readonly command: string;
  /** Hash of its bundle; what else the program needs. */
  readonly bundle: string;
  readonly data: unknown;
  readonly directory: string;
  readonly mounts: MountTable;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: {
    readonly partitions?: number;
    readonly splitBytes?: number;
    readonly overwrite?: boolean;
    readonly taskTimeoutMs?: number;
  };
  readonly state: SubmittedState;
  /** Unix milliseconds. */
  readonly submittedAt: number;
  readonly endedAt: number | null;
  /** The worker's process that leads it, or led it last (its id may change meanwhile); how many have. */
  readonly leader: { readonly host: string; readonly pid: number } | null;
  readonly epoch: number;
  /** Of the run, once it has begun. */
  readonly run: string | null;
  readonly error: ErrorData | null;
  readonly output: { readonly directory: string; readonly files: readonly string[] } | null;
  /** A value is kept in the object store. */
  readonly hasValue: boolean;
}

export const jobKey = (id: string): string => `job.${id}`;
/** Of the job that a command began last: its id. */
export const commandKey = (command: string): string => `command.${command}`;
export const leaseKey = (id: string): string => `lease.${id}`;
/** Its journal's segments, below a state directory. */
export const jobsFolder = "jobs";
export const valueName = (id: string): string => `${id}/value`;

export const isOver = ({ state }: SubmittedJob): boolean =>
  state === "succeeded" || state === "failed" || state === "cancelled";

export function parseRecord(text: string): SubmittedJob {
  const record = JSON.parse(text) as SubmittedJob;
  if (record.format !== 1) {
    throw new ShoalError(
      "STATE_NEWER",
      `the job's record has format ${String(record.format)}; this shoal knows 1`,
    );
  }
  return record;
}

/** RUN_UNKNOWN if there is none of that id. */
export async function readRecord(
  connection: ClusterConnection,
  id: string,
): Promise<{ readonly record: SubmittedJob; readonly revision: number }> {
  const found = /^s\d{1,15}$/.test(id) ? await connection.getKey(jobKey(id)) : null;
  if (found === null) {
    throw new ShoalError("RUN_UNKNOWN", `no submitted job ${JSON.stringify(id.slice(0, 100))} is known`, {
      hint: "shoal jobs --cluster … lists them.",
    });
  }
  return { record: parseRecord(found.text), revision: found.revision };
}

/** Changes the record, whoever else does; not once it is over. Returns it as it is then. */
export async function changeRecord(
  connection: ClusterConnection,
  id: string,
  change: (record: SubmittedJob) => SubmittedJob,
): Promise<SubmittedJob> {
  for (;;) {
    const { record, revision } = await readRecord(connection, id);
    if (isOver(record)) return record;
    const changed = change(record);
    if ((await connection.setKey(jobKey(id), JSON.stringify(changed), revision)) !== null) return changed;
  }
}

/** All of a cluster, the last submitted first. */
export async function listRecords(connection: ClusterConnection): Promise<SubmittedJob[]> {
  const records: SubmittedJob[] = [];
  for (const key of await connection.keysOf("job.")) {
    const found = await connection.getKey(key);
    if (found !== null) records.push(parseRecord(found.text));
  }
  return records.sort(
    (a, b) => b.submittedAt - a.submittedAt || Number(b.id.slice(1)) - Number(a.id.slice(1)),
  );
}
