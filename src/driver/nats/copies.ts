// What a worker's machine has kept of a job's input: told by the worker in one text, and what that means for tasks.
//
// A worker tells all that it has, as digests of 32 bits; that one of them stands for another piece by chance costs a task
// that goes to where nothing of it is, no more. Owner of: which task reads which piece.

import type { TaskNumber } from "../../base/ids.ts";
import type { ObjectCache } from "../../store/objects/cache.ts";
import type { DriverJob } from "../driver.ts";

/** Pieces of a job's input that are looked for. Of larger inputs only the first are. */
const piecesMax = 1_000_000;
/** Digests in one text. A machine keeps some thousands of pieces, unless it is told to keep more. */
const digestsMax = 262_144;

export const copiesText = (cache: ObjectCache): string => textOf(cache.digests());

export function textOf(digests: Uint32Array): string {
  const { buffer, byteOffset, length } = digests.subarray(0, digestsMax);
  return Buffer.from(buffer, byteOffset, length * 4).toString("base64");
}

export class Copies {
  private readonly readers = new Map<number, [task: TaskNumber, bytes: number][]>();

  /** Null: the job reads no objects. */
  static of(job: DriverJob): Copies | null {
    return job.pieces === undefined ? null : new Copies(job);
  }

  private constructor({ spec, pieces }: DriverJob) {
    let first: TaskNumber = 0;
    let count = 0;
    for (const [stage, { tasks }] of spec.stages.entries()) {
      for (let index = 0; index < tasks && count < piecesMax; index++) {
        for (const { digest, bytes } of pieces!(stage, index)) {
          count++;
          const readers = this.readers.get(digest) ?? [];
          this.readers.set(digest, readers);
          readers.push([first + index, bytes]);
        }
      }
      first += tasks;
    }
  }

  /** By the worker's text: the tasks that read some of it, and how many bytes, by number. */
  heldBy(text: string): [TaskNumber, number][] {
    const bytes = Buffer.from(text, "base64");
    const held = new Map<TaskNumber, number>();
    for (let at = 0; at + 4 <= bytes.length && at < 4 * digestsMax; at += 4) {
      for (const [task, length] of this.readers.get(bytes.readUInt32LE(at)) ?? [])
        held.set(task, (held.get(task) ?? 0) + length);
    }
    return [...held].sort(([a], [b]) => a - b);
  }
}
