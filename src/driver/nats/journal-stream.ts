// The journal of a submitted job in a stream of the cluster, beside its segments on the disk of whoever leads the job:
// what is written to a segment is also appended to the stream, in order, and is durable when the stream has it. Another
// leader makes the segments again from the stream, and goes on where they end.
//
// Each append names the message before it. So when another leader has appended, this one's next append fails, and with
// it its journal, and with that the job here: that is the fence.
//
// Owner of: the number of the last message, what waits to be appended.

import { appendFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { SegmentFile } from "../../store/journal/journal.ts";
import type { ClusterConnection } from "./connection.ts";
import { appendJournal, readJournal } from "./journal-messages.ts";

/** In the place of a segment: nothing is appended but the right to append. */
const claim = "claim";

/** A job's key, and the name of a segment (store/journal). */
const segmentPattern = /^[\w-]{1,100}\/journal\/journal-\d{6,12}\.log$/;

interface Waiting {
  readonly segment: string;
  readonly chunks: Buffer[];
}

export class JournalStream {
  private readonly connection: ClusterConnection;
  private readonly job: string;
  private readonly epoch: number;
  private last = 0;
  private appended = 0;
  /** Of what was written at once, those that were read. */
  private pieces: Uint8Array[] = [];
  private waiting: Waiting[] = [];
  private appending: Promise<void> | null = null;
  private broken: Error | null = null;
  private readonly onBroken: (error: Error) => void;

  /** `onBroken` is told once: this process may lead the job no more. */
  constructor(connection: ClusterConnection, job: string, epoch: number, onBroken: (error: Error) => void) {
    this.onBroken = onBroken;
    this.connection = connection;
    this.job = job;
    this.epoch = epoch;
  }

  /**
   * Writes what the stream has to files below `directory`. Returns how many messages there were. What was written at once
   * and is not there as a whole was not appended: its leader died in the middle of it.
   */
  async restore(directory: string): Promise<number> {
    let count = 0;
    for await (const { seq, segment, place, bytes } of readJournal(
      this.connection,
      this.job,
      this.last + 1,
    )) {
      const [part, of] = place.split("/").map(Number) as [number, number];
      if (part === 1) this.pieces = [];
      this.pieces.push(bytes);
      this.last = seq;
      count++;
      if (part !== of || this.pieces.length !== of || segment === claim) continue;
      if (!segmentPattern.test(segment)) continue; // nothing that a journal of ours has
      const file = path.join(directory, segment);
      mkdirSync(path.dirname(file), { recursive: true });
      appendFileSync(file, Buffer.concat(this.pieces));
    }
    return count;
  }

  /**
   * As restore, and from here on this process is the only one that can append. Whoever led the job before may be alive,
   * and have appended meanwhile: what it did counts, too.
   */
  async takeOver(directory: string): Promise<void> {
    for (;;) {
      await this.restore(directory);
      const id = `${this.job}-${this.epoch}-${++this.appended}`;
      const message = { id, segment: claim, place: "1/1", bytes: new Uint8Array() };
      const seq = await appendJournal(this.connection, this.job, this.last, message);
      if (seq === null) continue;
      this.last = seq;
      return;
    }
  }

  /** A segment's file whose bytes go to the stream, too. `directory`: what their names there are relative to. */
  file(local: SegmentFile, file: string, directory: string): SegmentFile {
    const segment = path.relative(directory, file);
    return {
      write: (bytes) => {
        const written = local.write(bytes);
        this.append(segment, Buffer.from(bytes.subarray(0, written)));
        return written;
      },
      sync: async () => {
        await local.sync();
        await this.flushed();
      },
      // Between two segments: the stream keeps the order, and the next sync waits for all of it.
      syncNow: () => local.syncNow(),
      close: () => local.close(),
    };
  }

  private append(segment: string, bytes: Buffer): void {
    const last = this.waiting.at(-1);
    if (last?.segment === segment) last.chunks.push(bytes);
    else this.waiting.push({ segment, chunks: [bytes] });
  }

  /** Settles when the stream has all that was written by now. */
  private async flushed(): Promise<void> {
    while (this.waiting.length > 0 || this.appending !== null) {
      this.appending ??= this.appendAll().finally(() => (this.appending = null));
      await this.appending;
    }
    if (this.broken !== null) throw this.broken;
  }

  private async appendAll(): Promise<void> {
    const waiting = this.waiting;
    this.waiting = [];
    const bytesMax = this.connection.payloadMax - 1024;
    for (const { segment, chunks } of waiting) {
      const bytes = Buffer.concat(chunks);
      const of = Math.ceil(bytes.length / bytesMax);
      for (let part = 1; part <= of; part++) {
        await this.appendPiece(
          segment,
          `${part}/${of}`,
          bytes.subarray((part - 1) * bytesMax, part * bytesMax),
        );
      }
    }
  }

  private async appendPiece(segment: string, place: string, bytes: Uint8Array): Promise<void> {
    if (this.broken !== null) throw this.broken;
    const id = `${this.job}-${this.epoch}-${++this.appended}`;
    const message = { id, segment, place, bytes };
    const seq = await appendJournal(this.connection, this.job, this.last, message).catch((error: Error) => {
      throw this.fail(error);
    });
    if (seq === null) throw this.fail(new Error("another leader has taken the job"));
    this.last = seq;
  }

  private fail(error: Error): Error {
    this.broken = error;
    this.onBroken(error);
    return error;
  }
}
