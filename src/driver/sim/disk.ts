// A simulated disk: files by name, each with what it says, its checksum, and whether it is whole and durable. What
// happens to real files happens to these: half written at a crash, torn or gone after a power failure, bits flipped.
//
// Owner of: its files.

import { below, nextU32, type Rng } from "../../base/rng.ts";
import type { AttemptId } from "../../base/ids.ts";

export interface SimFile {
  /** Who wrote it: its provenance. */
  readonly attempt: AttemptId;
  value: number;
  sum: number;
  isDurable: boolean;
}

/** What a writer puts behind its value, and a reader compares. */
export const checksum = (value: number): number => Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0;

export class Disk {
  isFull = false;
  private readonly files = new Map<string, SimFile>();

  get size(): number {
    return this.files.size;
  }

  names(): IterableIterator<string> {
    return this.files.keys();
  }

  get(name: string): SimFile | undefined {
    return this.files.get(name);
  }

  /** Begins to write: until it is finished the file holds half of what it will. False if the disk is full. */
  begin(name: string, attempt: AttemptId): boolean {
    if (this.isFull) return false;
    this.files.set(name, { attempt, value: 0xdead, sum: 0, isDurable: false });
    return true;
  }

  /** Finishes the file, whoever began it. `isDurable`: it is on the platter before this returns. */
  finish(name: string, attempt: AttemptId, value: number, isDurable: boolean): boolean {
    if (this.isFull) return false;
    this.files.set(name, { attempt, value, sum: checksum(value), isDurable });
    return true;
  }

  /** Gone; nothing if it is not there. */
  delete(name: string): void {
    this.files.delete(name);
  }

  deleteAll(prefix: string): void {
    for (const name of this.files.keys()) if (name.startsWith(prefix)) this.files.delete(name);
  }

  /** Deletes all but these. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.files.keys()) if (!names.has(name)) this.files.delete(name);
  }

  /** Power fails: of what is not durable some is there, some is torn, some is gone. */
  failPower(random: Rng): void {
    for (const [name, file] of this.files) {
      if (file.isDurable) continue;
      const pick = below(random, 3);
      if (pick === 0) this.files.delete(name);
      if (pick === 1) file.value = nextU32(random);
    }
  }

  /** Somebody deletes a file. */
  loseOne(random: Rng): void {
    if (this.files.size > 0) this.files.delete([...this.files.keys()][below(random, this.files.size)]!);
  }

  /** One bit of one file, if there is a file. */
  flipBit(random: Rng): string | null {
    if (this.files.size === 0) return null;
    const name = [...this.files.keys()][below(random, this.files.size)]!;
    const file = this.files.get(name)!;
    file.value = (file.value ^ (1 << below(random, 32))) >>> 0;
    return name;
  }
}
