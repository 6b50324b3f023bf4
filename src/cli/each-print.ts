// What `shoal each` prints of a result: the bytes that the job printed, or one line of JSON. Of any size, in chunks.

import { isUtf8 } from "node:buffer";
import type { EachOutput, EachResult } from "./api.ts";
import type { Chunk } from "./each-sink.ts";
import { jsonLine } from "./result-text.ts";

/** A job's output with `tag` before each line. */
export async function* tagged(chunks: AsyncIterable<Uint8Array>, tag: string): AsyncGenerator<Chunk> {
  const prefix = Buffer.from(tag);
  let isLineStart = true;
  for await (const chunk of chunks) {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < chunk.length;) {
      if (isLineStart) parts.push(prefix);
      const end = chunk.indexOf(10, at);
      isLineStart = end !== -1;
      const next = isLineStart ? end + 1 : chunk.length;
      parts.push(chunk.subarray(at, next));
      at = next;
    }
    yield Buffer.concat(parts);
  }
}

/** A result as one line of JSON. */
export async function* jsonResult(result: EachResult): AsyncGenerator<Chunk> {
  const { stdout, stderr, ...members } = result;
  yield jsonLine({ type: "job", ...members }).slice(0, -1);
  yield* jsonOutput("stdout", stdout);
  yield* jsonOutput("stderr", stderr);
  yield "}\n";
}

/** `,"stdout":"…"`, or as base64 under another name what is no text. */
async function* jsonOutput(name: string, output: EachOutput): AsyncGenerator<Chunk> {
  if (await isText(output)) {
    yield `,"${name}":"`;
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for await (const chunk of output.chunks()) yield inJson(decoder.decode(chunk, { stream: true }));
    yield `${inJson(decoder.decode())}"`;
    return;
  }
  yield `,"${name}Base64":"`;
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of output.chunks()) {
    const bytes = Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % 3);
    yield bytes.toString("base64", 0, whole);
    rest = bytes.subarray(whole);
  }
  yield `${Buffer.from(rest).toString("base64")}"`;
}

const inJson = (text: string): string => jsonLine(text).slice(1, -1);

/** Whether it is UTF-8, from end to end. */
async function isText(output: EachOutput): Promise<boolean> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of output.chunks()) {
    if (chunk.length === output.bytes) return isUtf8(chunk);
    try {
      decoder.decode(chunk, { stream: true });
    } catch {
      return false; // The decoder throws for what is no UTF-8.
    }
  }
  try {
    decoder.decode();
    return true;
  } catch {
    return false; // It ends within a character.
  }
}
