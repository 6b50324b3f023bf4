// One holder per state directory.
//
//   .shoal/lock/<n>.json    the highest n is the lock: held while its process lives, free when it is released or dead
//
// To take the lock is to make file n + 1 where file n is free, by link(2), which fails if the name exists: of all that
// saw file n free, one gets it. A stale lock is therefore never deleted to be taken, which is where two get in (A and B
// see it dead; A deletes it and takes it; B deletes A's). Who took n + 1 looks again whether it is the highest, since
// one who looked long ago may come with a number that was cleaned away meanwhile.
//
// Invariants
//   S1  A lock file is written whole before it gets its name, and changed only by its holder, by rename.
//   S2  The file with the highest number is never deleted, so that numbers only grow.

import { createHash } from "node:crypto";
import { link, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../errors.ts";
import { makeDirectories, syncDirectory, writeSynced, writeWhole } from "./durable.ts";
import { identityIn, livenessOf, thisProcess, type ProcessIdentity } from "./process.ts";

export interface StateLock {
  /** Lets others in. Idempotent; never throws: a lock that cannot be released is free when the process ends. */
  release(): Promise<void>;
}

const takesMax = 100;
let drafts = 0;

/** Takes the lock of the state directory `state`, making both if needed. STATE_LOCKED names the holder. */
export async function lockState(state: string): Promise<StateLock> {
  const directory = join(state, "lock");
  const draft = join(directory, draftName(process.pid, ++drafts));
  try {
    await makeDirectories(directory);
    await writeSynced(draft, JSON.stringify(thisProcess()));
    for (let take = 0; take < takesMax; take++) {
      const lock = await tryToTake(state, directory, draft);
      if (lock !== null) return lock;
    }
    throw new ShoalError(
      "STATE_LOCKED",
      `the state directory ${state} changed hands ${takesMax} times in a moment`,
    );
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    const reason = (cause as Error).message;
    throw new ShoalError("SCRATCH_FAILED", `cannot lock the state directory ${state}: ${reason}`, { cause });
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}

/** Null: another was quicker; look again. */
async function tryToTake(state: string, directory: string, draft: string): Promise<StateLock | null> {
  const highest = await highestIn(directory);
  if (highest > 0) {
    const holder = await holderOf(fileOf(directory, highest));
    if (holder === "gone") return null;
    if (holder !== "free" && livenessOf(holder) !== "dead")
      throw locked(state, holder, fileOf(directory, highest));
  }
  const mine = highest + 1;
  const file = fileOf(directory, mine);
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return null;
    throw error;
  }
  if ((await highestIn(directory)) !== mine) {
    await rm(file, { force: true });
    return null;
  }
  await syncDirectory(directory);
  await clean(directory, mine);
  return new HeldLock(file);
}

class HeldLock implements StateLock {
  private readonly file: string;
  private isHeld = true;

  constructor(file: string) {
    this.file = file;
  }

  async release(): Promise<void> {
    if (!this.isHeld) return;
    this.isHeld = false;
    await writeWhole(this.file, JSON.stringify({ released: true })).catch(() => {});
  }
}

const fileOf = (directory: string, n: number): string => join(directory, `${n}.json`);

async function highestIn(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map((name) => Number(/^(\d+)\.json$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

async function holderOf(file: string): Promise<ProcessIdentity | "free" | "gone"> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
    throw error;
  }
  try {
    return identityIn(JSON.parse(text)) ?? "free";
  } catch {
    return "free"; // not ours (S1), or damaged by a crash of the machine: nobody who lives wrote it
  }
}

/** Deletes numbers before the holder's, with their drafts, and drafts of processes that are gone. */
async function clean(directory: string, holder: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const number = Number(/^(\d+)\.json(?:\.\d+\.draft)?$/.exec(name)?.[1] ?? Infinity);
    const isDraft = name.startsWith("draft-") || name.endsWith(".draft");
    const isStale = number < holder || (isDraft && (await isAbandoned(directory, name)));
    if (isStale) await rm(join(directory, name), { force: true }).catch(() => {});
  }
}

async function isAbandoned(directory: string, draft: string): Promise<boolean> {
  const holder = await holderOf(join(directory, draft));
  if (typeof holder !== "string") return livenessOf(holder) === "dead";
  // Killed between its making and its writing: then only the name tells whose it is.
  const [, pid, tag] = /^draft-(\d+)-\d+-([0-9a-f]+)$/.exec(draft) ?? [];
  return tag === machineTag() && livenessOf({ ...thisProcess(), pid: Number(pid), started: null }) === "dead";
}

/** What a process writes its identity to, before that gets the lock's name. */
export const draftName = (pid: number, n: number): string => `draft-${pid}-${n}-${machineTag()}`;

/** This machine since it was started: where numbers of processes mean something. */
function machineTag(): string {
  const { host, boot } = thisProcess();
  return createHash("sha256").update(`${host} ${boot}`).digest("hex").slice(0, 12);
}

function locked(state: string, holder: ProcessIdentity, file: string): ShoalError {
  const { pid, host, since } = holder;
  const details = { state, pid, host, since };
  if (livenessOf(holder) !== "unknown") {
    return new ShoalError(
      "STATE_LOCKED",
      `the state directory ${state} is in use by process ${pid} since ${since}`,
      { details },
    );
  }
  return new ShoalError(
    "STATE_LOCKED",
    `the state directory ${state} is in use by process ${pid} on ${host} since ${since}`,
    {
      details,
      hint: `Wait for it, use another --state directory, or delete ${file} if that machine is gone for good.`,
    },
  );
}
