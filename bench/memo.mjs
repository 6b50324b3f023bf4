// npm run bench:memo: what a cached result costs, beside a plain remote call of the same function, one call at a time.
//
//   node bench/memo.mjs [--calls 20000] [--entries 20000] [--json]
//
// Each case is a function and arguments that differ from call to call, of which the results are kept; hits and plain calls
// alternate in blocks, so that both see the same noise. The aim (issue 4, figure 6): a hit in 20 µs.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "20000" },
    entries: { type: "string", default: "20000" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/memo.mjs [--calls N] [--entries N] [--json]\nA cached result beside a plain remote call: microseconds, p50 and p99.",
  );
  process.exit(0);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const { connect, memo } = await import(pathToFileURL(path.join(root, "dist/index.js")).href);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-memo-bench-"));
fs.writeFileSync(
  path.join(dir, "functions.ts"),
  `export const add = (a: number, b: number): number => a + b;
export const user = (u: { id: number; name: string; tags: string[] }) => ({ id: u.id, name: u.name.length, ok: true });
export const total = (bytes: Uint8Array): number => bytes.length;
export const table = (n: number): Float64Array => new Float64Array(1000).fill(n);
`,
);

const shoal = await connect({ slots: 1, directory: dir });
const fns = shoal.use("functions.ts");
const calls = Number(values.calls);
const entries = Number(values.entries);
const cases = {
  "two numbers": [fns.add, (n) => [n, 1], entries],
  "an object": [fns.user, (n) => [{ id: n, name: "Ada Lovelace", tags: ["a", "b"] }], entries],
  "64 KiB of bytes": [fns.total, (n) => [new Uint8Array(65_536).fill(n)], 100],
  "a number, 1,000 numbers back": [fns.table, (n) => [n], 1000],
};

const blocks = 10;
async function measure(fn, argumentsOf, count, times, from) {
  for (let i = 0; i < calls / blocks; i++) {
    const args = argumentsOf((from + i * 7919) % count);
    const before = performance.now();
    await fn(...args);
    times.push((performance.now() - before) * 1000);
  }
}
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
const summary = (times) => {
  const sorted = times.sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), p999: quantile(sorted, 0.999) };
};

const result = {};
for (const [name, [fn, argumentsOf, count]] of Object.entries(cases)) {
  const kept = memo(fn);
  for (let first = 0; first < count; first += 500) {
    await Promise.all(
      Array.from({ length: Math.min(500, count - first) }, (_, n) => kept(...argumentsOf(first + n))),
    );
  }
  const [hits, plain] = [[], []];
  for (let block = 0; block < blocks; block++) {
    await measure(fn, argumentsOf, count, plain, block);
    await measure(kept, argumentsOf, count, hits, block);
  }
  result[name] = { hit: summary(hits), plain: summary(plain) };
}

const items = Array.from({ length: entries }, (_, n) => ({ id: n, name: "Ada Lovelace", tags: ["a", "b"] }));
const before = performance.now();
await shoal.map(memo(fns.user), items).toArray();
const mapped = { itemsPerSecond: Math.round(entries / ((performance.now() - before) / 1000)) };
await shoal.close();
fs.rmSync(dir, { recursive: true, force: true });

if (values.json) console.log(JSON.stringify({ calls: result, map: mapped }));
else {
  console.log(
    `${"µs".padEnd(32)} ${"hit p50".padStart(9)} ${"p99".padStart(8)}   ${"plain p50".padStart(9)} ${"p99".padStart(8)}`,
  );
  for (const [name, { hit, plain }] of Object.entries(result)) {
    const cells = [hit.p50, hit.p99, plain.p50, plain.p99].map((us) => us.toFixed(1));
    console.log(
      `${name.padEnd(32)} ${cells[0].padStart(9)} ${cells[1].padStart(8)}   ${cells[2].padStart(9)} ${cells[3].padStart(8)}`,
    );
  }
  console.log(
    `map() over ${entries} items that are all kept: ${mapped.itemsPerSecond.toLocaleString("en")} items/s`,
  );
}
