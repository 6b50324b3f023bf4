import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nextU32, rng } from "../../base/rng.ts";
import { hostWith, ShuffleRig, specOf } from "../../../test/kit/shuffle-rig.ts";
import { BlocksLostError, type MapOutput, type ShuffleSpec } from "../contract.ts";
import { createShuffleReader } from "./shuffle.ts";

let rig: ShuffleRig;
beforeEach(() => {
  rig = new ShuffleRig();
});
afterEach(() => {
  rig.close();
});

const records = (n: number): [unknown, unknown][] =>
  Array.from({ length: n }, (_, i) => [
    [`key ${i % 13}`, i % 5, [i % 3, "x"]][i % 3],
    [i, `value ${i}`, { i }, i / 3][i % 4],
  ]);

/** What reading all partitions throws: the attempts lost, or null if nothing is thrown. */
async function lostOf(
  inputs: readonly MapOutput[],
  bounds: string | null,
  spec: ShuffleSpec,
): Promise<readonly string[] | null> {
  try {
    await rig.read(inputs, bounds, spec);
    return null;
  } catch (error) {
    if (!(error instanceof BlocksLostError)) throw error;
    return error.lost;
  }
}

const specs: readonly ShuffleSpec[] = [
  specOf("count"),
  specOf("reduce", { fns: [(a: unknown) => a] }),
  specOf("group"),
  specOf("sort"),
  specOf("sort", { descending: true }),
];
const recordsFor = (spec: ShuffleSpec, n: number): unknown[] =>
  spec.how === "count" ? records(n).map(([key]) => key) : records(n);

/** Every third bit in the usual run, which are bits of each place in a byte; all with SHOAL_THOROUGH=1. */
const step = process.env["SHOAL_THOROUGH"] === "1" ? 1 : 3;

describe.each(specs)("damage to a map output of $how (descending: $descending)", (spec) => {
  it("a single bit that flips is found, whichever it is", async () => {
    const inputs = await rig.writeAll([recordsFor(spec, 12)], spec);
    const bounds = rig.bounds(inputs, spec);
    const whole = await rig.read(inputs, bounds, spec);
    expect(whole.flat().length).toBeGreaterThan(0);
    const { file } = inputs[0]!;
    const bytes = readFileSync(file);
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const lost = await lostOf(inputs, bounds, spec);
      if (lost?.join() !== "t0.1")
        throw new Error(`flip of bit ${bit} of ${bytes.length * 8}: lost is ${String(lost)}`);
    }
  });

  it("flips in a large file are found, wherever they are", async () => {
    const inputs = await rig.writeAll([recordsFor(spec, 20_000), recordsFor(spec, 10)], spec);
    const bounds = rig.bounds(inputs, spec);
    const { file } = inputs[0]!;
    const bytes = readFileSync(file);
    const chance = rng(7);
    for (let n = 0; n < 100; n++) {
      const at = nextU32(chance) % bytes.length;
      const flip = 1 << (nextU32(chance) & 7);
      bytes[at]! ^= flip;
      writeFileSync(file, bytes);
      bytes[at]! ^= flip;
      expect(await lostOf(inputs, bounds, spec)).toEqual(["t0.1"]);
    }
  });

  it("a file cut off anywhere, or too long, is found", async () => {
    const inputs = await rig.writeAll([recordsFor(spec, 12), recordsFor(spec, 12)], spec);
    const bounds = rig.bounds(inputs, spec);
    const { file } = inputs[1]!;
    const bytes = readFileSync(file);
    appendFileSync(file, "x");
    expect(await lostOf(inputs, bounds, spec)).toEqual(["t1.1"]);
    for (let length = bytes.length - 1; length >= 0; length--) {
      truncateSync(file, length);
      expect(await lostOf(inputs, bounds, spec)).toEqual(["t1.1"]);
    }
  });

  it("files that are missing, swapped, of another shuffle, or no files are all named at once", async () => {
    const inputs = await rig.writeAll(
      Array.from({ length: 7 }, () => recordsFor(spec, 12)),
      spec,
    );
    const bounds = rig.bounds(inputs, spec);
    const file = (i: number): string => inputs[i]!.file;
    rmSync(file(0));
    renameSync(file(1), join(rig.folder, "aside"));
    renameSync(file(2), file(1));
    renameSync(join(rig.folder, "aside"), file(2));
    rmSync(file(4));
    mkdirSync(file(4));
    copyFileSync(file(6), file(5));
    expect(await lostOf(inputs, bounds, spec)).toEqual(["t0.1", "t1.1", "t2.1", "t4.1", "t5.1"]);
    const [other] = await rig.writeAll([recordsFor(spec, 12)], { ...spec, partitions: 4 });
    expect(await lostOf([other!, inputs[3]!], bounds, spec)).toEqual(["t0.1"]);
  });
});

it("damage to the bounds of a sort is put on the attempt that chose them", async () => {
  const spec = specOf("sort");
  const inputs = await rig.writeAll([records(100)], spec);
  const bounds = rig.bounds(inputs, spec)!;
  const bytes = readFileSync(bounds);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(bounds, bytes);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(await lostOf(inputs, bounds, spec)).toEqual(["t9000.1"]);
  }
  rmSync(bounds);
  expect(await lostOf(inputs, bounds, spec)).toEqual(["t9000.1"]);
});

it("a block that is lost while others are read is put on its attempt, and nothing is left over", async () => {
  const spec = specOf("group", { partitions: 1 });
  const inputs = await rig.writeAll([records(3000), records(3000)], spec, hostWith(2 ** 16));
  const bytes = readFileSync(inputs[1]!.file);
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(inputs[1]!.file, bytes);
  const host = hostWith(2 ** 12);
  await expect(
    createShuffleReader(spec, 0, inputs, null, rig.folder, host).read(() => {}),
  ).rejects.toMatchObject({ lost: ["t1.1"] });
  expect(host.meter.spills).toBeGreaterThan(0);
  expect(rig.files().sort()).toEqual(["t0.1.blocks", "t1.1.blocks"]);
});
