// Reads whole files, one after the other: each is one record, [name, contents].

import { isUtf8 } from "node:buffer";
import { formatBytes } from "../../base/units.ts";
import { ShoalError } from "../../errors.ts";
import type { Push } from "../../plan/operator.ts";
import type { RecordPosition, RecordReader, TaskHost } from "../contract.ts";
import type { Piece } from "./cut.ts";
import { showName, shrunk, type InputFile } from "./file.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { openPieces } from "./open.ts";
import { byteOrderMark, firstInvalidUtf8, notUtf8, type Slices } from "./utf8.ts";

export interface FileReaderOptions {
  readonly encoding: "utf8" | "latin1";
  readonly recordBytesMax: number;
  readonly expansionMax: number;
}

/** Read at a time, so that progress is seen and cancellation noticed. */
const readBytes = 4 * 2 ** 20;

export class FileReader implements RecordReader {
  private readonly pieces: readonly Piece[];
  private readonly options: FileReaderOptions;
  private readonly host: TaskHost;
  private current: string | null = null;

  constructor(pieces: readonly Piece[], options: FileReaderOptions, host: TaskHost) {
    this.pieces = pieces;
    this.options = options;
    this.host = host;
  }

  async read(push: Push): Promise<void> {
    for await (const { piece, file } of openPieces(
      this.pieces,
      this.host,
      (next) => (this.current = next.file.name),
    )) {
      const contents = this.decode(await this.contents(file), file);
      file.verify("after it was read");
      this.host.meter.recordsIn++;
      const waiting = push([piece.file.name, contents]);
      if (waiting !== undefined) await waiting;
    }
  }

  async position(): Promise<RecordPosition> {
    return { file: this.current, unit: "record", at: 1 };
  }

  private async contents(file: InputFile): Promise<Buffer & Slices> {
    const { size } = file.ref;
    const magic = new Uint8Array(3);
    if (isGzip(magic, 0, await file.read(magic, 0, 3, 0))) return await this.gunzipped(file);
    if (size > this.options.recordBytesMax) throw this.tooLarge(file, `${size}`);
    const bytes = Buffer.allocUnsafeSlow(size) as Buffer & Slices;
    for (let at = 0; at < size;) {
      const n = await file.read(bytes, at, Math.min(readBytes, size - at), at);
      if (n === 0) throw shrunk(file.ref, at);
      at += n;
      this.host.meter.bytesIn += n;
      this.host.tick();
    }
    return bytes;
  }

  private async gunzipped(file: InputFile): Promise<Buffer & Slices> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of gunzip(file, this.options.expansionMax, this.host)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > this.options.recordBytesMax) throw this.tooLarge(file, `${bytes} and more`);
      this.host.tick();
    }
    return Buffer.concat(chunks, bytes) as Buffer & Slices;
  }

  private decode(bytes: Buffer & Slices, { ref: { name } }: InputFile): string {
    if (this.options.encoding === "latin1") return bytes.latin1Slice(0, bytes.length);
    const mark = byteOrderMark(bytes, bytes.length, name);
    if (isUtf8(bytes)) return bytes.utf8Slice(mark, bytes.length);
    const byte = firstInvalidUtf8(bytes, 0, bytes.length);
    let line = 1;
    for (let i = 0; i < byte; i++) if (bytes[i] === 10) line++;
    throw notUtf8(name, line, byte, bytes[byte]!);
  }

  private tooLarge({ ref: { name } }: InputFile, bytes: string): ShoalError {
    const { recordBytesMax } = this.options;
    return new ShoalError(
      "RECORD_TOO_LARGE",
      `the file ${showName(name)} has ${bytes} bytes, recordBytesMax is ${recordBytesMax} (${formatBytes(recordBytesMax)})`,
      { hint: "Read it with read.lines, or raise recordBytesMax.", details: { file: name, recordBytesMax } },
    );
  }
}
