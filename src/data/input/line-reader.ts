// Reads the lines of one split: pieces of files, or whole small ones, one after the other.

import type { Push } from "../../plan/operator.ts";
import { newMeter, type RecordPosition, type RecordReader, type TaskHost } from "../contract.ts";
import { isWhole, type Piece } from "./cut.ts";
import { shrunk, type InputFile } from "./file.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { LineError, LineSplitter, type LineFormat } from "./line-splitter.ts";
import { openInput, openPieces } from "./open.ts";

export interface LineReaderOptions extends LineFormat {
  readonly expansionMax: number;
  /** Records are [file, line] rather than lines. */
  readonly withFile: boolean;
}

const bufferBytes = 2 ** 20;
/** Read beyond the end of a piece at a time, for the rest of its last line. */
const tailBytes = 16 * 1024;

export class LineReader implements RecordReader {
  private readonly pieces: readonly Piece[];
  private readonly options: LineReaderOptions;
  private readonly host: TaskHost;
  private readonly splitter: LineSplitter;
  private current: Piece | null = null;

  /** `buffer` is the size of its one buffer, for tests. */
  constructor(pieces: readonly Piece[], options: LineReaderOptions, host: TaskHost, buffer = bufferBytes) {
    this.pieces = pieces;
    this.options = options;
    this.host = host;
    this.splitter = new LineSplitter(options, host, buffer);
  }

  async read(push: Push): Promise<void> {
    for await (const { piece, file } of openPieces(this.pieces, this.host)) {
      const { name } = piece.file;
      try {
        await this.readPiece(piece, file, this.options.withFile ? (line) => push([name, line]) : push);
      } catch (error) {
        throw error instanceof LineError ? error.at((await linesBefore(piece)) + error.line) : error;
      }
      file.verify("after it was read");
    }
  }

  async position(): Promise<RecordPosition> {
    const { current } = this;
    if (current === null) return { file: null, unit: "line", at: 0 };
    return {
      file: current.file.name,
      unit: "line",
      at: (await linesBefore(current)) + this.splitter.lines,
    };
  }

  private async readPiece(piece: Piece, file: InputFile, push: Push): Promise<void> {
    const { splitter } = this;
    const { from, to } = piece;
    const { size, name } = piece.file;
    const range = { name, from, to };
    this.current = piece;
    let at = splitter.begin(range).firstByte;
    let isFirst = true;
    while (!splitter.isDone) {
      const room = splitter.room();
      const wanted = Math.min(room.length, size - at, at < to ? to - at + tailBytes : tailBytes);
      const n = wanted === 0 ? 0 : await file.read(room.buffer, room.at, wanted, at);
      if (n < wanted && n === 0) throw shrunk(piece.file, at);
      if (isFirst && isWhole(piece) && isGzip(room.buffer, room.at, room.at + n)) {
        return await this.readGzip(range, file, push);
      }
      isFirst = false;
      this.host.meter.bytesIn += Math.max(0, Math.min(at + n, to) - Math.max(at, from));
      at += n;
      splitter.added(n);
      const isEnd = at === size;
      for (let wait = splitter.drain(push, isEnd); wait !== undefined; wait = splitter.drain(push, isEnd))
        await wait;
      if (isEnd) return;
    }
  }

  private async readGzip(
    range: Parameters<LineSplitter["begin"]>[0],
    file: InputFile,
    push: Push,
  ): Promise<void> {
    const { splitter } = this;
    splitter.begin({ ...range, to: Infinity });
    for await (const chunk of gunzip(file, this.options.expansionMax, this.host)) {
      for (let copied = 0; copied < chunk.length;) {
        const room = splitter.room();
        const n = chunk.copy(room.buffer, room.at, copied, Math.min(chunk.length, copied + room.length));
        copied += n;
        splitter.added(n);
        for (let wait = splitter.drain(push, false); wait !== undefined; wait = splitter.drain(push, false))
          await wait;
      }
    }
    for (let wait = splitter.drain(push, true); wait !== undefined; wait = splitter.drain(push, true))
      await wait;
  }
}

/** Lines that begin before the piece does: reads the file again up to there. Only asked when something failed. */
async function linesBefore({ file: ref, from }: Piece): Promise<number> {
  if (from === 0) return 0;
  const file = openInput(ref, newMeter(), from);
  try {
    const chunk = Buffer.allocUnsafe(bufferBytes);
    let lines = 1;
    // a line end at `from - 1` makes a line that begins at `from`: that one is the piece's own
    for (let at = 0; at < from - 1;) {
      const n = await file.read(chunk, 0, Math.min(chunk.length, from - 1 - at), at);
      if (n === 0) throw shrunk(ref, at);
      for (let i = 0; i < n; i++) if (chunk[i] === 10) lines++;
      at += n;
    }
    return lines;
  } finally {
    file.close();
  }
}
