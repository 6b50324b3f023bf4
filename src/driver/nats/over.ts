// Which runs have succeeded: so that workers delete their blocks, which nobody will ask for again. Whoever takes part in a run
// is told by its coordinator; this is for those that were away when it ended, or whose blocks were all that it needed.
//
// A key of the bucket has the last of them. What is not heard of in time is deleted when it is old (agent.ts).

import type { ClusterConnection } from "./connection.ts";
import { isRunId } from "./json.ts";
import { within } from "./within.ts";

const key = "over";
const runsMax = 200;
/** The job has succeeded all the same: so long its end waits for this, and not longer. */
const tellMs = 5000;

const parse = (text: string): string[] => {
  try {
    const runs = JSON.parse(text) as unknown;
    return Array.isArray(runs) ? runs.filter(isRunId) : [];
  } catch {
    return []; // not ours: the next one that tells writes it anew
  }
};

/** Settles when it is known, or it has taken too long. */
export async function tellOver(connection: ClusterConnection, run: string): Promise<void> {
  const told = (async () => {
    for (;;) {
      const found = await connection.getKey(key);
      const runs = [run, ...parse(found?.text ?? "[]").filter((other) => other !== run)];
      const text = JSON.stringify(runs.slice(0, runsMax));
      if ((await connection.setKey(key, text, found?.revision ?? null)) !== null) return;
    }
  })().catch(() => {}); // they are deleted when they are old
  await within(tellMs, told);
}

/** Tells of all runs that are known to be over, now and whenever there are more. Returns how to end it. */
export async function watchOver(
  connection: ClusterConnection,
  tell: (runs: readonly string[]) => void,
): Promise<() => void> {
  return await connection.watchKeys(key, (_key, text) => tell(text === null ? [] : parse(text)));
}
