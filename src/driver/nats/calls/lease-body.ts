// The body of what one end of a leased slot says to the other: records, one after the other.
//
//   message       1 · length u32 · what v8.serialize gives of it
//   call          2 · ticket u32 · target u32 · form u8 · length u16 · its arguments
//   result        3 · ticket u32 · microseconds i32, −1: not measured · length u16 · its value
//   take-back     4 · ticket u32
//   taken-back    5 · ticket u32
//   kept          6 · ticket u32
//   sharing       7 · ticket u32 · length u32 of the rest · count u16 · which shared memory it needs f64 … · an invoke
//                 (shared-values.ts)
//
// Small arguments and results travel as they are in the memory that a slot's thread shares (data/calls/values.ts): the
// worker's agent copies bytes and makes no values of them, or it could not keep up with the calls of its slots.
//
// All numbers are little-endian. Owner of: what is written and not taken.

import { deserialize, serialize } from "node:v8";
import { isWrapped } from "../../../data/calls/buffers.ts";
import { readValue, readValues, writeValues, type ValueBytes } from "../../../data/calls/values.ts";
import { callForms, type CallForm, type FromCallSlot, type ToCallSlot } from "../../../protocol/calls.ts";
import { payloadMax } from "../../slots/calls/shared-calls.ts";
import type { Down, Up } from "./lease-wire.ts";
import { deserializeSharing, serializeSharing, type NumberOf } from "./shared-values.ts";

const kinds = {
  message: 1,
  call: 2,
  result: 3,
  "take-back": 4,
  "taken-back": 5,
  kept: 6,
  sharing: 7,
} as const;
const callHead = 12;
const resultHead = 11;
const ticketRecord = 5;
const sharingHead = 11;
const firstBytes = 512;

type Invoke = ToCallSlot & { readonly kind: "invoke" };

export class BodyWriter implements ValueBytes {
  bytes = Buffer.allocUnsafe(firstBytes);
  view = viewOf(this.bytes);
  private length = 0;
  private readonly numberOf: NumberOf | null;

  /** `numberOf` numbers shared memory, which is then only referred to. */
  constructor(numberOf: NumberOf | null = null) {
    this.numberOf = numberOf;
  }

  /** Bytes that are written and not taken. */
  get size(): number {
    return this.length;
  }

  /** Throws what cannot be sent; nothing is written then. */
  message(message: Down | Up): void {
    switch (message.kind) {
      case "take-back":
      case "taken-back":
      case "kept":
        return this.ticket(message.kind, message.ticket);
      case "invoke":
        if (this.invoke(message) || this.sharing(message)) return;
    }
    const body = serialize(message);
    const at = this.claim(kinds.message, ticketRecord + body.length);
    this.view.setUint32(at + 1, body.length, true);
    this.bytes.set(body, at + ticketRecord);
  }

  /** What a call gave, as the bytes of a value. */
  result(ticket: number, micros: number | null, value: Uint8Array): void {
    const at = this.claim(kinds.result, resultHead + value.length);
    this.view.setUint32(at + 1, ticket, true);
    this.view.setInt32(at + 5, micros ?? -1, true);
    this.view.setUint16(at + 9, value.length, true);
    this.bytes.set(value, at + resultHead);
  }

  ticket(kind: "take-back" | "taken-back" | "kept", ticket: number): void {
    const at = this.claim(kinds[kind], ticketRecord); // before `view`: it may be another one then
    this.view.setUint32(at + 1, ticket, true);
  }

  /** All that was written; the next goes into another body. */
  take(): Uint8Array {
    const body = this.bytes.subarray(0, this.length);
    // As long as this one: bodies come in floods and in trickles.
    this.bytes = Buffer.allocUnsafe(Math.max(firstBytes, this.length));
    this.view = viewOf(this.bytes);
    this.length = 0;
    return body;
  }

  /** False: its arguments are too large, or not for bytes. */
  private invoke({ ticket, target, form, args }: Invoke): boolean {
    if (args.some(isWrapped)) return false;
    this.need(callHead + payloadMax);
    const from = this.length + callHead;
    const end = writeValues(this, args, from, from + payloadMax);
    if (end < 0) return false;
    const at = this.claim(kinds.call, end - this.length);
    this.view.setUint32(at + 1, ticket, true);
    this.view.setUint32(at + 5, target, true);
    this.bytes[at + 9] = callForms.indexOf(form);
    this.view.setUint16(at + 10, end - from, true);
    return true;
  }

  /** False: it refers to no shared memory. Else written, also when that is large. */
  private sharing(message: Invoke): boolean {
    if (this.numberOf === null || !message.args.some(isObject)) return false;
    const { bytes, refers } = serializeSharing(message, this.numberOf);
    if (refers.length === 0) {
      const at = this.claim(kinds.message, ticketRecord + bytes.length);
      this.view.setUint32(at + 1, bytes.length, true);
      this.bytes.set(bytes, at + ticketRecord);
      return true;
    }
    const numbers = 8 * refers.length;
    const at = this.claim(kinds.sharing, sharingHead + numbers + bytes.length);
    this.view.setUint32(at + 1, message.ticket, true);
    this.view.setUint32(at + 5, 2 + numbers + bytes.length, true);
    this.view.setUint16(at + 9, refers.length, true);
    for (const [n, number] of refers.entries()) this.view.setFloat64(at + sharingHead + 8 * n, number, true);
    this.bytes.set(bytes, at + sharingHead + numbers);
    return true;
  }

  private claim(kind: number, length: number): number {
    this.need(length);
    const at = this.length;
    this.bytes[at] = kind;
    this.length += length;
    return at;
  }

  private need(length: number): void {
    if (this.length + length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + length));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

/** A call in a body. Valid until the body has been read. */
export interface WrittenCall {
  readonly ticket: number;
  readonly target: number;
  /** Its place in `callForms`. */
  readonly form: number;
  readonly args: Uint8Array;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/** A call that refers to shared memory. Its own, not the body's. */
export interface SharingCall {
  readonly ticket: number;
  readonly refers: readonly number[];
  /** For `invokeOf`. */
  readonly bytes: Uint8Array;
}

export const invokeOf = ({ bytes }: SharingCall, memoryOf: (number: number) => SharedArrayBuffer): Invoke =>
  requireKind(deserializeSharing(bytes, memoryOf)) as Invoke;

export const argsOf = ({ args }: WrittenCall): unknown[] => readValues(asValueBytes(args), 0);

export const formOf = ({ form }: WrittenCall): CallForm => callForms[form]!;

/** At the worker: what the client says. */
export function readDown(
  body: Uint8Array,
  message: (down: Down) => void,
  call: (call: WrittenCall) => void,
  sharing: (call: SharingCall) => void,
): void {
  read(body, (kind, at, { view }) => {
    if (kind === kinds.sharing) {
      const count = view.getUint16(at + 9, true);
      const from = at + sharingHead + 8 * count;
      const to = at + lengthOf(kind, at, view);
      if (from > to) throw new RangeError("a record is too short");
      return sharing({
        ticket: view.getUint32(at + 1, true),
        refers: Array.from({ length: count }, (_, n) => view.getFloat64(at + sharingHead + 8 * n, true)),
        bytes: body.slice(from, to),
      });
    }
    if (kind !== kinds.call) return message(messageOf(kind, at, body, view) as Down);
    const length = view.getUint16(at + 10, true);
    const args = body.subarray(at + callHead, at + callHead + length);
    call({
      ticket: view.getUint32(at + 1, true),
      target: view.getUint32(at + 5, true),
      form: body[at + 9]!,
      args,
    });
  });
}

/** At the client: what the slot says, and in how many bytes. */
export function readUp(body: Uint8Array, message: (up: Up, bytes: number) => void): void {
  read(body, (kind, at, from) => {
    const bytes = lengthOf(kind, at, from.view);
    if (kind !== kinds.result) return message(messageOf(kind, at, body, from.view) as Up, bytes);
    const micros = from.view.getInt32(at + 5, true);
    const runMicros = micros < 0 ? null : micros;
    const ticket = from.view.getUint32(at + 1, true);
    message({ kind: "returned", ticket, value: readValue(from, at + resultHead), runMicros }, bytes);
  });
}

function read(body: Uint8Array, record: (kind: number, at: number, from: ValueBytes) => void): void {
  const from = asValueBytes(body);
  for (let at = 0; at < body.length;) {
    const kind = body[at]!;
    const next = at + lengthOf(kind, at, from.view);
    record(kind, at, from);
    at = next;
  }
}

function lengthOf(kind: number, at: number, view: DataView): number {
  switch (kind) {
    case kinds.message:
      return ticketRecord + view.getUint32(at + 1, true);
    case kinds.call:
      return callHead + view.getUint16(at + 10, true);
    case kinds.result:
      return resultHead + view.getUint16(at + 9, true);
    case kinds.sharing:
      return 9 + view.getUint32(at + 5, true);
    case kinds["take-back"]:
    case kinds["taken-back"]:
    case kinds.kept:
      return ticketRecord;
    default:
      throw new RangeError(`no such record: ${kind}`);
  }
}

function messageOf(kind: number, at: number, body: Uint8Array, view: DataView): Down | Up {
  const n = view.getUint32(at + 1, true);
  switch (kind) {
    case kinds.message:
      return requireKind(deserialize(body.subarray(at + ticketRecord, at + ticketRecord + n)));
    case kinds["take-back"]:
      return { kind: "take-back", ticket: n };
    case kinds["taken-back"]:
      return { kind: "taken-back", ticket: n } satisfies FromCallSlot;
    default:
      return { kind: "kept", ticket: n } satisfies FromCallSlot;
  }
}

function requireKind(message: unknown): Down | Up {
  if (typeof (message as { kind?: unknown } | null)?.kind === "string") return message as Down | Up;
  throw new TypeError("a body holds what is no message");
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const asValueBytes = (bytes: Uint8Array): ValueBytes => ({
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  view: viewOf(bytes),
});
