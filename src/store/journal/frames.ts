// The bytes of a journal's segment: encoding, parsing, and telling a torn tail from damage. Pure: no files here.
//
//   header   magic (8) │ format u32 │ flags u32 (1: stands for all before) │ crc32 of these u32
//   frame    length of the payload u32 │ crc32 of length and payload u32 │ payload: JSON in UTF-8        (little-endian)
//
// A payload is a record, or a mark {"synced":n}: when it was written, the first n bytes of the segment were known to be
// durable. Marks never leave this room. They tell what a broken frame is:
//
//   nothing valid after it                 a torn tail: its writer died while it wrote. It is cut off.
//   a mark says that it was durable        damage
//   a sector of zeros in the broken part   a torn batch: the machine died, and the file system had kept a later page of
//                                          the last writes, but not this one. It is cut off with all after it.
//   anything else                          damage
//
// So a flipped bit in the very last frame passes for a torn tail, and its record is lost: that costs work, never
// correctness. Everywhere else damage is refused.

import { crc32 } from "node:zlib";

export const segmentFormat = 1;
export const headerBytes = 20;
export const frameHeaderBytes = 8;
/** Bytes of one payload. */
export const payloadBytesMax = 64 * 2 ** 20;

const magic = Buffer.from("shoaljrn", "latin1");
const markStart = '{"synced":';
/** Disks write whole sectors. */
const sectorBytes = 512;

/** `isBase`: the segment's records stand for all before it, so that earlier segments may go. */
export function encodeHeader(isBase: boolean, format: number = segmentFormat): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32LE(format, 8);
  header.writeUInt32LE(isBase ? 1 : 0, 12);
  header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
  return header;
}

/** Of a header, or what there is of it: false for one that is not whole. */
export const isBaseHeader = (header: Buffer): boolean =>
  header.length >= headerBytes && checkHeader(header, false) === null && header.readUInt32LE(12) === 1;

export const encodeMark = (syncedBytes: number): string => `${markStart}${syncedBytes}}`;

/** The payloads as frames, one after the other. */
export function encodeFrames(payloads: readonly string[]): Buffer {
  let size = 0;
  for (const payload of payloads) size += frameHeaderBytes + 3 * payload.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const payload of payloads) {
    const length = bytes.write(payload, at + frameHeaderBytes, "utf8");
    bytes.writeUInt32LE(length, at);
    bytes.writeUInt32LE(checksum(bytes, at, length), at + 4);
    at += frameHeaderBytes + length;
  }
  return bytes.subarray(0, at);
}

/** Over the length too, so that a flip in it cannot make a frame of other bytes. */
const checksum = (bytes: Buffer, at: number, length: number): number =>
  crc32(
    bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length),
    crc32(bytes.subarray(at, at + 4)),
  );

export type SegmentEnd =
  | { readonly kind: "whole" }
  /** What is from `offset` on was never wholly written. */
  | { readonly kind: "torn"; readonly offset: number }
  | { readonly kind: "damaged"; readonly offset: number; readonly what: string }
  | { readonly kind: "newer"; readonly format: number };

export interface SegmentReading {
  /** No segment follows: only the last one can have a torn tail. */
  readonly isLast: boolean;
  /** Takes the payload of each record, as a view of the bytes. */
  readonly take: (payload: Buffer, offset: number) => void;
}

/** Gives every record of the segment to `take`, up to where it ends or breaks. */
export function parseSegment(bytes: Buffer, { isLast, take }: SegmentReading): SegmentEnd {
  const start = checkHeader(bytes, isLast);
  if (start !== null) return start;
  let at = headerBytes;
  while (at < bytes.length) {
    const length = frameAt(bytes, at);
    if (length === null) return brokenAt(bytes, at, isLast);
    const payload = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length);
    if (!isMark(payload)) take(payload, at);
    at += frameHeaderBytes + length;
  }
  return { kind: "whole" };
}

function checkHeader(bytes: Buffer, isLast: boolean): SegmentEnd | null {
  if (bytes.length < headerBytes) {
    return isLast
      ? { kind: "torn", offset: 0 }
      : { kind: "damaged", offset: 0, what: "the header is not whole" };
  }
  if (isLast && isZero(bytes.subarray(0, sectorBytes)) && durableAfterHole(bytes) === 0)
    return { kind: "torn", offset: 0 };
  if (!bytes.subarray(0, 8).equals(magic))
    return { kind: "damaged", offset: 0, what: "it is no segment of a journal" };
  if (crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) {
    return { kind: "damaged", offset: 8, what: "the header's checksum is wrong" };
  }
  const format = bytes.readUInt32LE(8);
  return format > segmentFormat ? { kind: "newer", format } : null;
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** The first sector was never written: how much was known to be durable by what is after it. */
function durableAfterHole(bytes: Buffer): number {
  let next = sectorBytes;
  while (next < bytes.length && frameAt(bytes, next) === null) next++;
  return next >= bytes.length ? 0 : durableBytes(bytes, next);
}

/** The length of the payload of the valid frame at `at`, or null if there is none. */
function frameAt(bytes: Buffer, at: number): number | null {
  if (bytes.length - at < frameHeaderBytes) return null;
  const length = bytes.readUInt32LE(at);
  if (length < 2 || length > payloadBytesMax || length > bytes.length - at - frameHeaderBytes) return null;
  // all payloads are objects: what is not a frame is found out without a look at all its bytes
  if (bytes[at + frameHeaderBytes] !== 0x7b || bytes[at + frameHeaderBytes + length - 1] !== 0x7d)
    return null;
  return checksum(bytes, at, length) === bytes.readUInt32LE(at + 4) ? length : null;
}

const isMark = (payload: Buffer): boolean =>
  payload.length < 40 && payload.toString("latin1", 0, markStart.length) === markStart;

function brokenAt(bytes: Buffer, offset: number, isLast: boolean): SegmentEnd {
  const damaged: SegmentEnd = {
    kind: "damaged",
    offset,
    what: "the checksum or length of a record is wrong",
  };
  if (!isLast) return damaged;
  let next = offset + 1;
  while (next < bytes.length && frameAt(bytes, next) === null) next++;
  if (next >= bytes.length) return { kind: "torn", offset };
  if (durableBytes(bytes, next) > offset) return damaged;
  return bytes.subarray(offset, next).includes(Buffer.alloc(sectorBytes))
    ? { kind: "torn", offset }
    : damaged;
}

/** The most that a mark from `at` on says to be durable. */
function durableBytes(bytes: Buffer, at: number): number {
  let most = 0;
  for (let length = frameAt(bytes, at); length !== null; length = frameAt(bytes, at)) {
    const payload = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length);
    if (isMark(payload))
      most = Math.max(most, Number(payload.toString("latin1", markStart.length, payload.length - 1)));
    at += frameHeaderBytes + length;
  }
  return most;
}
