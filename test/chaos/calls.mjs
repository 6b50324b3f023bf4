// npm run chaos:calls: a million calls, of which some are aborted and some throw, while slots are killed. Every call must
// settle, with what it should settle with; afterwards memory and handles are what they were.
//
//   npm run chaos:calls -- [--calls 1000000] [--isolation thread] [--seed 1] [--json]
//
// 1 % of the calls are aborted, 1 % throw; every second a slot is killed: a thread ends itself in the middle of its calls by
// a door that nothing guards, a process gets SIGKILL. 5,000 calls are under way at any time.
import { readdirSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { connect, isShoalError } from "shoal";
import { generator } from "../../bench/random.mjs";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    isolation: { type: "string", default: "thread" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run chaos:calls -- [--calls N] [--isolation thread|process] [--seed N] [--json]\nMany calls while slots are killed; checks that every one settles, and that nothing is left.",
  );
  process.exit(0);
}
if (globalThis.gc === undefined) {
  const args = ["--expose-gc", fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.exit(spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1);
}

const calls = Number(values.calls);
const inFlight = 5000;
const random = generator(Number(values.seed));
const stateDir = mkdtempSync(path.join(tmpdir(), "shoal-chaos-calls-"));
const settled = new Uint8Array(calls);
const counts = { returned: 0, threw: 0, aborted: 0, lost: 0, wrong: 0 };
const wrongs = [];

function count(n, kind) {
  settled[n]++;
  counts[kind]++;
}

async function one(functions, n) {
  const pick = random();
  const controller = pick < 0.01 ? new AbortController() : null;
  const shouldThrow = n % 100 === 7;
  const call =
    controller === null ? functions.sometimes(n) : functions.sometimes.with({ signal: controller.signal })(n);
  if (controller !== null) setImmediate(() => controller.abort());
  try {
    const value = await call;
    if (value !== n || shouldThrow) throw new Error(`call ${n} gave ${value}`);
    count(n, "returned");
  } catch (error) {
    if (shouldThrow && error instanceof RangeError && error.message === `no ${n}`) count(n, "threw");
    else if (controller?.signal.aborted && error === controller.signal.reason) count(n, "aborted");
    else if (isShoalError(error, "SLOT_LOST")) count(n, "lost");
    else {
      count(n, "wrong");
      wrongs.push(String(error));
    }
  }
}

const children = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1]) === process.pid;
      } catch {
        return false;
      }
    })
    .map(Number);

const memory = () => {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + external + arrayBuffers) / 2 ** 20;
};

let kills = 0;
const began = performance.now();
const shoal = await connect({ slots: 2, isolation: values.isolation, stateDir, onOutput: () => {} });
const functions = shoal.use(new URL("../../bench/calls/functions.ts", import.meta.url));
for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 2000 }, () => functions.inc(1)));
const before = { memory: memory(), handles: handles() };

const killing = setInterval(() => {
  if (values.isolation === "process") {
    const pids = children();
    if (pids.length === 0) return;
    process.kill(pids[Math.floor(random() * pids.length)], "SIGKILL");
    kills++;
  } else
    void functions.endThread
      .with({ priority: 1 })()
      .catch(() => kills++);
}, 1000);
let next = 0;
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    while (next < calls) await one(functions, next++);
  }),
);
clearInterval(killing);
// What was replaced last is there again.
await Promise.all(Array.from({ length: 100 }, () => functions.inc(1)));
const figures = shoal.callFigures();
await new Promise((resolve) => setTimeout(resolve, 100));
const after = { memory: memory(), handles: handles() };
await shoal.close();
await new Promise((resolve) => setTimeout(resolve, 100)); // handles of processes that have ended close a turn later
const closed = handles();
rmSync(stateDir, { recursive: true, force: true });

function handles() {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/^(TTYWrap|PipeWrap|Immediate|Timeout)$/.test(name)).length;
}

const once = settled.every((times) => times === 1);
const seconds = (performance.now() - began) / 1000;
const growth = after.memory - before.memory;
const isRight =
  once && counts.wrong === 0 && kills > 0 && growth < 16 && figures.waiting + figures.running === 0;
const result = {
  calls,
  ...counts,
  kills,
  seconds,
  once,
  before,
  after,
  handlesClosed: closed,
  figures,
  isRight,
};
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(
    `${calls.toLocaleString("en")} calls in ${seconds.toFixed(1)} s, ${kills} slots killed: ${counts.returned} returned, ` +
      `${counts.threw} threw, ${counts.aborted} were aborted, ${counts.lost} were lost with their slot`,
  );
  console.log(`every call settled exactly once: ${once}; settled wrong: ${counts.wrong}`);
  console.log(
    `memory ${before.memory.toFixed(1)} MiB before, ${after.memory.toFixed(1)} after; handles ${before.handles} before, ` +
      `${after.handles} after, ${closed} when closed`,
  );
  for (const wrong of wrongs.slice(0, 5)) console.log(`  ${wrong}`);
  console.log(isRight ? "right" : "WRONG");
}
process.exitCode = isRight ? 0 : 1;
