// What a cluster's server keeps of submitted jobs that are over, and for how long: their records, journals and values for
// a week and of at most a thousand, what runs handed over and left behind for a week, code that no kept job needs for a
// month after it was last shipped. The same rule as for the jobs of one machine (store/jobs-sweep.ts), by age and number.
//
// Whoever leads jobs sweeps: each worker looks from time to time, and sweeps if no other has since it looked last. Ages
// are days, of wall clocks of several machines: they need not agree better than that.

import type { ClusterConnection } from "../../driver/nats/connection.ts";
import { purgeJournal } from "../../driver/nats/journal-messages.ts";
import { SilentWorkers } from "../../driver/nats/held.ts";
import { toErrorData } from "../../errors.ts";
import { commandKey, isOver, jobKey, leaseKey, listRecords, valueName, type SubmittedJob } from "./record.ts";

export interface RetentionLimits {
  readonly ageMs: number;
  /** Jobs that are over. */
  readonly jobsMax: number;
  readonly bundleAgeMs: number;
}

const dayMs = 86_400_000;

export const defaultRetention: RetentionLimits = {
  ageMs: 7 * dayMs,
  jobsMax: 1000,
  bundleAgeMs: 30 * dayMs,
};

const everyMs = 600_000;
const sweptKey = "swept";

export interface Swept {
  /** Ids of jobs. */
  readonly jobs: readonly string[];
  /** Names of objects: results and bundles. */
  readonly objects: readonly string[];
}

/**
 * Deletes what is kept no longer. What dies in the middle of it is done again by the next: a job's record goes last.
 * `now`: Unix milliseconds.
 */
export async function sweepSubmitted(
  connection: ClusterConnection,
  now: number,
  { ageMs, jobsMax, bundleAgeMs }: RetentionLimits = defaultRetention,
): Promise<Swept> {
  const { results, bundles } = connection.subjects;
  const records = await listRecords(connection);
  const endOf = ({ endedAt, submittedAt }: SubmittedJob): number => endedAt ?? submittedAt;
  const over = records.filter(isOver).sort((a, b) => endOf(b) - endOf(a));
  const gone = over.filter((record, n) => n >= jobsMax || now - endOf(record) > ageMs);
  for (const { id, command } of gone) {
    await purgeJournal(connection, id);
    await connection.deleteObject(results, valueName(id));
    await connection.deleteKey(leaseKey(id));
    if ((await connection.getKey(commandKey(command)))?.text === id)
      await connection.deleteKey(commandKey(command));
    await connection.deleteKey(jobKey(id));
  }
  const isGone = new Set(gone.map(({ id }) => id));
  const kept = records.filter(({ id }) => !isGone.has(id));
  const values = new Set(kept.map(({ id }) => valueName(id)));
  const needed = new Set(kept.map(({ bundle }) => `${bundle}.mjs`));
  const objects: string[] = [];
  const sweep = async (
    store: string,
    limitMs: number,
    isNeeded: (name: string) => boolean,
  ): Promise<void> => {
    for (const { name, changedAt } of await connection.listObjects(store)) {
      if (isNeeded(name) || now - changedAt <= limitMs) continue;
      await connection.deleteObject(store, name);
      objects.push(name);
    }
  };
  await sweep(results, ageMs, (name) => values.has(name));
  // A map of sources goes when it is as old; without it stacks name the bundle's lines.
  await sweep(bundles, bundleAgeMs, (name) => needed.has(name));
  await connection.forgetDeletedKeys();
  return { jobs: gone.map(({ id }) => id), objects };
}

/** Whether it is this one's turn: nobody else has swept since it looked last. */
export class SweepTurn {
  private readonly connection: ClusterConnection;
  private seen: number | null | undefined;

  constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  /** Of two that look at the same moment, one gets it. */
  async take(): Promise<boolean> {
    const found = await this.connection.getKey(sweptKey);
    const revision = found?.revision ?? null;
    const isMine = this.seen === revision || revision === null;
    this.seen = revision;
    if (!isMine) return false;
    const text = String(Number(found?.text ?? 0) + 1);
    const taken = await this.connection.setKey(sweptKey, text, revision);
    if (taken !== null) this.seen = taken;
    return taken !== null;
  }
}

/** Looks for ever, at moments that no two workers share. Returns how to end it. */
export function sweepFromTimeToTime(
  connection: ClusterConnection,
  onNote: (line: string) => void,
): () => void {
  const turn = new SweepTurn(connection);
  const silent = new SilentWorkers(connection);
  let timer: NodeJS.Timeout | null = null;
  let isOver = false;
  const look = async (): Promise<void> => {
    try {
      if (!(await turn.take())) return;
      await silent.look();
      const { jobs } = await sweepSubmitted(connection, Date.now());
      if (jobs.length > 0) onNote(`swept ${jobs.length} submitted jobs that were over`);
    } catch (error) {
      if (!isOver) onNote(`submitted jobs that are over could not be swept: ${toErrorData(error).message}`);
    }
  };
  const wait = (): void => {
    if (isOver) return;
    timer = setTimeout(() => void look().then(wait), everyMs * (0.5 + Math.random())).unref();
  };
  wait();
  return () => {
    isOver = true;
    if (timer !== null) clearTimeout(timer);
  };
}
