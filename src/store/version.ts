// The version of the state directory's format: `.shoal/version.json`. State of a newer version is refused, of an older
// one is migrated, step by step.

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../errors.ts";
import { makeDirectories, writeWhole } from "./durable.ts";

/** Step i takes the state from format i to i + 1. Format 0 is a directory without a version. */
const migrations: readonly ((state: string) => Promise<void>)[] = [
  async () => {},
  // scratch files are in jobs/ now; those of runs/ are of processes that are gone, since we hold the lock
  async (state) => await rm(join(state, "runs"), { recursive: true, force: true }),
];

export const stateFormat = migrations.length;

/**
 * Makes the state directory if needed and brings it to this version's format. To be called by the holder of its lock.
 * STATE_NEWER; SCRATCH_FAILED if it cannot be read or written.
 */
export async function openState(state: string): Promise<void> {
  const file = join(state, "version.json");
  const found = await formatIn(file);
  if (found > stateFormat) {
    throw new ShoalError(
      "STATE_NEWER",
      `the state in ${state} has format ${found}; this version of shoal knows formats up to ${stateFormat}`,
      { details: { state, found, known: stateFormat } },
    );
  }
  if (found === stateFormat) return;
  try {
    await makeDirectories(state);
    // of a process that died right here
    const drafts = (await readdir(state)).filter((name) => /^version\.json\.\d+\.draft$/.test(name));
    for (const name of drafts) await rm(join(state, name), { force: true });
    for (const migrate of migrations.slice(found)) await migrate(state);
    await writeWhole(file, `${JSON.stringify({ format: stateFormat })}\n`);
  } catch (cause) {
    throw new ShoalError("SCRATCH_FAILED", `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function formatIn(file: string): Promise<number> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw new ShoalError("SCRATCH_FAILED", `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    const { format } = JSON.parse(text) as { format?: unknown };
    if (Number.isSafeInteger(format) && (format as number) >= 0) return format as number;
  } catch {
    // told below: the file is written whole or not at all, so that damage is not ours to guess about
  }
  const received = JSON.stringify(text.slice(0, 100));
  throw new ShoalError(
    "SCRATCH_FAILED",
    `${file} is damaged: expected {"format": ${stateFormat}}, received ${received}`,
    { hint: "Delete the state directory (outputs are elsewhere), or use another --state directory." },
  );
}
