// A job's value as text for standard output: one line of JSON for each record of `collect()`, a number for
// `count()`; and the one document of `--json`. In chunks, so that a large value is never one string.

const chunkSize = 65_536;

/**
 * JSON cannot carry all that a record can: what it lacks is written as docs/cli.md says. Bytes are looked up
 * in their holder, since a Buffer's own toJSON has made an array of numbers of them by now.
 */
function replace(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const original = this[key];
  if (ArrayBuffer.isView(original)) {
    return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString("base64");
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value instanceof Map || value instanceof Set ? [...value] : value;
}

// What JSON leaves as it is and a terminal obeys, or shows in another order.
// oxlint-disable-next-line no-control-regex -- as in printable.ts
const unsafe = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** One value as one line of JSON, free of control characters. */
export const jsonLine = (value: unknown): string =>
  (JSON.stringify(value, replace) ?? "null").replace(
    unsafe,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** The value of a job, for people and pipes: records line by line, anything else as one line. */
export function* valueLines(value: unknown): Generator<string> {
  yield* chunked(Array.isArray(value) ? mapLines(value) : [`${jsonLine(value)}\n`]);
}

function* mapLines(records: readonly unknown[]): Generator<string> {
  for (const record of records) yield `${jsonLine(record)}\n`;
}

/**
 * The document of `--json`. Members that are undefined are left out; a `value` that is an array is never one
 * string.
 */
export function* jsonDocument(members: Readonly<Record<string, unknown>>): Generator<string> {
  yield* chunked(documentParts(members));
}

function* documentParts(members: Readonly<Record<string, unknown>>): Generator<string> {
  let separator = "{";
  for (const [name, member] of Object.entries(members)) {
    if (member === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    separator = ",";
    if (name === "value" && Array.isArray(member)) yield* arrayParts(member);
    else yield jsonLine(member);
  }
  yield separator === "{" ? "{}\n" : "}\n";
}

function* arrayParts(items: readonly unknown[]): Generator<string> {
  yield "[";
  for (let i = 0; i < items.length; i++) yield (i === 0 ? "" : ",") + jsonLine(items[i]);
  yield "]";
}

function* chunked(parts: Iterable<string>): Generator<string> {
  let chunk = "";
  for (const part of parts) {
    chunk += part;
    if (chunk.length >= chunkSize) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}
