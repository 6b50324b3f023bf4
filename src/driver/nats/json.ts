// Messages as JSON: what comes from outside is nothing until it has been looked at.

/** Deeper ones are refused: what is made of them by functions that call themselves would overflow the stack. */
const depthMax = 256;

/** The object that the text is, its members unknown; null: it is none. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  if (text.length > depthMax && isDeep(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > depthMax) return true;
        break;
      case 0x7d:
      case 0x5d:
        depth--;
        break;
      case 0x22: // a text, to its end
        for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++)
          if (text.charCodeAt(at) === 0x5c) at++;
    }
  }
  return false;
}

export const objectInBytes = (bytes: Uint8Array): Readonly<Record<string, unknown>> | null =>
  objectIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));

/** A run's id, as it may stand in subjects and paths. */
export const isRunId = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9-]{1,80}$/.test(value);
