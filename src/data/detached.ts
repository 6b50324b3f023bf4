// Whether memory is still here: what was transferred to another thread leaves an empty buffer behind.

/** As ArrayBuffer's own `detached`, which Node 20 does not have. Anything but an ArrayBuffer or a view of one is not. */
export function isDetached(value: object): boolean {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
