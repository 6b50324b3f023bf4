// Pieces of objects on this machine's disk, so that what is read again is not fetched again. A piece is named by its
// object's ETag: an object that has changed is another one. Bounded: the pieces that were used longest ago go first.
//
// Each file is the piece and its checksum; one that is damaged, or cut off, is fetched anew.

import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { crc32 } from "node:zlib";

const defaultBytes = 4 * 2 ** 30;
const checksumBytes = 4;
/** Pieces that one process writes before it looks how many there are. */
const sweepEvery = 64;

type Env = Readonly<Record<string, string | undefined>>;

export class ObjectCache {
  private readonly directory: string;
  private readonly bytesMax: number;
  private written = 0;

  /** SHOAL_CACHE is its directory, SHOAL_CACHE_BYTES its bound (0: none is kept). */
  static ofMachine(env: Env = process.env): ObjectCache {
    const home = env["XDG_CACHE_HOME"] || path.join(homedir(), ".cache");
    const bytes = Number(env["SHOAL_CACHE_BYTES"] ?? defaultBytes);
    return new ObjectCache(
      env["SHOAL_CACHE"] || path.join(home, "shoal", "objects"),
      bytes >= 0 ? bytes : defaultBytes,
    );
  }

  constructor(directory: string, bytesMax: number) {
    this.directory = directory;
    this.bytesMax = bytesMax;
  }

  /** The piece of that name with that many bytes; null: it is not here, or not whole. */
  find(name: string, bytes: number): Buffer | null {
    if (this.bytesMax === 0) return null;
    const file = this.fileOf(name);
    let kept: Buffer;
    try {
      kept = readFileSync(file);
    } catch {
      return null;
    }
    const piece = kept.subarray(0, bytes);
    if (kept.length !== bytes + checksumBytes || crc32(piece) !== kept.readUInt32LE(bytes)) {
      forget(file);
      return null;
    }
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // another process has just deleted it
    }
    return piece;
  }

  /** Never throws: a disk that is full costs time, no more. */
  keep(name: string, piece: Buffer): void {
    if (this.bytesMax === 0) return;
    const checksum = Buffer.alloc(checksumBytes);
    checksum.writeUInt32LE(crc32(piece));
    const file = this.fileOf(name);
    const draft = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}.draft`;
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      if (this.written++ % sweepEvery === 0) this.sweep();
      writeFileSync(draft, Buffer.concat([piece, checksum]), { mode: 0o600 });
      renameSync(draft, file);
    } catch {
      forget(draft);
    }
  }

  /** The digests (pieceDigest) of what is here, as far as files' names tell. */
  digests(): Uint32Array {
    if (this.bytesMax === 0) return new Uint32Array();
    const found: number[] = [];
    for (const folder of namesIn(this.directory)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of namesIn(path.join(this.directory, folder)))
        if (/^[0-9a-f]{32}$/.test(name)) found.push(parseInt(folder + name.slice(0, 6), 16));
    }
    return Uint32Array.from(found);
  }

  private fileOf(name: string): string {
    const hash = hashOf(name);
    return path.join(this.directory, hash.slice(0, 2), hash.slice(2, 34));
  }

  private sweep(): void {
    const files: { file: string; bytes: number; usedAt: number }[] = [];
    for (const folder of readdirSync(this.directory)) {
      for (const name of readdirSync(path.join(this.directory, folder))) {
        const file = path.join(this.directory, folder, name);
        const stats = statSync(file, { throwIfNoEntry: false });
        if (stats !== undefined) files.push({ file, bytes: stats.size, usedAt: stats.mtimeMs });
      }
    }
    let bytes = files.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes <= this.bytesMax) return;
    files.sort((a, b) => a.usedAt - b.usedAt);
    for (const one of files) {
      if (bytes <= this.bytesMax * 0.9) return;
      forget(one.file);
      bytes -= one.bytes;
    }
  }
}

const hashOf = (name: string): string => createHash("sha256").update(name).digest("hex");

/** Stands for a piece's name where it is told that a machine has it: two in a few thousand million are the same. */
export const pieceDigest = (name: string): number => parseInt(hashOf(name).slice(0, 8), 16);

/** None of a folder that is not there, or has just been deleted. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function forget(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // it goes with a later sweep, or is not there at all
  }
}
