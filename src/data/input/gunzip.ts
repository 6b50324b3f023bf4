// A gzip file as a stream of its contents, checked to the last byte: every member's checksum and length, nothing but
// zero padding after the last one, and no more expansion than is plausible.

import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { formatBytes } from "../../base/units.ts";
import { ShoalError } from "../../errors.ts";
import type { TaskHost } from "../contract.ts";
import { showName, shrunk, type InputFile } from "./file.ts";

/** Told by content, whatever the file is called: magic bytes, and deflate as the method. */
export const isGzip = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from >= 3 && bytes[from] === 0x1f && bytes[from + 1] === 0x8b && bytes[from + 2] === 8;

/** Output below this is never a bomb: a file of zeros is allowed to be small. */
const bombOutputMin = 64 * 2 ** 20;
const outputChunkBytes = 256 * 1024;
const inputChunkBytes = 256 * 1024;

/** Chunks of the decompressed contents. INPUT_CORRUPT when the file is damaged or expands more than `expansionMax` : 1. */
export async function* gunzip(
  file: InputFile,
  expansionMax: number,
  host: TaskHost,
  inputBytes = inputChunkBytes,
): AsyncGenerator<Buffer> {
  const inflate = createGunzip({ chunkSize: outputChunkBytes });
  const source = Readable.from(compressed(file, host, inputBytes), { highWaterMark: 2 });
  // an error of either side ends both; it comes out of the iteration below
  pipeline(source, inflate, () => {});
  let output = 0;
  let began = performance.now();
  let waitedMs = host.meter.waitMs;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      // not added up: the reads that were done meanwhile have been counted too
      host.meter.waitMs = waitedMs + performance.now() - began;
      output += chunk.length;
      if (output > bombOutputMin && output > expansionMax * inflate.bytesWritten) {
        throw corrupt(
          file,
          `it expands more than ${expansionMax} : 1 (${formatBytes(inflate.bytesWritten)} to ` +
            `${formatBytes(output)} and more)`,
          undefined,
          "If that is right, raise expansionMax in the options of read.",
        );
      }
      yield chunk;
      began = performance.now();
      waitedMs = host.meter.waitMs;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (typeof code === "string" && code.startsWith("Z_"))
      throw corrupt(file, reasonOf(error as Error), error);
    throw error;
  } finally {
    source.destroy();
    inflate.destroy();
  }
  await requirePadding(file, inflate.bytesWritten);
}

async function* compressed(file: InputFile, host: TaskHost, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < file.ref.size;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, file.ref.size - at));
    const n = await file.read(chunk, 0, chunk.length, at);
    if (n === 0) throw shrunk(file.ref, at);
    at += n;
    host.meter.bytesIn += n;
    yield chunk.subarray(0, n);
  }
}

/** zlib stops at the first zero byte after a member, as gzip(1) does for tapes; what follows must be zeros to the end. */
async function requirePadding(file: InputFile, from: number): Promise<void> {
  const chunk = Buffer.allocUnsafe(64 * 1024);
  for (let at = from; at < file.ref.size;) {
    const n = await file.read(chunk, 0, chunk.length, at);
    if (n === 0) throw shrunk(file.ref, at);
    const garbage = chunk.subarray(0, n).findIndex((byte) => byte !== 0);
    if (garbage !== -1) throw corrupt(file, `garbage follows the compressed data, at byte ${at + garbage}`);
    at += n;
  }
}

const reasonOf = (error: Error): string =>
  error.message === "unexpected end of file" ? "it is truncated" : error.message;

const corrupt = (file: InputFile, what: string, cause?: unknown, hint?: string): ShoalError =>
  new ShoalError("INPUT_CORRUPT", `the gzip file ${showName(file.ref.name)} is damaged: ${what}`, {
    details: { file: file.ref.name },
    ...(cause === undefined ? {} : { cause }),
    ...(hint === undefined ? {} : { hint }),
  });
