// The files of a journal, and reading them. Never changes one.
//
//   journal-000001.log   journal-000002.log   …     one after the other; a base segment stands for all before it

import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../../errors.ts";
import type { JournalRecord } from "../../protocol/journal.ts";
import { headerBytes, isBaseHeader, parseSegment, segmentFormat, type SegmentEnd } from "./frames.ts";

const namePattern = /^journal-(\d{6,})\.log$/;

export const segmentName = (number: number): string => `journal-${String(number).padStart(6, "0")}.log`;

export interface TornTail {
  readonly file: string;
  /** Where the last whole record ends. */
  readonly offset: number;
  /** Bytes from there on. */
  readonly bytes: number;
}

export interface JournalEnd {
  /** Number of the last segment; 0 if there is none. */
  readonly segment: number;
  /** Bytes of its whole records. */
  readonly bytes: number;
  readonly torn: TornTail | null;
}

/** Numbers of the segments in a directory, ascending; none if it is not there. */
export async function segmentsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw failed(directory, "list", error);
  });
  return names
    .map((name) => Number(namePattern.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

/** The segments that count: from the last base segment on. JOURNAL_DAMAGED if one is missing. */
async function currentSegments(directory: string): Promise<number[]> {
  const all = await segmentsIn(directory);
  for (let from = all.length - 1; from >= 0; from--) {
    const number = all[from]!;
    if (from < all.length - 1 && all[from + 1] !== number + 1) {
      throw damaged(directory, number + 1, 0, "the segment is missing");
    }
    if (await isBase(join(directory, segmentName(number)))) return all.slice(from);
  }
  // an only segment that was cut off in its header is a journal that had not begun
  if (all.length > 1 || (all[0] ?? 1) !== 1)
    throw damaged(directory, Math.max(1, all[0]! - 1), 0, "the segment is missing");
  return all;
}

async function isBase(path: string): Promise<boolean> {
  try {
    const file = await open(path, "r");
    try {
      const header = Buffer.alloc(headerBytes);
      const { bytesRead } = await file.read(header, 0, headerBytes, 0);
      return isBaseHeader(header.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw failed(path, "read", error);
  }
}

/**
 * Reads the journal in `directory`, segment by segment: `take` gets the payload of each record. JOURNAL_DAMAGED with file
 * and offset; STATE_NEWER; JOURNAL_FAILED if a file cannot be read.
 */
export async function* readSegments(directory: string): AsyncGenerator<readonly Buffer[], JournalEnd> {
  const numbers = await currentSegments(directory);
  let end: JournalEnd = { segment: 0, bytes: 0, torn: null };
  for (const number of numbers) {
    const path = join(directory, segmentName(number));
    const bytes = await readFile(path).catch((error: unknown) => {
      throw failed(path, "read", error);
    });
    const payloads: Buffer[] = [];
    const isLast = number === numbers.at(-1);
    const found = parseSegment(bytes, { isLast, take: (payload) => void payloads.push(payload) });
    const whole = wholeBytes(found, bytes.length, path);
    const torn = found.kind === "torn" ? { file: path, offset: whole, bytes: bytes.length - whole } : null;
    end = { segment: number, bytes: whole, torn };
    yield payloads;
  }
  return end;
}

function wholeBytes(end: SegmentEnd, bytes: number, path: string): number {
  switch (end.kind) {
    case "whole":
      return bytes;
    case "torn":
      return end.offset;
    case "damaged":
      throw damagedAt(path, end.offset, end.what);
    case "newer":
      throw new ShoalError(
        "STATE_NEWER",
        `the journal ${path} has format ${end.format}; this version of shoal knows formats up to ${segmentFormat}`,
        { details: { file: path, found: end.format, known: segmentFormat } },
      );
  }
}

/** The record of a payload whose checksum is right. */
export const recordOf = (payload: Buffer): JournalRecord =>
  JSON.parse(payload.toString("utf8")) as JournalRecord;

const damaged = (directory: string, number: number, offset: number, what: string): ShoalError =>
  damagedAt(join(directory, segmentName(number)), offset, what);

const damagedAt = (file: string, offset: number, what: string): ShoalError =>
  new ShoalError("JOURNAL_DAMAGED", `the journal is damaged: ${file}, byte ${offset}: ${what}`, {
    details: { file, offset },
  });

export const failed = (path: string, verb: string, cause: unknown): ShoalError =>
  new ShoalError("JOURNAL_FAILED", `cannot ${verb} the journal ${path}: ${(cause as Error).message}`, {
    cause,
    details: { file: path, reason: (cause as NodeJS.ErrnoException).code ?? null },
  });
