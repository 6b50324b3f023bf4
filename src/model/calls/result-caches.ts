// The result caches of this process, one for each state directory, opened when a memoized function first needs it and
// open until the process ends.
//
// Only the program itself opens one. A thread that is ended from outside while LMDB writes would take the process with
// it: so slots ask the program, and worker threads of the program's own do without.
//
// Owner of: the open caches; the calls under way whose results they will get.

import path from "node:path";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { ResultCache } from "../../store/result-cache.ts";
import { Flights } from "./flights.ts";

const bytesMaxDefault = 2 ** 30;

export interface SharedCache {
  readonly results: ResultCache;
  readonly flights: Flights;
}

interface Place {
  readonly opening: Promise<SharedCache | null>;
  /** The largest that was asked for. */
  bytesMax: number | null;
}

const places = new Map<string, Place>();

/**
 * The cache of a state directory, bounded by the largest bound that was asked for. Null: there can be none here; a
 * warning has said so.
 */
export async function sharedCache(stateDir: string, bytesMax: number | null): Promise<SharedCache | null> {
  if (!isMainThread) return null;
  const directory = path.join(stateDir, "cache");
  const place = places.get(directory) ?? { opening: open(directory), bytesMax: null };
  places.set(directory, place);
  if (bytesMax !== null) place.bytesMax = Math.max(bytesMax, place.bytesMax ?? 0);
  const opened = await place.opening;
  opened?.results.setBound(place.bytesMax ?? bytesMaxDefault);
  return opened;
}

/** A process that was stopped while it wrote would keep all others from writing. */
const settleMaxMs = 5000;

/** Settles when the results of this state directory are written, or it takes too long. */
export async function cacheSettled(stateDir: string): Promise<void> {
  const place = places.get(path.join(stateDir, "cache"));
  if (place === undefined) return;
  const settled = place.opening.then((opened) => opened?.results.settled());
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise((resolve) => (timer = setTimeout(resolve, settleMaxMs)));
  await Promise.race([settled, tooLong]).finally(() => clearTimeout(timer));
}

async function open(directory: string): Promise<SharedCache | null> {
  const onTrouble = (reason: string): void =>
    process.emitWarning(`results are not kept in ${directory}: ${reason}`, {
      type: "ShoalWarning",
      code: "RESULT_CACHE",
      detail:
        "Memoized functions are called each time. Check the disk, or delete the directory: it is only a cache.",
    });
  try {
    const results = await ResultCache.open({
      directory,
      bytesMax: bytesMaxDefault,
      now: () => Date.now(),
      onTrouble,
    });
    return { results, flights: new Flights() };
  } catch (error) {
    onTrouble(String(error));
    return null;
  }
}
