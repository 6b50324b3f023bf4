// The inputs of an attempt, as files of this machine: those that other workers hold are fetched, the parts that are
// needed of each, one request to each worker. protocol/blocks.ts tells what is sent.
//
// What cannot be had in `triesMax` tries is lost, as far as this reader can tell: a BlocksLostError names it, and what
// that means is for the coordinator to decide. Whether what came is whole is for the readers of blocks to check.

import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { AttemptId } from "../base/ids.ts";
import { BlocksLostError, type MapOutput } from "../data/contract.ts";
import { ShoalError } from "../errors.ts";
import type { Assignment, Peer } from "../protocol/assignment.ts";
import {
  attemptsMax,
  headBytesMax,
  rangedMax,
  type BlocksHead,
  type BlocksRequest,
  type Ranges,
} from "../protocol/blocks.ts";
import { blockFile } from "../store/scratch.ts";
import { postBlocks } from "./block-request.ts";
import type { InputsRequest, LocalInputs } from "./inputs.ts";

const triesMax = 3;
const retryAfterMs = 200;
const workersAtOnce = 4;

/** Throws BlocksLostError, SCRATCH_FAILED, and the signal's reason. */
export async function fetchInputs(wanted: InputsRequest): Promise<LocalInputs> {
  const { assignment, scratch } = wanted;
  const folder = join(scratch, "fetched", assignment.attempt);
  const place = (attempt: AttemptId): string => {
    const own = blockFile(scratch, attempt);
    return existsSync(own) ? own : join(folder, attempt);
  };
  const outputs = assignment.inputs.map((locations) =>
    locations.map(({ attempt }): MapOutput => ({ attempt, file: place(attempt) })),
  );
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    mkdirSync(folder, { recursive: true });
    const since = performance.now();
    const missingOf = (which: number): Assignment["inputs"][number] =>
      assignment.inputs[which]!.filter((_, i) => outputs[which]![i]!.file.startsWith(folder));
    for (const which of assignment.inputs.keys()) {
      const partition = which === 0 && wanted.sorted === null ? wanted.partition : null;
      await fetchAll(wanted, folder, missingOf(which), { partition });
    }
    if (wanted.sorted !== null) {
      const missing = missingOf(0);
      const names = new Set<string>(missing.map(({ attempt }) => attempt));
      const runs = outputs[0]!.filter(({ attempt }) => names.has(attempt));
      await fetchAll(wanted, folder, missing, { ranges: wanted.sorted(runs, outputs[1]![0]!) });
    }
    wanted.meter.waitMs += performance.now() - since;
  } catch (error) {
    release();
    throw error;
  }
  return { outputs, release };
}

/** Of each output: a partition and what is beside the blocks, or those bytes. */
type What = { readonly partition: number | null } | { readonly ranges: ReadonlyMap<string, Ranges> };

async function fetchAll(
  wanted: InputsRequest,
  folder: string,
  locations: Assignment["inputs"][number],
  what: What,
): Promise<void> {
  const byWorker = new Map<string, AttemptId[]>();
  for (const { worker, attempt } of locations) {
    if ("ranges" in what && (what.ranges.get(attempt) ?? []).length === 0) continue;
    byWorker.set(worker, [...(byWorker.get(worker) ?? []), attempt]);
  }
  const lost: AttemptId[] = [];
  const reasons: string[] = [];
  const atOnce = "ranges" in what ? rangedMax : attemptsMax;
  const queue = [...byWorker].flatMap(([worker, attempts]) =>
    Array.from({ length: Math.ceil(attempts.length / atOnce) }, (_, i) => ({
      worker,
      attempts: attempts.slice(i * atOnce, (i + 1) * atOnce),
    })),
  );
  const work = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { worker, attempts } = next;
      const left = new Set(attempts);
      const why = await fetchFrom(wanted, folder, wanted.assignment.peers![worker], left, what);
      if (left.size === 0) continue;
      lost.push(...left);
      reasons.push(`${worker}: ${why}`);
    }
  };
  await Promise.all(Array.from({ length: workersAtOnce }, work));
  if (lost.length === 0) return;
  const named = lost.length === 1 ? `the map output of ${lost[0]}` : `${lost.length} map outputs`;
  throw new BlocksLostError(`${named} cannot be fetched (${reasons.join("; ")})`, lost);
}

/** Takes what arrives out of `left`. Returns why the rest did not. */
async function fetchFrom(
  { assignment, run, ca, signal }: InputsRequest,
  folder: string,
  peer: Peer | undefined,
  left: Set<AttemptId>,
  what: What,
): Promise<string> {
  if (peer === undefined) return "that worker is not there any more";
  let why = "";
  for (let tries = 1; tries <= triesMax; tries++) {
    signal.throwIfAborted();
    if (tries > 1) await wait(retryAfterMs * (tries - 1), undefined, { signal });
    const { attempt: reader } = assignment;
    const common = { run, reader, token: peer.token, attempts: [...left] };
    const asked: BlocksRequest =
      "ranges" in what
        ? { ...common, partition: null, ranges: rangesOf(what.ranges, left) }
        : { ...common, partition: what.partition };
    try {
      const response = await postBlocks(peer.url, ca, JSON.stringify(asked), signal);
      if (response.statusCode !== 200) {
        response.resume();
        why = `its answer was ${response.statusCode}`;
        continue;
      }
      const missing = new Map<AttemptId, string>();
      await take(response, folder, left, missing);
      if (left.size === missing.size) return [...missing.values()][0] ?? "";
      why = "its answer ended early";
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ShoalError) throw error;
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return why;
}

const rangesOf = (
  all: ReadonlyMap<string, Ranges>,
  attempts: ReadonlySet<AttemptId>,
): Record<AttemptId, Ranges> =>
  Object.fromEntries([...attempts].map((attempt) => [attempt, all.get(attempt) ?? []]));

/** Reads answers until the stream ends: into files, each of its final size, with holes where nothing was sent. */
async function take(
  response: IncomingMessage,
  folder: string,
  left: Set<AttemptId>,
  missing: Map<AttemptId, string>,
): Promise<void> {
  let held: Buffer = Buffer.alloc(0);
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const more = async (): Promise<boolean> => {
    const { value, done } = await chunks.next();
    if (done === true) return false;
    held = held.length === 0 ? value : Buffer.concat([held, value]);
    return true;
  };
  for (;;) {
    let end = held.indexOf(10);
    while (end === -1) {
      if (held.length > headBytesMax) throw new Error("the head of an answer is too long");
      if (!(await more())) {
        if (held.length > 0) throw new Error("its answer ended early");
        return;
      }
      end = held.indexOf(10);
    }
    const head = JSON.parse(held.toString("utf8", 0, end)) as BlocksHead;
    held = held.subarray(end + 1);
    if (!left.has(head.attempt)) throw new Error(`an answer about ${head.attempt}, which was not asked for`);
    if ("missing" in head) {
      missing.set(head.attempt, head.missing);
      continue;
    }
    const file = join(folder, head.attempt);
    const fd = onDisk(() => openSync(file, existsSync(file) ? "r+" : "w"));
    try {
      onDisk(() => ftruncateSync(fd, head.size));
      for (const [offset, length] of head.ranges) {
        for (let at = 0; at < length;) {
          if (held.length === 0 && !(await more())) throw new Error("its answer ended early");
          const piece = held.subarray(0, length - at);
          const position = offset + at;
          onDisk(() => writeWhole(fd, piece, position));
          at += piece.length;
          held = held.subarray(piece.length);
        }
      }
    } finally {
      closeSync(fd);
    }
    left.delete(head.attempt);
  }
}

function writeWhole(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

function onDisk<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new ShoalError("SCRATCH_FAILED", `cannot keep a fetched block: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
