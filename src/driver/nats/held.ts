// Who is there, and who still holds blocks of a run: asked of all workers at once.

import { setTimeout as wait } from "node:timers/promises";
import type { AttemptId, WorkerId } from "../../base/ids.ts";
import { ShoalError } from "../../errors.ts";
import type { ClusterConnection } from "./connection.ts";
import { isAttempt, isCount, isObject, isText, isUrl, isWorker } from "./frame-bodies.ts";
import { objectInBytes } from "./json.ts";
import { presentWorkers, sayGone } from "./present.ts";

export interface Home {
  readonly worker: WorkerId;
  readonly url: string;
}

/** A worker, as it tells of itself. */
export interface WorkerInfo {
  readonly worker: WorkerId;
  readonly version: string;
  readonly protocol: number;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  /** Slots that run a task. */
  readonly busy: number;
  /** Slots that take the calls of clients, besides. */
  readonly leased: number;
  /** How many of them there may be at a time, and slots that clients wait for. */
  readonly callSlots: number;
  readonly callsWaiting: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The run that it works on, or null; and what people call its job. */
  readonly run: string | null;
  readonly job?: string;
  /** Submitted jobs that it leads. */
  readonly leads?: readonly string[];
  readonly isDraining: boolean;
  readonly rssBytes: number;
  /** Seconds since it began. */
  readonly upSeconds: number;
  readonly url: string;
  /** Of the run that was asked about: attempts whose blocks are here, and their sizes. */
  readonly blocks?: readonly (readonly [AttemptId, number])[];
}

export interface WhoRequest {
  /** Whose blocks are asked about. */
  readonly run?: string;
}

const isBlock = (value: unknown): boolean => Array.isArray(value) && isAttempt(value[0]) && isCount(value[1]);

const counts = [
  "protocol",
  "pid",
  "slots",
  "busy",
  "leased",
  "callSlots",
  "callsWaiting",
  "rssBytes",
  "upSeconds",
];

/** Of another protocol, too: its first members are what every version tells. */
export const isInfo = (info: Readonly<Record<string, unknown>>): boolean =>
  isWorker(info["worker"]) &&
  isUrl(info["url"]) &&
  [info["version"], info["host"]].every(isText) &&
  counts.every((name) => isCount(info[name])) &&
  (info["run"] === null || isText(info["run"])) &&
  (info["job"] === undefined || isText(info["job"])) &&
  (info["leads"] === undefined || (Array.isArray(info["leads"]) && info["leads"].every(isText))) &&
  typeof info["isDraining"] === "boolean" &&
  isObject(info["labels"]) &&
  Object.values(info["labels"]).every(isText) &&
  (info["blocks"] === undefined || (Array.isArray(info["blocks"]) && info["blocks"].every(isBlock)));

const waitMs = 2000;
/** While somebody is missing: after the last answer for so long, no more are expected. */
const stallMs = 300;
const awayMs = 5000;
const againMs = 250;

/** All workers that answer, by number. Settles when all of which is known that they are there have. */
export async function askWorkers(
  connection: ClusterConnection,
  request: WhoRequest = {},
): Promise<WorkerInfo[]> {
  const missing = await presentWorkers(connection, stallMs);
  const infos: WorkerInfo[] = [];
  const times = { maxWaitMs: waitMs, stallMs };
  await connection.requestAll(connection.subjects.who, JSON.stringify(request), times, (bytes) => {
    const info = objectInBytes(bytes);
    if (info === null || !isInfo(info)) return false;
    infos.push(info as unknown as WorkerInfo);
    missing?.delete(info["worker"] as string);
    return missing?.size === 0;
  });
  return infos.sort((a, b) => Number(a.worker.slice(1)) - Number(b.worker.slice(1)));
}

/** Whoever is said to be there and was silent when it was looked last, and is again, is gone. Owner of: who was silent. */
export class SilentWorkers {
  private readonly connection: ClusterConnection;
  private silent: ReadonlySet<string> = new Set();

  constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  async look(): Promise<void> {
    const silent = (await presentWorkers(this.connection, waitMs)) ?? new Set<string>();
    for (const { worker } of await askWorkers(this.connection)) silent.delete(worker);
    for (const worker of silent) {
      if (!this.silent.has(worker)) continue;
      await sayGone(this.connection, worker);
      silent.delete(worker);
    }
    this.silent = silent;
  }
}

/**
 * Asks until all of `wanted` is held by somebody, or for `awayMs`: a worker that has just been killed holds its blocks again
 * as soon as another process is in its place, and one whose NATS server has died is back in a moment.
 */
export async function askHolders(
  connection: ClusterConnection,
  run: string,
  wanted: ReadonlySet<AttemptId>,
): Promise<{ readonly sizes: Map<AttemptId, number>; readonly homes: Map<AttemptId, Home> }> {
  const sizes = new Map<AttemptId, number>();
  const homes = new Map<AttemptId, Home>();
  const until = performance.now() + awayMs;
  for (;;) {
    for (const { worker, url, blocks } of await askWorkers(connection, { run })) {
      for (const [attempt, bytes] of blocks ?? []) {
        sizes.set(attempt, bytes);
        homes.set(attempt, { worker, url });
      }
    }
    if (performance.now() >= until || [...wanted].every((attempt) => sizes.has(attempt))) break;
    await wait(againMs);
  }
  return { sizes, homes };
}

/** WORKER_UNKNOWN if none of that id answers. */
export async function askToDrain(connection: ClusterConnection, worker: string): Promise<void> {
  const known = (await askWorkers(connection)).map((info) => info.worker as string);
  if (!known.includes(worker)) {
    throw new ShoalError("WORKER_UNKNOWN", `no worker ${JSON.stringify(worker)} answers`, {
      details: { received: worker, known },
      ...(known.length === 0 ? {} : { hint: `These do: ${known.join(", ")}.` }),
    });
  }
  await connection.request(connection.subjects.worker(worker), JSON.stringify({ kind: "drain" }), waitMs);
}
