// Reading blocks from the workers that hold them: one request to each, asked again when no answer comes in time. What
// is not there, is damaged, or cannot be reached in the end is lost, as far as the reader can tell.
//
// Not here: what a loss means (the coordinator). Owner of nothing.

import type { AttemptId, WorkerId } from "../../base/ids.ts";
import type { OutputLocation } from "../../core/types.ts";
import { checksum, type Disk, type SimFile } from "./disk.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";

export const fetchTries = 3;

/** A worker's blocks, as others get at them. */
export interface Holder {
  readonly machine: number;
  readonly process: SimProcess;
  /** Null: this worker is no more, or has no such file. */
  read(attempt: AttemptId): SimFile | null;
}

export interface Fetching {
  readonly machine: number;
  readonly process: SimProcess;
  readonly network: Network;
  readonly timeoutMs: number;
  /** Kept output is here, whoever made it. */
  readonly store: Disk;
  /** Null: there is no such worker any more, so nobody answers. */
  holder(worker: WorkerId): Holder | null;
}

type Answer = ReadonlyMap<AttemptId, SimFile | null>;
type Done = (values: ReadonlyMap<AttemptId, number>, lost: readonly AttemptId[]) => void;

export function fetchBlocks(reader: Fetching, from: readonly OutputLocation[], done: Done): void {
  const byWorker = new Map<WorkerId, AttemptId[]>();
  const values = new Map<AttemptId, number>();
  const lost: AttemptId[] = [];
  const take = (attempt: AttemptId, file: SimFile | null): void => {
    if (file === null || !isSound(file)) lost.push(attempt);
    else values.set(attempt, file.value);
  };
  for (const { attempt, worker } of from) {
    const kept = reader.store.get(attempt);
    if (kept !== undefined) take(attempt, kept);
    else byWorker.set(worker, [...(byWorker.get(worker) ?? []), attempt]);
  }
  let missing = byWorker.size;
  if (missing === 0) return done(values, lost);
  for (const [worker, attempts] of byWorker) {
    ask(reader, worker, attempts, fetchTries, (answer) => {
      for (const attempt of attempts) take(attempt, answer.get(attempt) ?? null);
      if (--missing === 0) done(values, lost);
    });
  }
}

/** Its checksum is that of what it says. */
export const isSound = (file: SimFile): boolean => file.sum === checksum(file.value);

function ask(
  reader: Fetching,
  worker: WorkerId,
  attempts: readonly AttemptId[],
  tries: number,
  answered: (answer: Answer) => void,
): void {
  if (tries === 0) return answered(new Map());
  let isOver = false;
  const withdraw = reader.process.after(reader.timeoutMs, () => {
    isOver = true;
    ask(reader, worker, attempts, tries - 1, answered);
  });
  const holder = reader.holder(worker);
  if (holder === null) return;
  const arrive = (answer: Answer): void => {
    if (isOver) return;
    isOver = true;
    withdraw();
    answered(answer);
  };
  reader.network.send({
    from: reader.machine,
    to: holder.machine,
    kind: "fetch",
    arrive: () =>
      holder.process.enter(() => {
        const answer: Answer = new Map(attempts.map((attempt) => [attempt, copy(holder.read(attempt))]));
        reader.network.send({
          from: holder.machine,
          to: reader.machine,
          kind: "fetched",
          arrive: () => reader.process.enter(() => arrive(answer)),
        });
      }),
  });
}

/** What was sent stays as it was when it was sent. */
const copy = (file: SimFile | null): SimFile | null => (file === null ? null : { ...file });
