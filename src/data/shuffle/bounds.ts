// The bounds of a sort's ranges: chosen from the samples of all runs, kept in a small file.
//
// Range p of n holds the keys from bound p-1 (inclusive) to bound p (exclusive), in the direction of the sort; the
// first and the last have no bound outwards. Equal keys are all in one range. Equal bounds make empty ranges.

import { closeSync, openSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import type { MapOutput, ShuffleSpec, TaskHost } from "../contract.ts";
import type { HeldKey, KeyForm } from "../keys/key.ts";
import { compareKeys } from "../keys/order.ts";
import { writeAll, wrapDisk } from "./block-file.ts";
import { guardOutput, openOutputs } from "./block-file-reader.ts";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import { readKeys, readSamples, Sampler, samplesMaxFor, writeKeys } from "./samples.ts";

const magic = Buffer.from("shoals\0\x01", "latin1");

export interface Bound {
  readonly form: KeyForm;
  readonly key: HeldKey;
}

/** Reads the samples of all runs and writes the bounds of spec.partitions ranges. A function of the input alone. */
export function chooseBounds(
  spec: ShuffleSpec,
  inputs: readonly MapOutput[],
  file: string,
  host: TaskHost,
): void {
  const sampler = new Sampler(samplesMaxFor(spec.partitions));
  for (const { output, extra } of openOutputs(inputs, spec, null, host.meter)) {
    host.tick();
    guardOutput(output, () => {
      const from = new ByteReader(extra);
      readKeys(from); // the first keys of the blocks
      const { samples, limit } = readSamples(from);
      sampler.merge(samples, limit);
    });
  }
  const sign = spec.descending ? -1 : 1;
  const samples = sampler.samples.samples.toSorted(
    (a, b) => compareKeys(a.form, a.key, b.form, b.key) * sign,
  );
  const total = samples.reduce((sum, { count }) => sum + count, 0);
  const bounds: Bound[] = [];
  let passed = 0;
  for (const sample of samples) {
    passed += sample.count;
    while (bounds.length < spec.partitions - 1 && passed * spec.partitions > total * (bounds.length + 1))
      bounds.push(sample);
  }
  writeBounds(bounds, file);
  host.meter.recordsIn += samples.length;
}

function writeBounds(bounds: readonly Bound[], file: string): void {
  const out = new ByteWriter(1 << 12);
  out.bytes(magic);
  out.text(basename(file));
  writeKeys(
    out,
    bounds.map(({ form }) => form),
    bounds.map(({ key }) => key),
  );
  out.u32(crc32(out.view()));
  const fd = wrapDisk(file, () => openSync(file, "w"));
  try {
    writeAll(fd, out.view(), file);
  } finally {
    closeSync(fd);
  }
}

/** Where range `partition` begins and ends; null where it has no bound. */
export function readRange(
  bounds: MapOutput,
  partition: number,
  spec: ShuffleSpec,
): { from: Bound | null; to: Bound | null } {
  return guardOutput(bounds, () => {
    const bytes = readFileSync(bounds.file);
    if (bytes.length < magic.length + 4 || !bytes.subarray(0, magic.length).equals(magic)) {
      throw new DamagedError("it is no file of bounds");
    }
    const end = bytes.length - 4;
    if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end)))
      throw new DamagedError("its checksum is wrong");
    const from = new ByteReader(bytes, magic.length, end);
    const name = from.text();
    if (name !== basename(bounds.file)) throw new DamagedError(`it was written as ${name}`);
    const { forms, keys } = readKeys(from);
    if (forms.length > 0 && forms.length !== spec.partitions - 1) {
      throw new DamagedError(`it has ${forms.length} bounds for ${spec.partitions} ranges`);
    }
    const at = (i: number): Bound | null =>
      forms[i] === undefined ? null : { form: forms[i], key: keys[i]! };
    return { from: at(partition - 1), to: at(partition) };
  });
}
