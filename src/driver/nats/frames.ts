// Frames of sessions as messages: JSON, in pieces where one message would be too long, and believed only as far as they
// are what they should be. A frame carries the Lamport time of its sender.
//
// Not here: order, loss (links/session.ts): a frame of which a piece is missing is a lost one.
// Owner of: the pieces of frames that have not arrived as a whole.

import type { Envelope, Gone } from "../links/door.ts";
import type { FromWorker, ToWorker } from "../links/messages.ts";
import { protocolVersion } from "./connection.ts";
import { objectIn, objectInBytes } from "./json.ts";

export type WireFrame<Body> = Envelope<Body> | Gone;

export interface Stamped<Frame> {
  readonly stamp: number;
  readonly frame: Frame;
}

interface Piece {
  readonly id: string;
  readonly part: number;
  readonly of: number;
  readonly text: string;
}

const piecesMax = 4096;
/** Frames under way in pieces, of all senders of a subject. */
const gatheringMax = 64;

let lastId = 0;
const prefix = `${process.pid.toString(36)}-${Math.floor(performance.timeOrigin).toString(36)}`;

/** The messages that carry the frame, each of at most `bytesMax`. */
export function encodeFrame(
  frame: WireFrame<ToWorker | FromWorker>,
  stamp: number,
  bytesMax: number,
): string[] {
  const text = JSON.stringify({ v: protocolVersion, stamp, frame });
  // Characters outside of ASCII, and quotes that are escaped once more, may take six bytes each.
  if (text.length * 3 <= bytesMax) return [text];
  const length = Math.floor((bytesMax - 200) / 6);
  const of = Math.ceil(text.length / length);
  const id = `${prefix}-${++lastId}`;
  return Array.from({ length: of }, (_, part) =>
    JSON.stringify({ id, part, of, text: text.slice(part * length, (part + 1) * length) } satisfies Piece),
  );
}

/** Takes messages as they come; gives the frames that are whole, and right. */
export class FrameReader<Body> {
  private readonly gathering = new Map<string, { readonly parts: string[]; count: number }>();
  private readonly isBody: (body: Record<string, unknown>) => boolean;

  constructor(isBody: (body: Record<string, unknown>) => boolean) {
    this.isBody = isBody;
  }

  /** Null: not whole yet, or refused. */
  read(bytes: Uint8Array): Stamped<WireFrame<Body>> | null {
    const message = objectInBytes(bytes);
    const whole = message !== null && "part" in message ? this.gather(message) : message;
    if (whole === undefined) return null;
    return whole === null ? null : this.check(whole);
  }

  /** Undefined: pieces are missing. */
  private gather({
    id,
    part,
    of,
    text,
  }: Record<string, unknown>): Record<string, unknown> | null | undefined {
    if (typeof id !== "string" || typeof text !== "string" || !isCount(part) || !isCount(of)) return null;
    if (of > piecesMax || part >= of) return null;
    const entry = this.gathering.get(id) ?? { parts: [], count: 0 };
    if (entry.parts[part] === undefined) entry.count++;
    entry.parts[part] = text;
    this.gathering.set(id, entry);
    if (this.gathering.size > gatheringMax) this.gathering.delete(this.gathering.keys().next().value!);
    if (entry.count < of) return undefined;
    this.gathering.delete(id);
    return objectIn(entry.parts.join(""));
  }

  private check({ v, stamp, frame }: Record<string, unknown>): Stamped<WireFrame<Body>> | null {
    if (v !== protocolVersion || !isCount(stamp) || typeof frame !== "object" || frame === null) return null;
    const { worker, epoch, seq, ack, body, gone } = frame as Record<string, unknown>;
    if (!isCount(epoch)) return null;
    if (gone !== undefined) return isWorker(gone) ? { stamp, frame: frame as Gone } : null;
    if (!isWorker(worker) || !isCount(seq) || !isCount(ack)) return null;
    if (body !== null && (typeof body !== "object" || !this.isBody(body as Record<string, unknown>)))
      return null;
    return { stamp, frame: frame as Envelope<Body> };
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
export const isWorker = (value: unknown): value is string =>
  typeof value === "string" && /^w\d{1,15}$/.test(value);

const reports = new Set([
  "AttemptStarted",
  "AttemptProgressed",
  "AttemptFinished",
  "AttemptFailed",
  "AttemptExamined",
]);

/** What a worker may say: about itself and its attempts only. */
export const isFromWorker =
  (worker: string) =>
  (body: Record<string, unknown>): boolean => {
    switch (body["kind"]) {
      case "hello":
        return isCount(body["slots"]);
      case "report": {
        const event = body["event"] as Record<string, unknown> | null;
        if (typeof event !== "object" || event === null || !reports.has(String(event["kind"]))) return false;
        return typeof event["attempt"] === "string" && (event["worker"] ?? worker) === worker;
      }
      case "printed":
        return typeof body["text"] === "string";
      case "log":
      case "leaving":
      case "left":
        return true;
      default:
        return false;
    }
  };

const orders = new Set(["assign", "cancel", "examine", "discard", "stop"]);

export const isToWorker = (body: Record<string, unknown>): boolean => orders.has(String(body["kind"]));
