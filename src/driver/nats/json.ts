// Messages as JSON: what comes from outside is nothing until it has been looked at.

/** The object that the text is, its members unknown; null: it is none. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export const objectInBytes = (bytes: Uint8Array): Readonly<Record<string, unknown>> | null =>
  objectIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));

/** A run's id, as it may stand in subjects and paths. */
export const isRunId = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9-]{1,80}$/.test(value);
