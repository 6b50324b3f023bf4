// An object of a store as a file of the input: fetched in pieces, some ahead of where it is read, kept on this machine's
// disk for the next time (store/objects/cache.ts).
//
// Every piece is asked for by the ETag that was planned with, so that an object that is replaced is found out by whoever
// reads it next, and never mixed with its successor.

import { ObjectCache } from "../../store/objects/cache.ts";
import { storeOf } from "../../store/objects/stores.ts";
import type { Meter } from "../contract.ts";
import { pieceBytes, pieceName } from "./object-pieces.ts";
import { changed, type FileRef, type InputFile, type ObjectRef } from "./file.ts";

/** Pieces under way while one is read. */
const aheadPieces = 6;

let cache: ObjectCache | null = null;

export interface ObjectFileOptions {
  readonly meter: Meter;
  /** What is beyond it is fetched only when it is read. */
  readonly end: number;
  readonly signal?: AbortSignal;
}

export class ObjectFile implements InputFile {
  readonly ref: FileRef;
  private readonly object: ObjectRef;
  private readonly options: ObjectFileOptions;
  private readonly pieces = new Map<number, Promise<Buffer>>();
  private readonly abandon = new AbortController();

  constructor(ref: FileRef, object: ObjectRef, options: ObjectFileOptions) {
    this.ref = ref;
    this.object = object;
    this.options = options;
  }

  /** Begins to fetch what is at `position`. */
  fetch(position: number): void {
    if (position < this.ref.size) void this.piece(Math.floor(position / pieceBytes));
  }

  async read(buffer: Uint8Array, at: number, length: number, position: number): Promise<number> {
    if (position >= this.ref.size || length === 0) return 0;
    const index = Math.floor(position / pieceBytes);
    for (const known of this.pieces.keys()) if (known < index) this.pieces.delete(known);
    const current = this.piece(index);
    const end = Math.min(this.ref.size, this.options.end);
    for (let i = index + 1; i <= index + aheadPieces && i * pieceBytes < end; i++) void this.piece(i);
    const began = performance.now();
    const bytes = await current;
    this.options.meter.waitMs += performance.now() - began;
    const from = position - index * pieceBytes;
    const n = Math.min(length, bytes.length - from);
    buffer.set(bytes.subarray(from, from + n), at);
    return n;
  }

  verify(): void {
    // each piece was that of the object that was planned with
  }

  close(): void {
    this.abandon.abort();
    this.pieces.clear();
  }

  private piece(index: number): Promise<Buffer> {
    const known = this.pieces.get(index);
    if (known !== undefined) return known;
    const piece = this.load(index);
    piece.catch(() => {}); // whoever reads it is told
    this.pieces.set(index, piece);
    return piece;
  }

  private async load(index: number): Promise<Buffer> {
    const { place, etag } = this.object;
    const from = index * pieceBytes;
    const to = Math.min(this.ref.size, from + pieceBytes);
    cache ??= ObjectCache.ofMachine();
    const name = pieceName(this.object, index, this.ref.size);
    const kept = cache.find(name, to - from);
    if (kept !== null) return kept;
    const { signal } = this.options;
    const abort = signal === undefined ? this.abandon.signal : AbortSignal.any([signal, this.abandon.signal]);
    const bytes = await storeOf(place).read(place.key, etag, from, to, abort);
    if (bytes === null) throw changed(this.ref.name, "when it was read", "was another object, or gone");
    cache.keep(name, bytes);
    return bytes;
  }
}
