// Found by simulation: a machine that died right after a journal began had kept a later page of it, but not the first.

import { expect, test } from "vitest";
import { encodeFrames, encodeHeader, encodeMark, parseSegment } from "./frames.ts";

const record = (n: number): string => JSON.stringify({ kind: "hashed", splits: [[n, "x".repeat(100)]] });
const parse = (bytes: Buffer, isLast = true): unknown => parseSegment(bytes, { isLast, take: () => {} });

function segment(mark: string | null): Buffer {
  const payloads = Array.from({ length: 20 }, (_, n) => record(n));
  if (mark !== null) payloads.splice(15, 0, mark);
  return Buffer.concat([encodeHeader(true), encodeFrames(payloads)]);
}

test("a first sector that was never written, in a segment nothing of which was durable, is a torn write", () => {
  const bytes = segment(null).fill(0, 0, 512);
  expect(parse(bytes)).toEqual({ kind: "torn", offset: 0 });
  expect(parse(bytes, false)).toMatchObject({ kind: "damaged" });
});

test("but it is damage if what follows says that it was durable, or if it is not all zeros", () => {
  expect(parse(segment(encodeMark(600)).fill(0, 0, 512))).toMatchObject({ kind: "damaged" });
  expect(parse(segment(encodeMark(0)).fill(0, 0, 512))).toEqual({ kind: "torn", offset: 0 });
  expect(parse(segment(null).fill(0, 0, 511))).toMatchObject({ kind: "damaged" });
});
