// A result as bytes that are kept, and back as it was. For portable values (portable.ts), by node:v8; but typed arrays
// come back with memory of their own, as long as they are, where node:v8 gives a window on all the bytes that it read.

import { Deserializer, Serializer } from "node:v8";
import { typedArrays } from "../native-types.ts";

/** By number, as they are written. */
const viewTypes = [...typedArrays, DataView] as const;
const bufferType = viewTypes.length;

/** Null: the value cannot be kept, since it is in memory that others see. */
export function writeKept(value: unknown): Uint8Array | null {
  const writer = new KeptWriter();
  writer.writeHeader();
  try {
    writer.writeValue(value);
  } catch (error) {
    if (error === sharedMemory) return null;
    throw error;
  }
  return writer.releaseBuffer();
}

export function readKept(bytes: Uint8Array): unknown {
  const reader = new KeptReader(bytes);
  reader.readHeader();
  return reader.readValue();
}

/** Thrown inside of this file only. */
const sharedMemory = new Error("shared memory is not for keeping");

class KeptWriter extends Serializer {
  constructor() {
    super();
    // @ts-expect-error -- documented, but not in the types
    this._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _getSharedArrayBufferId(): never {
    throw sharedMemory;
  }

  _writeHostObject(view: ArrayBufferView): void {
    if (view.buffer instanceof SharedArrayBuffer) throw sharedMemory;
    const type = viewTypes.findIndex((known) => Object.getPrototypeOf(view) === known.prototype);
    this.writeUint32(type < 0 ? bufferType : type);
    this.writeDouble(view.byteLength);
    this.writeRawBytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }
}

class KeptReader extends Deserializer {
  _readHostObject(): ArrayBufferView {
    const type = this.readUint32();
    const length = this.readDouble();
    const memory = new Uint8Array(length);
    memory.set(this.readRawBytes(length));
    const { buffer } = memory;
    if (type === bufferType) return Buffer.from(buffer);
    return new (viewTypes[type] as new (buffer: ArrayBuffer) => ArrayBufferView)(buffer);
  }
}
