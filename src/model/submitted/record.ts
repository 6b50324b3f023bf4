// What a cluster knows of a submitted job: one value of its bucket, changed by compare-and-set. What the job does is in
// its journal; this is what lists show, and what a leader needs to begin.

import { isSubmittedId } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import { ShoalError } from "../../errors.ts";
import type { ParameterValue } from "../../plan/job.ts";
import type { MountTable } from "../../protocol/place.ts";
import type { JobDescription } from "../../protocol/run.ts";
import type { ClusterConnection } from "../../driver/nats/connection.ts";
import { isError, isObject } from "../../driver/nats/frame-bodies.ts";
import { objectIn } from "../../driver/nats/json.ts";

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
  /** Leaders that died are counted from this epoch: the last in which a task was finished, or its command went on with it. */
  readonly countedFrom: number;
  /** Why no worker takes part in it; null, or absent: some do, or it does not run. */
  readonly waits?: string | null;
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

const isBundleHash = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

export const isOver = ({ state }: SubmittedJob): boolean =>
  state === "succeeded" || state === "failed" || state === "cancelled";

export const isRunning = ({ state }: SubmittedJob): boolean => state === "running";

/** STATE_NEWER; CLUSTER_FAILED if it is no record. */
export function parseRecord(text: string): SubmittedJob {
  const record = objectIn(text);
  if (Number.isSafeInteger(record?.["format"]) && (record!["format"] as number) > 1) {
    throw new ShoalError(
      "STATE_NEWER",
      `the job's record has format ${String(record!["format"])}; this shoal knows 1`,
    );
  }
  if (!isRecord(record)) throw new ShoalError("CLUSTER_FAILED", "the job's record is damaged");
  return record;
}

/** The record, or null if this version of shoal cannot read it: it is for another, or damaged. */
export function recordIn(text: string): SubmittedJob | null {
  try {
    return parseRecord(text);
  } catch (error) {
    if (error instanceof ShoalError) return null;
    throw error;
  }
}

const states: ReadonlySet<unknown> = new Set<SubmittedState>([
  "queued",
  "running",
  "succeeded",
  "failed",
  "cancelled",
]);

const isTime = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === "string";

/** What lists, leaders and sweeps look at is what it should be. */
function isRecord(
  value: Readonly<Record<string, unknown>> | null,
): value is Readonly<Record<string, unknown>> & SubmittedJob {
  if (value === null || value["format"] !== 1 || !states.has(value["state"])) return false;
  const { id, description, bundle, directory, parameters, options, submittedAt, endedAt, leader } = value;
  const { epoch, run, error, output, hasValue, command, mounts, countedFrom, waits = null } = value;
  return (
    isSubmittedId(id) &&
    isObject(description) &&
    typeof description["name"] === "string" &&
    isBundleHash(bundle) &&
    typeof directory === "string" &&
    typeof command === "string" &&
    isMountTable(mounts) &&
    isObject(parameters) &&
    isObject(options) &&
    isTime(submittedAt) &&
    (endedAt === null || isTime(endedAt)) &&
    (leader === null ||
      (isObject(leader) && typeof leader["host"] === "string" && Number.isSafeInteger(leader["pid"]))) &&
    Number.isSafeInteger(epoch) &&
    Number.isSafeInteger(countedFrom) &&
    isTextOrNull(run) &&
    isTextOrNull(waits) &&
    (error === null || isError(error)) &&
    (output === null ||
      (isObject(output) && typeof output["directory"] === "string" && Array.isArray(output["files"]))) &&
    typeof hasValue === "boolean"
  );
}

const isMountTable = (value: unknown): boolean =>
  isObject(value) &&
  Array.isArray(value["mounts"]) &&
  value["mounts"].every(isMount) &&
  isObject(value["stores"]) &&
  Object.values(value["stores"]).every(isStore);

const isMount = (value: unknown): boolean =>
  isStore(value) && typeof value["prefix"] === "string" && typeof value["target"] === "string";

const isStore = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) &&
  isTextOrNull(value["endpoint"]) &&
  isTextOrNull(value["region"]) &&
  (value["options"] === undefined ||
    (isObject(value["options"]) &&
      Object.values(value["options"]).every((option) => typeof option === "string")));

/** RUN_UNKNOWN if there is none of that id. */
export async function readRecord(
  connection: ClusterConnection,
  id: string,
): Promise<{ readonly record: SubmittedJob; readonly revision: number }> {
  const found = isSubmittedId(id) ? await connection.getKey(jobKey(id)) : null;
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
    // One that only another version can read is left out: readRecord says why.
    const record = found === null ? null : recordIn(found.text);
    if (record !== null) records.push(record);
  }
  return records.sort(
    (a, b) => b.submittedAt - a.submittedAt || Number(b.id.slice(1)) - Number(a.id.slice(1)),
  );
}
