// How fast the shuffle is, each part against the plainest hand-written loop that does the same.
//
//   node bench/shuffle.mjs [--text FILE]
//
// Without a text file, words of a Zipf distribution are made up. Every figure is the best of several rounds.

import { mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { importEngine } from "./engine.mjs";

const { values } = parseArgs({
  options: { text: { type: "string" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  console.log(
    "usage: node bench/shuffle.mjs [--text FILE]\nEach part of the shuffle against the plainest loop.",
  );
  process.exit(0);
}
const {
  createShuffleWriter,
  createShuffleReader,
  chooseBounds,
  newMeter,
  MapSide,
  tablesOf,
  CountTable,
  forEachBatch,
  openOutputs,
  sortKeys,
} = await importEngine(
  "src/data/shuffle/shuffle.ts",
  "src/data/contract.ts",
  "src/data/shuffle/map-side.ts",
  "src/data/shuffle/key-table.ts",
  "src/data/shuffle/count-table.ts",
  "src/data/shuffle/block-file-reader.ts",
  "src/data/keys/sort.ts",
);

const folder = mkdtempSync(join(tmpdir(), "shoal-bench-"));
const hostWith = (memoryBytes) => ({
  meter: newMeter(),
  signal: new AbortController().signal,
  memoryBytes,
  tick() {},
});
const ms = (t) => `${t.toFixed(1)} ms`;
const best = (rounds, fn) => Math.min(...Array.from({ length: rounds }, fn));
/** Processor time, user and system: the wall's tells more about who else is on the machine. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const timed = (fn) => {
  const since = cpuMs();
  fn();
  return cpuMs() - since;
};

/** Distinct made-up words, and a sampler of them by Zipf's law. */
function vocabulary(count) {
  let seed = 12345;
  const next = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 4294967296;
  const words = new Set();
  while (words.size < count) {
    let word = "";
    for (let left = 2 + next() * next() * 14; left > 0; left--)
      word += String.fromCharCode(97 + Math.floor(next() * 26));
    words.add(word);
  }
  const list = [...words];
  let sum = 0;
  const cumulative = list.map((_, i) => (sum += 1 / (i + 2)));
  const draw = () => {
    const x = next() * sum;
    let low = 0;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] < x) low = middle + 1;
      else high = middle;
    }
    return list[low];
  };
  return { list, draw };
}

/** Calls `each` with pieces of text of about 4 MB. */
function eachPiece(file, draw, each) {
  if (file === undefined) {
    for (let i = 0; i < 20; i++) each(Array.from({ length: 600_000 }, draw).join(" "));
    return;
  }
  const fd = openSync(file, "r");
  const buffer = Buffer.allocUnsafe(4 << 20);
  const size = Math.min(statSync(file).size, 300e6);
  for (let at = 0; at < size; at += buffer.length)
    each(buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, at)));
}

const words = (text) => text.match(/[A-Za-z]+/g) ?? [];

async function benchCount(draw) {
  const host = hostWith(2 ** 30);
  const spec = { how: "count", partitions: 4, descending: false, fns: [] };
  const writer = createShuffleWriter(spec, join(folder, "count"), folder, host);
  const { push } = writer;
  const table = new Map();
  let hand = 0;
  let ours = 0;
  let n = 0;
  let turn = 0;
  const runHand = (list) => {
    for (let i = 0; i < list.length; i++) {
      const word = list[i];
      const entry = table.get(word);
      if (entry) entry.n++;
      else table.set(word, { n: 1 });
    }
  };
  const runOurs = (list) => {
    for (let i = 0; i < list.length; i++) push(list[i]);
  };
  eachPiece(values.text, draw, (text) => {
    // Fresh strings for each, as a program has them: their hashes are not yet known.
    for (const who of turn++ % 2 === 0 ? ["hand", "ours"] : ["ours", "hand"]) {
      const list = words(text);
      if (who === "hand") hand += timed(() => runHand(list));
      else ours += timed(() => runOurs(list));
      n += list.length / 2;
    }
  });
  const finishing = performance.now();
  await writer.finish();
  const finish = performance.now() - finishing;
  console.log(
    `count: ${(n / 1e6).toFixed(1)} M words, ${table.size} distinct: hand ${ms(hand)}, ours ${ms(ours)} = ${(ours / hand).toFixed(3)}, finish ${ms(finish)}; ${host.meter.recordsOut} partials`,
  );
}

/** The blocks of 150,000 [word, count] in 8 partitions: made and written, then read and added to a table that has them all. */
function benchBlocks(list) {
  const spec = { how: "count", partitions: 8, descending: false, fns: [] };
  const keys = list.slice(0, 150_000);
  const counts = keys.map((_, i) => 1 + ((i * 7919) % 1000));
  const inputs = [{ file: join(folder, "t1.1"), attempt: "t1.1" }];
  const encode = best(9, () =>
    timed(() => {
      const side = new MapSide(spec, inputs[0].file, hostWith(2 ** 30));
      side.add(0, keys, counts, "values");
      side.closeWindow(true);
      side.finish();
    }),
  );
  const tables = tablesOf((index) => new CountTable(index));
  const decodeAndAdd = () => {
    for (let p = 0; p < spec.partitions; p++) {
      const { meter } = hostWith(2 ** 30);
      forEachBatch(openOutputs(inputs, spec, p, meter), meter, (batch) => void tables[batch.form].add(batch));
    }
  };
  decodeAndAdd();
  const decode = best(9, () => timed(decodeAndAdd));
  console.log(
    `blocks of 150k [word, count]: encode and write ${ms(encode)}, decode and add to a full table ${ms(decode)}`,
  );
}

function benchSortKeys(list) {
  const native = best(9, () => {
    const copy = list.slice();
    return timed(() => copy.sort());
  });
  const ours = best(9, () => {
    const copy = list.slice();
    return timed(() => sortKeys(0, copy));
  });
  console.log(`sort of ${list.length} distinct strings: native ${ms(native)}, ours ${ms(ours)}`);
}

async function benchPairs(how, fns, records, note) {
  const spec = { how, partitions: 8, descending: false, fns };
  let write = Infinity;
  let read = Infinity;
  let figures = "";
  for (let round = 0; round < 3; round++) {
    const host = hostWith(2 ** 30);
    const file = join(folder, `${how}-${round}`);
    const inputs = [{ file, attempt: "t1.1" }];
    const writer = createShuffleWriter(spec, file, folder, host);
    let since = cpuMs();
    for (const record of records) {
      const waiting = writer.push(record);
      if (waiting !== undefined) await waiting;
    }
    await writer.finish();
    write = Math.min(write, cpuMs() - since);
    let bounds = null;
    if (how === "sort") chooseBounds(spec, inputs, (bounds = join(folder, "bounds")), host);
    since = cpuMs();
    let n = 0;
    for (let p = 0; p < spec.partitions; p++)
      await createShuffleReader(spec, p, inputs, bounds, folder, hostWith(2 ** 30)).read(() => void n++);
    read = Math.min(read, cpuMs() - since);
    figures = `${(host.meter.bytesOut / 2 ** 20).toFixed(1)} MiB, ${n} out`;
  }
  console.log(
    `${how} ${note}: ${records.length} records: write ${ms(write)} (${((write * 1e6) / records.length).toFixed(0)} ns a record), read ${ms(read)} (${((read * 1e6) / records.length).toFixed(0)} ns a record), ${figures}`,
  );
}

try {
  const { list, draw } = vocabulary(200_000);
  const only = process.argv[4];
  if (!only || only === "count") await benchCount(draw);
  if (!only || only === "blocks") await benchBlocks(list);
  if (!only || only === "keys") benchSortKeys(list);
  const million = Array.from({ length: 1_000_000 }, draw);
  if (!only || only === "reduce")
    await benchPairs(
      "reduce",
      [(a, b) => a + b],
      million.map((word, i) => [word, i]),
      "words, numbers",
    );
  if (!only || only === "reduce2")
    await benchPairs(
      "reduce",
      [(a, b) => ({ n: a.n + b.n })],
      million.map((word, i) => [word, { n: i }]),
      "words, objects",
    );
  if (!only || only === "group")
    await benchPairs(
      "group",
      [],
      million.map((word, i) => [word, `file${i >> 16}`]),
      "words, file names",
    );
  if (!only || only === "group2")
    await benchPairs(
      "group",
      [],
      million.map((word, i) => [i % 1000, { a: i, b: word }]),
      "numbers, objects",
    );
  if (!only || only === "sort")
    await benchPairs(
      "sort",
      [],
      million.map((_, i) => [
        Buffer.from((Math.imul(i, 2654435761) >>> 0).toString(36).padStart(13, "x")).toString("latin1"),
        Buffer.from(`value ${i} `.repeat(8)).toString("latin1"),
      ]),
      "13-character keys, 100-character values",
    );
  if (!only || only === "sort2")
    await benchPairs(
      "sort",
      [],
      million.map((word, i) => [word, i]),
      "words",
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
