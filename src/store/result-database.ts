// The file of the result cache: an LMDB database, several processes at once, found or made anew.
//
//   <directory>/results-<format>-<n>.mdb      the one with the highest n counts; others go when nobody looks
//
// A file that proves broken, by rehearsal (result-rehearsal.ts) or in use, is followed by the next number. Not here: what
// is in it (result-cache.ts).

import fs from "node:fs";
import path from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { isAsLeft, markAsLeft, Marker, rehearse } from "./result-rehearsal.ts";

/** Raised when the keys, the entries or the databases within the file mean something else. */
const format = 1;
const readersMax = 512;

export type Table = Database<Buffer, Buffer>;

export interface ResultDatabase {
  readonly file: string;
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly tables: readonly Table[];
  readonly marker: Marker;
}

/** Throws if the directory cannot be made or the database not be opened. */
export async function openDatabase(directory: string, names: readonly string[]): Promise<ResultDatabase> {
  fs.mkdirSync(directory, { recursive: true });
  const { open } = await import("lmdb");
  const file = await soundFile(directory, names);
  const isNew = isEmpty(file);
  const form = { encoding: "binary", keyEncoding: "binary" } as const;
  const root = open<Buffer, Buffer>({
    ...form,
    path: file,
    noSubdir: true,
    maxDbs: names.length + 1,
    maxReaders: readersMax,
    // Writes are gathered into batches by us. LMDB's own batches have promises that nobody gets to see, and an error
    // in one of them would end the process.
    eventTurnBatching: false,
  });
  const tables = names.map((name) => root.openDB<Buffer, Buffer>({ ...form, name }));
  removeOthers(directory, file);
  return { file, root, tables, marker: new Marker(file, isNew) };
}

async function soundFile(directory: string, names: readonly string[]): Promise<string> {
  const file = currentFile(directory);
  if (isEmpty(file) || isAsLeft(file)) return file;
  if (!(await rehearse(file, names))) {
    abandon(file);
    return currentFile(directory);
  }
  markAsLeft(file);
  return file;
}

/** The next process finds another file instead of this one, an empty one. */
export function abandon(file: string): void {
  const { directory, number } = place(file);
  fs.writeFileSync(fileOf(directory, number + 1), "", { flag: "a" });
}

const fileOf = (directory: string, number: number): string =>
  path.join(directory, `results-${format}-${number}.mdb`);
const namePattern = /^results-(\d+)-(\d+)\.mdb(-lock|-mark)?$/;

function place(file: string): { directory: string; number: number } {
  return { directory: path.dirname(file), number: Number(namePattern.exec(path.basename(file))![2]) };
}

/** What openDatabase would open. */
export function currentFile(directory: string): string {
  const numbers = fs.readdirSync(directory).flatMap((name) => {
    const match = namePattern.exec(name);
    return Number(match?.[1]) === format && match?.[3] === undefined ? [Number(match?.[2])] : [];
  });
  return fileOf(directory, Math.max(0, ...numbers));
}

/** Files of older formats, and those that were abandoned. Another process may have one open: to it, it stays. */
function removeOthers(directory: string, file: string): void {
  const { number } = place(file);
  for (const name of fs.readdirSync(directory)) {
    const match = namePattern.exec(name);
    const isOld =
      Number(match?.[1]) < format || (Number(match?.[1]) === format && Number(match?.[2]) < number);
    if (isOld) fs.rmSync(path.join(directory, name), { force: true });
  }
}

const isEmpty = (file: string): boolean => (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
