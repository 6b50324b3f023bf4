// Whether LMDB can be let at a file. It maps the file and trusts its pages: one that is cut short, is something else, or is
// damaged in its structure can end the process, this time and every time. So a file that is not as LMDB left it is tried
// out first, by a process that may die.
//
// How LMDB left it is in a mark beside it: size and time of the last change. Who writes renews the mark now and then, and
// at its end; who was killed meanwhile costs the next one the rehearsal (some 100 ms, more for a large cache).
//
// Not here: damaged entries (result-entry.ts).

import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

const rehearsalMaxMs = 10_000;
const markPeriodMs = 1000;

const markOf = (file: string): string => `${file}-mark`;

function stateOf(file: string): string | null {
  const stats = fs.statSync(file, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? null : `${stats.ino} ${stats.size} ${stats.mtimeNs}\n`;
}

/** Whether the file is as it was marked. */
export function isAsLeft(file: string): boolean {
  try {
    return fs.readFileSync(markOf(file), "utf8") === stateOf(file);
  } catch {
    return false; // No mark, or none that can be read: as if it said something else.
  }
}

export function markAsLeft(file: string): void {
  try {
    const state = stateOf(file);
    if (state !== null) fs.writeFileSync(markOf(file), state);
  } catch {
    // Then the next process has its rehearsal.
  }
}

/** What the other process does: reads all there is, and takes all of it out and puts something in, which is not kept. */
const rehearsal = `
  const { open, ABORT } = require(process.argv[1]);
  const names = JSON.parse(process.argv[3]);
  const form = { encoding: "binary", keyEncoding: "binary" };
  const root = open({ ...form, path: process.argv[2], noSubdir: true, maxDbs: names.length + 1 });
  const tables = names.map((name) => root.openDB({ ...form, name }));
  for (const table of tables) {
    // Others may write meanwhile; but what goes round in a circle has no end.
    let left = 2 * table.getStats().entryCount + 1e6;
    for (const { value } of table.getRange({})) if (!(value.length >= 0) || --left < 0) process.exit(1);
  }
  root.transactionSync(() => {
    for (const table of tables) table.clearSync();
    for (let n = 0; n < 1000; n++) tables[n % tables.length].put(Buffer.from("rehearsal " + n), Buffer.alloc(n * 10));
    return ABORT;
  });
  process.exit(0);
`;

/** Whether LMDB comes through with the file. Throws where there can be no other process. */
export async function rehearse(file: string, names: readonly string[]): Promise<boolean> {
  const lmdb = createRequire(import.meta.url).resolve("lmdb");
  const child = spawn(process.execPath, ["-e", rehearsal, lmdb, file, JSON.stringify(names)], {
    stdio: "ignore",
    timeout: rehearsalMaxMs,
    killSignal: "SIGKILL",
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
}

/** Renews the mark of a file that this process writes. */
export class Marker {
  private readonly file: string;
  private markedAt = -Infinity;
  private hasWritten: boolean;

  constructor(file: string, isNew: boolean) {
    this.file = file;
    this.hasWritten = isNew;
    if (markers.size === 0) process.on("exit", markAll);
    markers.add(this);
  }

  /** To be called when what was written is on disk. */
  written(): void {
    this.hasWritten = true;
    if (performance.now() - this.markedAt >= markPeriodMs) this.mark();
  }

  close(): void {
    markers.delete(this);
    if (markers.size === 0) process.off("exit", markAll);
    if (this.hasWritten) this.mark();
  }

  private mark(): void {
    this.markedAt = performance.now();
    markAsLeft(this.file);
  }
}

const markers = new Set<Marker>();
const markAll = (): void => {
  for (const marker of markers) marker.close();
};
