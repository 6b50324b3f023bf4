// Read-only data that all slots of a machine see, held once.

import { ShoalError } from "../../errors.ts";

type Bytes = Uint8Array | Uint8ClampedArray | Int8Array;
type Numbers =
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A copy of `data` in memory that slots share: given to calls, it is not copied again, however many there are. It is
 * for reading: what one slot would write, all others would see at once. An ArrayBuffer becomes a Uint8Array. (Slots that
 * are processes cannot share memory: they get copies. On a cluster each worker gets one, as it was when it was first given to a
 * call there.)
 *
 * Errors: VALUE_INVALID for anything but bytes and typed arrays.
 *
 * @example
 * const table = shared(new Float64Array(8_000_000));
 * const sums = await Promise.all(ranges.map((range) => sumOf(table, range)));
 */
export function shared<T extends Bytes | Numbers>(data: T): T;
export function shared(data: ArrayBuffer): Uint8Array;
export function shared(data: unknown): unknown {
  const view = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  if (!ArrayBuffer.isView(view) || view instanceof DataView) {
    const received = data === null ? "null" : typeof data === "object" ? data.constructor.name : typeof data;
    throw new ShoalError(
      "VALUE_INVALID",
      `shared() expects an ArrayBuffer or a typed array, received ${received}`,
    );
  }
  if (view.buffer instanceof SharedArrayBuffer) return view;
  const typed = view as Bytes;
  // A Buffer's own constructor makes no views.
  const type = (Buffer.isBuffer(view) ? Uint8Array : view.constructor) as new (
    buffer: SharedArrayBuffer,
    offset: number,
    length: number,
  ) => Bytes;
  const copy = new type(new SharedArrayBuffer(view.byteLength), 0, typed.length);
  copy.set(typed);
  return copy;
}
