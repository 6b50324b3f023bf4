// What a coordinator tells all workers of its job, once in a heartbeat until the job is over: whoever is free takes part.

import { protocolVersion } from "./connection.ts";
import { isCount, isNames, isObject } from "./frame-bodies.ts";
import { isRunId, objectInBytes } from "./json.ts";

export interface OpenJob {
  readonly v: number;
  /** Version of the package, for people. */
  readonly version: string;
  readonly run: string;
  /** What people call the job: "s12". Default: as `run`. */
  readonly job?: string;
  /** Of this coordinator, unlike that of any other of the run. */
  readonly epoch: number;
  /** Names of the stages, for stacks and certificates. */
  readonly stages: readonly string[];
  /** Under which the run's blocks may be read (block-server.ts). */
  readonly secret: string;
  /** Argument of the program, and the hash of its bundle; null: it has none. */
  readonly program: { readonly data: unknown; readonly bundle: string | null };
  readonly heartbeatMs: number;
  /** Its input is in objects: it wants to know what machines have kept of them. */
  readonly asksForCopies?: true;
}

const heartbeatMsMax = 60_000;
const textMax = 200;

const isBundle = (value: unknown): boolean =>
  value === null || (typeof value === "string" && /^[0-9a-f]{64}$/.test(value));
const isShort = (value: unknown): boolean => typeof value === "string" && value.length <= textMax;

/** Null: no such message. Of one of another version only `v`, `version` and `run` are known. */
export function parseOpenJob(bytes: Uint8Array): OpenJob | null {
  const job = objectInBytes(bytes) as OpenJob | null;
  if (job === null || !Number.isSafeInteger(job.v) || !isRunId(job.run) || !isShort(job.version)) return null;
  if (job.v !== protocolVersion) return job;
  const isWell =
    isCount(job.epoch) &&
    (job.job === undefined || isShort(job.job)) &&
    isNames(job.stages) &&
    isShort(job.secret) &&
    isObject(job.program) &&
    isBundle(job.program.bundle) &&
    Number.isSafeInteger(job.heartbeatMs) &&
    job.heartbeatMs >= 10 &&
    job.heartbeatMs <= heartbeatMsMax;
  return isWell ? job : null;
}
