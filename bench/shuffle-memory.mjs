// Whether the shuffle keeps its memory budget: about 1 GiB of records through each kind, in a process of its own
// with a small heap, with the results checked.
//
//   node bench/shuffle-memory.mjs [--budget 32] [--heap 192] [--tasks 8] [--how count,reduce,group,sort]
//
// Budget and heap in MiB; tasks of 1 to 8 million records each.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { importEngine } from "./engine.mjs";

const { values } = parseArgs({
  options: {
    budget: { type: "string", default: "32" },
    heap: { type: "string", default: "192" },
    tasks: { type: "string", default: "8" },
    how: { type: "string", default: "count,reduce,group,sort" },
    here: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/shuffle-memory.mjs [--budget MiB] [--heap MiB] [--tasks N] [--how KINDS]\nDoes the shuffle keep its memory budget?",
  );
  process.exit(0);
}
const { budget: budgetMiB, heap: heapMiB } = values;
const tasks = Number(values.tasks);
/** Per kind: records of a task, the record with a number, distinct keys, and what is checked of the results. */
const kinds = {
  count: { records: 8_000_000, distinct: 5_000_000, record: (i) => `key number ${i % 5_000_000}` },
  reduce: {
    records: 4_000_000,
    distinct: 2_000_000,
    fns: [(a, b) => a + b],
    record: (i) => [`key number ${i % 2_000_000}`, 0.1],
  },
  group: {
    records: 1_000_000,
    distinct: 500_000,
    record: (i) => [
      `key number ${i % 500_000}`,
      `${i} is a value of about a hundred characters, which is ${"longer ".repeat(10)}`,
    ],
  },
  sort: {
    records: 1_000_000,
    distinct: null,
    record: (i) => [
      (Math.imul(i, 0x9e3779b1) >>> 0).toString(36),
      `${i} is a value of about a hundred characters, which is ${"longer ".repeat(10)}`,
    ],
  },
};

async function run(how) {
  const { createShuffleWriter, createShuffleReader, chooseBounds, newMeter } = await importEngine(
    "src/data/shuffle/shuffle.ts",
    "src/data/contract.ts",
  );
  const { records, distinct, record, fns = [] } = kinds[how];
  const folder = mkdtempSync(join(tmpdir(), "shoal-memory-"));
  let peakHeap = 0;
  let ticks = 0;
  const tick = () => {
    if (ticks++ % 16 === 0) peakHeap = Math.max(peakHeap, process.memoryUsage().heapUsed);
  };
  const host = {
    meter: newMeter(),
    signal: new AbortController().signal,
    memoryBytes: budgetMiB * 2 ** 20,
    tick,
  };
  const spec = { how, partitions: 2, descending: false, fns };
  const since = performance.now();
  try {
    const inputs = [];
    for (let t = 0; t < tasks; t++) {
      const file = join(folder, `t${t}.1`);
      const writer = createShuffleWriter(spec, file, folder, host);
      for (let i = 0; i < records; i++) {
        const waiting = writer.push(record(t * records + i));
        if (waiting !== undefined) await waiting;
      }
      await writer.finish();
      inputs.push({ file, attempt: `t${t}.1` });
    }
    const { bytesOut } = host.meter;
    const mapMs = performance.now() - since;
    const mapRss = process.resourceUsage().maxRSS / 1024;
    let bounds = null;
    if (how === "sort") chooseBounds(spec, inputs, (bounds = join(folder, "bounds")), host);
    let keys = 0;
    let total = 0;
    for (let p = 0; p < spec.partitions; p++) {
      let last = null;
      if (how === "sort" && p > 0) last = "";
      await createShuffleReader(spec, p, inputs, bounds, folder, host).read(([key, value]) => {
        if (last !== null && (how === "sort" ? key < last : key <= last))
          throw new Error(`${key} comes after ${last}`);
        last = key;
        keys++;
        total += how === "group" ? value.length : how === "sort" ? 1 : value;
      });
    }
    const left = readdirSync(folder).length - inputs.length - (bounds === null ? 0 : 1);
    const expected = how === "reduce" ? tasks * records * 0.1 : tasks * records;
    if (distinct !== null && keys !== distinct) throw new Error(`${keys} keys instead of ${distinct}`);
    if (Math.abs(total - expected) > 1e-3) throw new Error(`${total} instead of ${expected}`);
    if (left !== 0) throw new Error(`${left} files are left over`);
    console.log(
      `${how}: budget ${budgetMiB} MiB, heap limit ${heapMiB} MiB: ${(tasks * records) / 1e6} M records, map outputs ${(bytesOut / 2 ** 20).toFixed(0)} MiB, ` +
        `${host.meter.spills} spills of ${(host.meter.spilledBytes / 2 ** 20).toFixed(0)} MiB, peak heap ${(peakHeap / 2 ** 20).toFixed(0)} MiB, ` +
        `peak RSS ${mapRss.toFixed(0)} (map) ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB (all), ${(mapMs / 1000).toFixed(1)} + ${((performance.now() - since - mapMs) / 1000).toFixed(1)} s`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (values.here) await run(values.how);
else {
  for (const how of values.how.split(",")) {
    const args = ["--budget", budgetMiB, "--heap", heapMiB, "--tasks", values.tasks, "--how", how, "--here"];
    const { status, signal } = spawnSync(
      process.execPath,
      [`--max-old-space-size=${heapMiB}`, fileURLToPath(import.meta.url), ...args],
      { stdio: "inherit" },
    );
    if (status !== 0) {
      console.log(`${how}: ended with ${status ?? signal}`);
      process.exitCode = 1;
    }
  }
}
