// npm run bench:calls: calls of functions, side by side in one run with piscina, tinypool and workerpool, two threads each.
//
//   together    100,000 calls of x + 1, awaited together
//   one by one  20,000 calls, each awaited before the next: round trips
//   megabytes   5,000 results of 1 MB that change hands, 8 at a time
//   map         1,000,000 items through shoal.map, read one by one
//   shared      64 MB of shared() to both slots
//   cold        connect() and the first result, in a new process; then the first result of a second module
//
// Each system in a process of its own, in turn, for several rounds; medians of the rounds, and ratios within each round.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench:calls -- [--rounds N] [--json]\nCalls of functions, beside other thread pools.",
  );
  process.exit(0);
}
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const run = (name, ...args) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [file(name), ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
};
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const systems = ["shoal", "piscina", "tinypool", "workerpool"];
const rounds = [];
const cold = [];
for (let round = 0; round < Number(values.rounds); round++) {
  rounds.push(Object.fromEntries(systems.map((name) => [name, run("calls/measure.mjs", name)])));
  cold.push(run("calls/cold.mjs"));
}
const of = (name, field) => median(rounds.map((round) => round[name][field]));
const peers = systems.slice(1);
/** Ours against the best of the peers in the same round. */
const against = (field, best) =>
  median(rounds.map((round) => round.shoal[field] / best(...peers.map((name) => round[name][field]))));
const figures = {
  rounds: rounds.length,
  systems: Object.fromEntries(
    systems.map((name) => [
      name,
      Object.fromEntries(
        ["callsPerSecond", "p50", "p99", "p999", "gigabytesPerSecond"].map((field) => [
          field,
          of(name, field),
        ]),
      ),
    ]),
  ),
  ratios: {
    callsPerSecond: against("callsPerSecond", Math.max),
    p50: against("p50", Math.min),
    p999: against("p999", Math.min),
    gigabytesPerSecond: against("gigabytesPerSecond", Math.max),
  },
  itemsPerSecond: of("shoal", "itemsPerSecond"),
  sharedMs: of("shoal", "sharedMs"),
  coldMs: median(cold.map(({ firstMs }) => firstMs)),
  secondModuleMs: median(cold.map(({ secondMs }) => secondMs)),
};
if (values.json) console.log(JSON.stringify(figures));
else print(figures);

function print({ systems, ratios, itemsPerSecond, sharedMs, coldMs, secondModuleMs }) {
  console.log("               calls/s   one call p50 / p99 / p99.9 µs     GB/s of 1 MB");
  for (const [name, { callsPerSecond, p50, p99, p999, gigabytesPerSecond }] of Object.entries(systems)) {
    const trips = [p50, p99, p999].map((micros) => micros.toFixed(1).padStart(9)).join("");
    console.log(
      `${name.padEnd(12)} ${String(Math.round(callsPerSecond)).padStart(9)} ${trips} ${gigabytesPerSecond.toFixed(1).padStart(17)}`,
    );
  }
  const line = (what, ratio, target) =>
    console.log(`${what.padEnd(34)} ${ratio.toFixed(2)} × (target ${target})`);
  console.log("shoal against the best of the others:");
  line("  calls awaited together", ratios.callsPerSecond, "≥ 3");
  line("  one call, p50", ratios.p50, "≤ 0.7");
  line("  one call, p99.9", ratios.p999, "≤ 1");
  line("  1 MB buffers moved", ratios.gigabytesPerSecond, "≥ 1");
  console.log(`map                 ${itemsPerSecond.toLocaleString("en")} items/s (target ≥ 1,000,000)`);
  console.log(`shared 64 MB        ${sharedMs.toFixed(2)} ms to both slots (target ≤ 2)`);
  console.log(`cold                ${coldMs.toFixed(0)} ms to the first result (target ≤ 150)`);
  console.log(`second module       ${secondModuleMs.toFixed(0)} ms (target ≤ 60)`);
}
