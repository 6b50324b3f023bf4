// Frames of sessions as messages: JSON, in pieces where one message would be too long, and believed only as far as they
// are what they should be. A frame carries the Lamport time of its sender.
//
// Not here: what a body must be (frame-bodies.ts); order, loss (links/session.ts): a frame of which a piece is missing is
// a lost one.
// Owner of: the pieces of frames that have not arrived as a whole.

import type { Envelope, Gone } from "../links/door.ts";
import type { FromWorker, ToWorker } from "../links/messages.ts";
import { protocolVersion } from "./connection.ts";
import { isCount, isObject, isWorker } from "./frame-bodies.ts";
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
/** Of one frame. */
const charactersMax = 2 ** 28;
/** Lamport times are believed up to this: one that cannot be counted on from would make all later ones unbelievable. */
const stampMax = 2 ** 52;

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
  private readonly gathering = new Map<string, { readonly parts: string[]; count: number; length: number }>();
  private readonly isBody: (body: Readonly<Record<string, unknown>>) => boolean;

  constructor(isBody: (body: Readonly<Record<string, unknown>>) => boolean) {
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
    const entry = this.gathering.get(id) ?? { parts: [], count: 0, length: 0 };
    if (entry.parts[part] === undefined) {
      entry.count++;
      entry.length += text.length;
      entry.parts[part] = text;
    }
    if (entry.length > charactersMax) {
      this.gathering.delete(id);
      return null;
    }
    this.gathering.set(id, entry);
    if (this.gathering.size > gatheringMax) this.gathering.delete(this.gathering.keys().next().value!);
    if (entry.count < of) return undefined;
    this.gathering.delete(id);
    return objectIn(entry.parts.join(""));
  }

  private check({ v, stamp: told, frame }: Record<string, unknown>): Stamped<WireFrame<Body>> | null {
    if (v !== protocolVersion || !isCount(told) || typeof frame !== "object" || frame === null) return null;
    const stamp = Math.min(told, stampMax);
    const { worker, epoch, seq, ack, body, gone } = frame as Record<string, unknown>;
    if (!isCount(epoch)) return null;
    if (gone !== undefined) return isWorker(gone) ? { stamp, frame: frame as Gone } : null;
    if (!isWorker(worker) || !isCount(seq) || !isCount(ack)) return null;
    if (body !== null && (!isObject(body) || !this.isBody(body))) return null;
    return { stamp, frame: frame as Envelope<Body> };
  }
}
