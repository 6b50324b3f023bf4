// Arguments that hold shared memory, on their way to a worker: as v8.serialize writes them, but of memory that is large and
// shared only which it is. The worker has it once, for all slots of the client (shared-copies.ts).
//
//   a view of it     as a host object: marker u32 · its type u32 · which f64 · byte offset f64 · length f64
//
// Not here: how the memory itself travels.

import { DefaultDeserializer, DefaultSerializer } from "node:v8";
import { typedArrays } from "../../../data/native-types.ts";

const marker = 1000; // no type of node:v8
/** What is smaller is copied: to ask for it would cost more. */
export const sharedLeastBytes = 65_536;

/** Numbers what is shared. */
export type NumberOf = (memory: SharedArrayBuffer) => number;

/** A value as bytes, and which memory it refers to. With none, what v8.serialize gives. */
export function serializeSharing(
  value: unknown,
  numberOf: NumberOf,
): { readonly bytes: Buffer; readonly refers: readonly number[] } {
  const serializer = new SharingSerializer(numberOf);
  serializer.writeHeader();
  serializer.writeValue(value);
  return { bytes: serializer.releaseBuffer(), refers: [...serializer.refers] };
}

/** `memoryOf`: all that it refers to is there. */
export function deserializeSharing(
  bytes: Uint8Array,
  memoryOf: (number: number) => SharedArrayBuffer,
): unknown {
  const deserializer = new SharingDeserializer(bytes, memoryOf);
  deserializer.readHeader();
  return deserializer.readValue();
}

class SharingSerializer extends DefaultSerializer {
  readonly refers = new Set<number>();
  private readonly numberOf: NumberOf;

  constructor(numberOf: NumberOf) {
    super();
    this.numberOf = numberOf;
  }

  _writeHostObject(view: ArrayBufferView): void {
    const { buffer, byteOffset } = view;
    const type = typedArrays.findIndex((one) => view.constructor === one);
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength < sharedLeastBytes || type < 0) {
      // @ts-expect-error -- the hook of DefaultSerializer is not in its types
      super._writeHostObject(view);
      return;
    }
    const number = this.numberOf(buffer);
    this.refers.add(number);
    this.writeUint32(marker);
    this.writeUint32(type);
    this.writeDouble(number);
    this.writeDouble(byteOffset);
    this.writeDouble((view as Uint8Array).length);
  }
}

class SharingDeserializer extends DefaultDeserializer {
  private readonly memoryOf: (number: number) => SharedArrayBuffer;
  /** Read already, and to be read again. */
  private again: number | null = null;

  constructor(bytes: Uint8Array, memoryOf: (number: number) => SharedArrayBuffer) {
    super(bytes);
    this.memoryOf = memoryOf;
  }

  override readUint32(): number {
    const value = this.again ?? super.readUint32();
    this.again = null;
    return value;
  }

  _readHostObject(): unknown {
    const first = this.readUint32();
    if (first !== marker) {
      this.again = first;
      // @ts-expect-error -- the hook of DefaultDeserializer is not in its types
      return super._readHostObject() as unknown;
    }
    const type = typedArrays[this.readUint32()];
    const memory = this.memoryOf(this.readDouble());
    const offset = this.readDouble();
    const length = this.readDouble();
    if (type === undefined) throw new TypeError("shared memory of no known type");
    return new (type as new (memory: SharedArrayBuffer, offset: number, length: number) => unknown)(
      memory,
      offset,
      length,
    );
  }
}
