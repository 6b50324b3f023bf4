// How a call slot of a worker and the client that has leased it talk: the messages of protocol/calls.ts and a few more,
// several in one body (lease-body.ts), bodies in pieces, pieces as frames of a session.
//
//   frame   1 byte: protocol version · seq f64 · ack f64 · 1 byte: 1 if more pieces follow · crc32 of the piece u32 · piece
//
// Not here: order and loss (links/session.ts). Owner of: the pieces of a body that has not arrived as a whole.

import { crc32 } from "node:zlib";
import type { FromSlot, ToSlot } from "../../../protocol/slot.ts";
import type { SessionFrame } from "../../links/session.ts";
import type { BodyEnd } from "../../slots/slot-body.ts";
import { protocolVersion } from "../connection.ts";

/** From the client to the slot. */
export type Down =
  | ToSlot
  | { readonly kind: "end-slot" }
  /** The client has so many slots of other workers. */
  | { readonly kind: "holds"; readonly elsewhere: number }
  /** Shared memory that was wanted. */
  | { readonly kind: "shared"; readonly number: number; readonly bytes: Uint8Array }
  /** Nobody refers to it any more. */
  | { readonly kind: "drop-shared"; readonly number: number };
/** From the slot to the client. */
export type Up =
  | FromSlot
  /** The worker wants it back: what has begun may end. */
  | { readonly kind: "ask-back" }
  /** Calls wait for shared memory that is not here. */
  | { readonly kind: "want-shared"; readonly number: number }
  /** The last word. `isRefused`: it waited for a slot, and gets none. */
  | { readonly kind: "slot-ended"; readonly end: BodyEnd & { readonly isRefused?: true } };

/** A piece of a body. */
export interface Piece {
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
}

/** The request for a slot, on the worker's own subject. The conversation begins with it, also where the slot has to wait. */
export interface LeaseRequest {
  readonly kind: "lease";
  readonly lease: string;
  readonly heartbeatMs: number;
  /** Who asks: the same for all leases of a client. */
  readonly client: string;
  /** Slots that it has of other workers. */
  readonly elsewhere: number;
}

const headBytes = 22;
/** Of one body, for whoever receives it. */
const bodyBytesMax = 2 ** 31 - 1;

export function encodeFrame({ seq, ack, body }: SessionFrame<Piece>): Uint8Array {
  const frame = new Uint8Array(headBytes + (body?.bytes.length ?? 0));
  const view = new DataView(frame.buffer);
  frame[0] = protocolVersion;
  view.setFloat64(1, seq, true);
  view.setFloat64(9, ack, true);
  if (body !== null) {
    frame[17] = body.isLast ? 0 : 1;
    view.setUint32(18, crc32(body.bytes), true);
    frame.set(body.bytes, headBytes);
  }
  return frame;
}

/** Null: no frame, or a damaged one, which is as good as lost. */
export function decodeFrame(frame: Uint8Array): SessionFrame<Piece> | null {
  if (frame.length < headBytes || frame[0] !== protocolVersion) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const seq = view.getFloat64(1, true);
  const ack = view.getFloat64(9, true);
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(ack) || seq < 0 || ack < 0) return null;
  if (seq === 0) return { seq, ack, body: null };
  const bytes = frame.subarray(headBytes);
  if (crc32(bytes) !== view.getUint32(18, true)) return null;
  return { seq, ack, body: { isLast: frame[17] === 0, bytes } };
}

/** A body as pieces, each of at most `bytesMax` with its head. */
export function toPieces(body: Uint8Array, bytesMax: number): Piece[] {
  const length = bytesMax - headBytes;
  if (body.length <= length) return [{ isLast: true, bytes: body }];
  const pieces: Piece[] = [];
  for (let at = 0; at < body.length; at += length) {
    pieces.push({ isLast: at + length >= body.length, bytes: body.subarray(at, at + length) });
  }
  return pieces;
}

/** Puts pieces together, which come in order. */
export class PieceReader {
  private pieces: Uint8Array[] = [];
  private length = 0;

  /** A body with its last piece, else null. */
  take({ isLast, bytes }: Piece): Uint8Array | null {
    if (isLast && this.pieces.length === 0) return bytes;
    this.length += bytes.length;
    if (this.length > bodyBytesMax) throw new RangeError(`a body of more than ${bodyBytesMax} bytes`);
    this.pieces.push(bytes);
    if (!isLast) return null;
    const body = Buffer.concat(this.pieces, this.length);
    this.pieces = [];
    this.length = 0;
    return body;
  }
}
