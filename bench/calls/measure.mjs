// Measures one system, in a process of its own: one line of JSON. usage: measure.mjs SYSTEM
import { pools } from "./pools.mjs";

const [name] = process.argv.slice(2);
const calls = 100_000;
const sequential = 20_000;
const megabytes = 3_000;

const percentile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
const pool = await pools[name]();

for (let round = 0; round < 3; round++) {
  await Promise.all(Array.from({ length: 2000 }, (_, n) => pool.inc(n)));
}

const together = async () => {
  const began = performance.now();
  const results = await Promise.all(Array.from({ length: calls }, (_, n) => pool.inc(n)));
  const seconds = (performance.now() - began) / 1000;
  if (results.reduce((sum, x) => sum + x, 0) !== (calls * (calls + 1)) / 2) throw new Error("a wrong sum");
  return calls / seconds;
};
const rates = [await together(), await together(), await together()].sort((a, b) => a - b);

const trips = new Float64Array(sequential);
for (let n = 0; n < sequential; n++) {
  const began = performance.now();
  if ((await pool.inc(n)) !== n + 1) throw new Error("a wrong result");
  trips[n] = (performance.now() - began) * 1000;
}
trips.sort();

/** GB/s of buffers that slots make and hand over, eight calls at a time. */
const moved = async () => {
  let next = 0;
  let bytes = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (next < megabytes) {
        next++;
        const buffer = await pool.megabyte();
        if (buffer.length !== 1_048_576 || buffer[0] !== 1 || buffer[1_048_575] !== 2)
          throw new Error("a wrong buffer");
        bytes += buffer.length;
      }
    }),
  );
  return bytes / 1e6 / (performance.now() - began);
};
// The first passes are slower for all: the heap's limits for buffers grow with what is seen.
const passes = [];
for (let pass = 0; pass < 5; pass++) passes.push(await moved());
const gigabytesPerSecond = passes.sort((a, b) => a - b)[2];

const result = {
  name,
  callsPerSecond: Math.round(rates[1]),
  p50: percentile(trips, 0.5),
  p99: percentile(trips, 0.99),
  p999: percentile(trips, 0.999),
  gigabytesPerSecond,
};
if (name === "shoal") Object.assign(result, await ownFigures(pool.shoal));
console.log(JSON.stringify(result));
await pool.close();
process.exit(0);

async function ownFigures(shoal) {
  const { shared } = await import("shoal");
  const { inc, lengthOf } = shoal.use(new URL("functions.ts", import.meta.url));
  const items = 1_000_000;
  const each = async () => {
    const began = performance.now();
    let sum = 0;
    for await (const x of shoal.map(inc, numbers(items))) sum += x;
    if (sum !== (items * (items + 1)) / 2) throw new Error("a wrong sum");
    return items / ((performance.now() - began) / 1000);
  };
  const maps = [await each(), await each(), await each()].sort((a, b) => a - b);
  const data = shared(new Uint8Array(64 * 2 ** 20));
  await Promise.all([lengthOf(data), lengthOf(data)]);
  const times = [];
  for (let n = 0; n < 21; n++) {
    const began = performance.now();
    await Promise.all([lengthOf(data), lengthOf(data)]);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return { itemsPerSecond: Math.round(maps[1]), sharedMs: times[10] };
}

function* numbers(count) {
  for (let n = 0; n < count; n++) yield n;
}
