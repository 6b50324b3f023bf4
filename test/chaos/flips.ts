// Flips bits in real files of each kind that the engine reads back, one at a time, and reads them: each must be found.
// What runs is flips.mjs; this is what it bundles.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { below, rng, type Rng } from "../../src/base/rng.ts";
import { bundle } from "../../src/bundle/bundle.ts";
import { inspectBundle } from "../../src/bundle/cache.ts";
import { BlocksLostError, newMeter } from "../../src/data/contract.ts";
import { textKey } from "../../src/data/keys/key.ts";
import { DamagedError } from "../../src/data/shuffle/bytes.ts";
import { SpillFile } from "../../src/data/shuffle/spill.ts";
import { isShoalError } from "../../src/errors.ts";
import type { JournalRecord } from "../../src/protocol/journal.ts";
import { Journal } from "../../src/store/journal/journal.ts";
import { readJournal } from "../../src/store/journal/read.ts";
import { ShuffleRig, specOf } from "../kit/shuffle-rig.ts";

/** A file of one kind: flips one bit of it, reads it, mends it. True: the flip was found. */
interface Victim {
  readonly bytes: number;
  flip(bit: number): Promise<boolean>;
  close(): void;
}

const kinds: Readonly<Record<string, (chances: Rng) => Promise<Victim>>> = {
  "block, count": (chances) => blocks(chances, "count"),
  "block, group": (chances) => blocks(chances, "group"),
  "block, sort": (chances) => blocks(chances, "sort"),
  "bounds of a sort": bounds,
  spill,
  bundle: bundleFile,
  journal,
};

/** In a file on disk: `read` says whether what is there now is taken for damaged. */
function inFile(file: string, read: () => Promise<boolean>, close: () => void): Victim {
  const bytes = readFileSync(file);
  return {
    bytes: bytes.length,
    async flip(bit) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      try {
        return await read();
      } finally {
        writeFileSync(file, bytes);
      }
    },
    close,
  };
}

const recordsOf = (chances: Rng): [unknown, unknown][] =>
  Array.from({ length: 100 + below(chances, 200) }, (_, i) => [
    [`key ${below(chances, 40)}`, i % 7, [i % 3, "x"]][i % 3],
    [i, `value ${i}`, { i }, i / 3][i % 4],
  ]);

async function shuffled(chances: Rng, how: "count" | "group" | "sort", isBounds: boolean): Promise<Victim> {
  const rig = new ShuffleRig();
  const spec = specOf(how);
  const records = recordsOf(chances);
  const inputs = await rig.writeAll([how === "count" ? records.map(([key]) => key) : records], spec);
  const chosen = rig.bounds(inputs, spec);
  const read = async (): Promise<boolean> => {
    try {
      await rig.read(inputs, chosen, spec);
      return false;
    } catch (error) {
      if (error instanceof BlocksLostError) return true;
      throw error;
    }
  };
  return inFile(isBounds ? chosen! : inputs[0]!.file, read, () => rig.close());
}

const blocks = (chances: Rng, how: "count" | "group" | "sort"): Promise<Victim> =>
  shuffled(chances, how, false);
function bounds(chances: Rng): Promise<Victim> {
  return shuffled(chances, "sort", true);
}

/** It has no name while it is in use: flipped through its descriptor. */
async function spill(chances: Rng): Promise<Victim> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), "shoal-flips-"));
  const file = new SpillFile(scratch, "task", newMeter());
  const run = file.newRun();
  for (let block = 0; block < 5; block++) {
    const keys = Array.from({ length: 40 + below(chances, 40) }, (_, n) => `key ${block} ${n}`);
    file.add(
      run,
      textKey,
      keys,
      keys.map((_, n) => n * 3),
      "values",
    );
  }
  file.flush();
  const { fd } = file as unknown as { fd: number };
  const bytes = readFileSync(`/proc/self/fd/${fd}`);
  return {
    bytes: bytes.length,
    async flip(bit) {
      const at = bit >> 3;
      writeSync(fd, Buffer.of(bytes[at]! ^ (1 << (bit & 7))), 0, 1, at);
      try {
        const source = file.source(run);
        while (source.next() !== null);
        return false;
      } catch (error) {
        if (error instanceof DamagedError) return true;
        if (isShoalError(error)) return true;
        throw error;
      } finally {
        writeSync(fd, bytes, at, 1, at);
      }
    },
    close() {
      file.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

async function bundleFile(): Promise<Victim> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-flips-"));
  const program = path.join(directory, "program.ts");
  writeFileSync(program, "export const answer: number = 42;\nexport const words = ['a', 'b'];\n");
  const { file } = await bundle(program, { stateDir: path.join(directory, ".shoal"), runtimeExports: [] });
  return inFile(
    file,
    async () => !inspectBundle(file).isWhole,
    () => rmSync(directory, { recursive: true, force: true }),
  );
}

/** Found is: refused, or, in the last record, taken for a torn tail, and that record is gone. */
async function journal(chances: Rng): Promise<Victim> {
  const lab = mkdtempSync(path.join(os.tmpdir(), "shoal-flips-"));
  const directory = path.join(lab, "journal");
  mkdirSync(directory);
  const opened = await Journal.open(directory, () => {});
  const count = 10 + below(chances, 20);
  for (let id = 1; id <= count; id++) {
    const reason = "x".repeat(below(chances, 60));
    opened.append({
      kind: "entry",
      entry: {
        id,
        at: id,
        cause: null,
        machine: "coordinator",
        type: "event",
        body: { kind: "CancelRequested", reason },
      },
    } as JournalRecord);
  }
  await opened.close();
  const read = async (): Promise<boolean> => {
    let found = 0;
    try {
      for await (const _record of readJournal(directory)) found++;
    } catch (error) {
      return isShoalError(error, "JOURNAL_DAMAGED") || isShoalError(error, "STATE_NEWER");
    }
    return found < count;
  };
  const [name] = readdirSync(directory);
  return inFile(path.join(directory, name!), read, () => rmSync(lab, { recursive: true, force: true }));
}

/** Flips `flips` bits, drawn from `seed`, as many in each kind of file. Returns how many of each were found. */
export async function flipBits(
  flips: number,
  seed: number,
  tell: (done: number) => void,
): Promise<{ kind: string; flips: number; found: number; missed: string[] }[]> {
  const chances = rng(seed);
  const names = Object.keys(kinds);
  const results = [];
  let done = 0;
  for (const [n, kind] of names.entries()) {
    const wanted = Math.floor(flips / names.length) + Number(n < flips % names.length);
    const result = { kind, flips: 0, found: 0, missed: [] as string[] };
    let victim: Victim | null = null;
    while (result.flips < wanted) {
      // A new file now and then: others have other contents.
      if (result.flips % 1000 === 0) {
        victim?.close();
        victim = await kinds[kind]!(chances);
      }
      const bit = below(chances, victim!.bytes * 8);
      result.flips++;
      if (await victim!.flip(bit)) result.found++;
      else result.missed.push(`bit ${bit} of ${victim!.bytes * 8}`);
      if (++done % 5000 === 0) tell(done);
    }
    victim?.close();
    results.push(result);
  }
  return results;
}
