// What a coordinator tells all workers of its job, once in a heartbeat until the job is over: whoever is free takes part.

import { protocolVersion } from "./connection.ts";
import { isRunId, objectInBytes } from "./json.ts";

export interface OpenJob {
  readonly v: number;
  /** Version of the package, for people. */
  readonly version: string;
  readonly run: string;
  /** Of this coordinator, unlike that of any other of the run. */
  readonly epoch: number;
  /** Names of the stages, for stacks and certificates. */
  readonly stages: readonly string[];
  /** Under which the run's blocks may be read (block-server.ts). */
  readonly secret: string;
  /** Argument of the program, and the hash of its bundle; null: it has none. */
  readonly program: { readonly data: unknown; readonly bundle: string | null };
  readonly heartbeatMs: number;
}

/** Null: no such message. One of another version is told by its `v`. */
export function parseOpenJob(bytes: Uint8Array): OpenJob | null {
  const job = objectInBytes(bytes) as OpenJob | null;
  if (job === null || !Number.isSafeInteger(job.v)) return null;
  if (job.v !== protocolVersion) return job;
  const isWell =
    isRunId(job.run) &&
    Number.isSafeInteger(job.epoch) &&
    Array.isArray(job.stages) &&
    typeof job.secret === "string" &&
    typeof job.program === "object" &&
    job.program !== null &&
    (job.program.bundle === null || /^[0-9a-f]{64}$/.test(job.program.bundle)) &&
    Number.isSafeInteger(job.heartbeatMs) &&
    job.heartbeatMs >= 10;
  return isWell ? job : null;
}
