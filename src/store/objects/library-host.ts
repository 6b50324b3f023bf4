// The process in which the storage library runs: it does what its parent asks through a pipe, and ends with it. It
// decides nothing: what an answer means is library-store.ts's.
//
// Why a process: the library's native threads answer into the thread of JavaScript that asked. If that was ended
// meanwhile, as slots are, the whole process aborts; and if the last one that had loaded it ends, others wait for good.

import { readFile, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import type { Entry, Metadata, Operator } from "opendal";
import { inTurns } from "../../base/in-turns.ts";
import type { Asked, EntryData, MetadataData } from "./library-process.ts";
import { FrameReader, frameOf } from "./library-frames.ts";

/** Files of up to this size are written by one request. */
const partBytes = 16 * 2 ** 20;
const partsMax = 9000;
const partsAtOnce = 4;
const looksAtOnce = 16;
const requestMaxMs = 30_000;

const operators = new Map<string, Operator>();

async function operatorOf({ scheme, config }: Asked): Promise<Operator> {
  const key = JSON.stringify([scheme, config]);
  const known = operators.get(key);
  if (known !== undefined) return known;
  const { default: library } = await import("opendal");
  const timeout = new library.TimeoutLayer();
  timeout.timeout = requestMaxMs;
  const made = new library.Operator(scheme, config).layer(timeout.build());
  operators.set(key, made);
  return made;
}

type Answer = readonly [head: Readonly<Record<string, unknown>>, bytes?: Buffer];

async function perform(asked: Asked): Promise<Answer> {
  const op = await operatorOf(asked);
  const { ask } = asked;
  switch (ask.kind) {
    case "abilities": {
      const can = op.capability();
      const { list, copy, delete: deletes, writeWithIfNotExists, writeCanMulti, writeCanEmpty } = can;
      const isOutput = writeWithIfNotExists && writeCanMulti && writeCanEmpty && copy && deletes;
      return [{ list, output: list && isOutput && can.listWithRecursive }];
    }
    case "info":
      return [{ info: metadataOf(await op.stat(ask.key)) }];
    case "list":
      return [await list(op, ask.prefix, ask.isDeep, ask.atMost)];
    case "read": {
      const { key, from, to, ifMatch, looksAfter } = ask;
      const range = to === null ? {} : { offset: BigInt(from), size: BigInt(to - from) };
      const bytes = await op.read(key, { ...range, ...(ifMatch === null ? {} : { ifMatch }) });
      return [looksAfter ? { info: metadataOf(await op.stat(key)) } : {}, bytes];
    }
    case "write":
      await op.write(ask.key, Buffer.from(ask.text), ask.isNew ? { ifNotExists: true } : {});
      return [{}];
    case "upload":
      await upload(op, ask.key, ask.file);
      return [{}];
    case "copy":
      await op.copy(ask.from, ask.to);
      return [{}];
    case "delete":
      await op.delete(ask.key);
      return [{}];
  }
}

/** A listing that does not tell what a look does (Swift's has no ETags) is completed by looks: both must tell the same. */
async function list(
  op: Operator,
  prefix: string,
  isDeep: boolean,
  atMost: number | null,
): Promise<Readonly<Record<string, unknown>>> {
  const options = { recursive: isDeep, ...(atMost === null ? {} : { limit: atMost }) };
  let found: Entry[];
  let isWhole = true;
  if (atMost === null) found = await op.list(prefix, options);
  else {
    found = [];
    const lister = await op.lister(prefix, options);
    // the prefix itself may be among them
    for (let entry = await lister.next(); entry !== null; entry = await lister.next()) {
      isWhole = found.length < atMost + 1;
      if (!isWhole) break;
      found.push(entry);
    }
  }
  const entries = found.map((entry): EntryData => [entry.path(), metadataOf(entry.metadata())]);
  const partial = entries.filter(([path, { etag }]) => !path.endsWith("/") && !etag);
  const complete = async (entry: EntryData): Promise<boolean> => {
    const { etag, modified } = entry[1];
    entry[1] = metadataOf(await op.stat(entry[0]));
    return entry[1].etag !== etag || entry[1].modified !== modified;
  };
  const [first, ...others] = partial;
  if (first !== undefined && (await complete(first))) await inTurns(others, looksAtOnce, complete);
  return { entries, isWhole };
}

const metadataOf = (found: Metadata): MetadataData => ({
  size: Number(found.contentLength ?? 0),
  etag: found.etag,
  modified: found.lastModified,
  isDirectory: found.isDirectory(),
});

async function upload(op: Operator, key: string, file: string): Promise<void> {
  const { size } = await stat(file);
  if (size <= partBytes) {
    await op.write(key, await readFile(file));
    return;
  }
  const bytes = Math.max(partBytes, Math.ceil(size / partsMax));
  const writer = await op.writer(key, { chunk: BigInt(bytes), concurrent: partsAtOnce });
  let written = 0;
  for await (const part of createReadStream(file, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    await writer.write(part);
    written += part.length;
  }
  if (written !== size) throw new Error(`${file} ended at byte ${written} of ${size}`);
  await writer.close();
}

function answer(id: number, [head, bytes]: Answer): void {
  for (const part of frameOf({ ...head, id }, bytes)) process.stdout.write(part);
}

async function serve(asked: Asked): Promise<void> {
  try {
    answer(asked.id, await perform(asked));
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    answer(asked.id, [{ error: { message, code: code ?? null } }]);
  }
}

// It ends with its parent, and only then: what ends a whole group of processes is the parent's to answer.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
const frames = new FrameReader(({ head }) => void serve(head as unknown as Asked));
process.stdin.on("data", (part: Buffer) => frames.add(part));
process.stdin.on("close", () => process.exit());
process.stdout.on("error", () => process.exit());
