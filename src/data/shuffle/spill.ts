// Sorted runs on disk, of one task and for it alone: written when the memory budget is used up, merged once, gone.
//
// The file has no name while it is in use (it is deleted as soon as it is open), so that nothing is left over however
// the task ends. A run is blocks (block.ts) in the order of their keys.

import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ShoalError } from "../../errors.ts";
import type { Meter } from "../contract.ts";
import type { HeldKey, KeyForm } from "../keys/key.ts";
import { readBlock, writeBlock, type Batch, type ValueKind } from "./block.ts";
import { writeAll, wrapDisk } from "./block-file.ts";
import { ByteWriter, DamagedError } from "./bytes.ts";
import type { RunSource } from "./merge.ts";

const chunkBytes = 1 << 20;

export interface SpilledRun {
  readonly id: number;
  readonly offsets: number[];
  readonly lengths: number[];
}

export class SpillFile {
  private readonly fd: number;
  private readonly label: string;
  private readonly meter: Meter;
  private readonly encoder = new ByteWriter(chunkBytes + (chunkBytes >> 2));
  private written = 0;
  private lastRun = -1;
  private isClosed = false;

  /** `name` is for people who see the file in a listing. */
  constructor(scratch: string, name: string, meter: Meter) {
    this.meter = meter;
    this.label = join(scratch, name);
    // The directory makes the name unique: two attempts of one task may run at the same time.
    const directory = wrapDisk(this.label, () => mkdtempSync(`${this.label}-`));
    try {
      this.fd = wrapDisk(this.label, () => openSync(join(directory, "spill"), "wx+"));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  newRun(): SpilledRun {
    return { id: ++this.lastRun, offsets: [], lengths: [] };
  }

  add(
    run: SpilledRun,
    form: KeyForm,
    keys: readonly HeldKey[],
    values: readonly unknown[],
    kind: ValueKind,
  ): void {
    run.offsets.push(this.written + this.encoder.length);
    run.lengths.push(writeBlock(this.encoder, { partition: 0, window: run.id }, form, keys, values, kind));
    if (this.encoder.length >= chunkBytes) this.flush();
  }

  /** Writes what is held in memory: to be called at the end of a run. */
  flush(): void {
    const bytes = this.encoder.view();
    writeAll(this.fd, bytes, this.label);
    this.written += bytes.length;
    this.meter.spilledBytes += bytes.length;
    this.encoder.length = 0;
  }

  source(run: SpilledRun): RunSource {
    let next = 0;
    return {
      next: () => (next < run.offsets.length ? this.readAt(run, next++) : null),
      close() {},
    };
  }

  private readAt(run: SpilledRun, i: number): Batch {
    const length = run.lengths[i]!;
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      const since = performance.now();
      for (let at = 0; at < length;) {
        const n = readSync(this.fd, bytes, at, length - at, run.offsets[i]! + at);
        if (n === 0) throw new DamagedError("it ends too early");
        at += n;
      }
      this.meter.waitMs += performance.now() - since;
      return readBlock(bytes, { partition: 0, window: run.id });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ShoalError("SCRATCH_FAILED", `a spill file cannot be read back (${this.label}): ${reason}`, {
        cause: error,
      });
    }
  }

  /** Frees the disk space. Idempotent, never throws. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      closeSync(this.fd);
    } catch {
      // nothing is lost: the file has no name, and the process's end closes it
    }
  }
}
