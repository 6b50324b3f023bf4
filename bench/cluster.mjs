// npm run bench:cluster: small calls on a cluster of two workers on loopback, beside BullMQ on Redis and Dask distributed;
// one call at a time beside a bare NATS request; and a word count on two workers of one slot beside two slots of one
// process. All in one run.
//
//   node bench/cluster.mjs [--rounds 3] [--size 1024] [--skip bull,dask,words] [--json]
//
// nats-server, redis-server and python3-distributed are Debian packages; what is not there is left out, and said.
import { fork, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, mkdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { listens } from "./net.mjs";
import { makeText } from "./text.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    size: { type: "string", default: "1024" },
    skip: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench:cluster -- [--rounds N] [--size MiB] [--skip bull,dask,words] [--json]\nA cluster on loopback, beside BullMQ, Dask and bare NATS.",
  );
  process.exit(0);
}
const skipped = new Set(values.skip.split(","));
const root = fileURLToPath(new URL("..", import.meta.url));
const cli = path.join(root, "dist/cli/main.js");
const lab = mkdtempSync(path.join(tmpdir(), "shoal-bench-cluster-"));
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(lab, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

async function serve(command, args, port) {
  children.push(spawn(command, args, { stdio: "ignore" }));
  for (let tries = 0; !(await listens(port)); tries++) {
    if (tries > 500) throw new Error(`${command} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function forked(name, ...args) {
  const child = fork(new URL(`cluster/${name}`, import.meta.url), args.map(String));
  children.push(child);
  await new Promise((resolve) => child.once("message", resolve));
  return child;
}

const there = (command) => spawnSync("which", [command]).status === 0;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const p50 = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];

const [natsPort, redisPort] = [14_622, 14_679];
const url = `nats://127.0.0.1:${natsPort}`;
await serve(
  "nats-server",
  ["-a", "127.0.0.1", "-p", natsPort, "-js", "-sd", path.join(lab, "nats")].map(String),
  natsPort,
);

// Before anybody is connected: who makes a text does not come back to its event loop, and would lose its slots.
const input = path.join(tmpdir(), "shoal-bench", `text-${values.size}.txt`);
if (!skipped.has("words")) makeText(input, Number(values.size) * 2 ** 20);

const startWorker = (n) =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [cli, "worker", "--cluster", url, "--slots", "1", "--directory", path.join(lab, `w${n}`)],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    children.push(child);
    child.stderr.on("data", (text) => text.includes("is ready") && resolve());
    child.once("exit", (code) => reject(new Error(`a worker ended with ${code}`)));
  });
await Promise.all([startWorker(1), startWorker(2)]);

const { connect } = await import("shoal");
const shoal = await connect(url, { stateDir: path.join(lab, "state") });
const { inc } = shoal.use(new URL("calls/functions.ts", import.meta.url));
const calls = 50_000;
const sequential = 5000;

async function shoalFigures() {
  let began = performance.now();
  const results = await Promise.all(Array.from({ length: calls }, (_, n) => inc(n)));
  const rate = calls / ((performance.now() - began) / 1000);
  if (results.reduce((sum, x) => sum + x, 0) !== (calls * (calls + 1)) / 2) throw new Error("a wrong sum");
  const times = new Float64Array(sequential);
  for (let n = 0; n < sequential; n++) {
    began = performance.now();
    if ((await inc(n)) !== n + 1) throw new Error("a wrong result");
    times[n] = (performance.now() - began) * 1000;
  }
  return { rate, p50: p50(times) };
}

const { connect: connectNats } = await import("@nats-io/transport-node");
const bare = await connectNats({ servers: url });
await forked("nats-echo.mjs", url);
async function natsFigures() {
  const payload = new Uint8Array(16);
  const times = new Float64Array(sequential);
  for (let n = 0; n < sequential; n++) {
    const began = performance.now();
    await bare.request("bench.echo", payload, { timeout: 5000 });
    times[n] = (performance.now() - began) * 1000;
  }
  return { p50: p50(times) };
}

let bullFigures = null;
if (!skipped.has("bull") && there("redis-server")) {
  const quiet = ["--save", "", "--appendonly", "no", "--dir", lab];
  await serve("redis-server", ["--port", String(redisPort), "--bind", "127.0.0.1", ...quiet], redisPort);
  const { Queue, QueueEvents } = await import("bullmq");
  const { Redis } = await import("ioredis");
  const dialled = () => new Redis({ host: "127.0.0.1", port: redisPort, maxRetriesPerRequest: null });
  const connection = dialled();
  const queue = new Queue("calls", { connection, defaultJobOptions: { removeOnComplete: { count: 1000 } } });
  const events = new QueueEvents("calls", { connection: dialled() });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  await Promise.all([forked("bull-worker.mjs", redisPort, 50), forked("bull-worker.mjs", redisPort, 50)]);
  bullFigures = async () => {
    const jobs = 20_000;
    let ended = 0;
    const all = new Promise((resolve) => {
      const count = () => {
        if (++ended === jobs) {
          events.off("completed", count);
          resolve();
        }
      };
      events.on("completed", count);
    });
    const began = performance.now();
    for (let n = 0; n < jobs; n += 1000) {
      await queue.addBulk(Array.from({ length: 1000 }, (_, k) => ({ name: "inc", data: { x: n + k } })));
    }
    await all;
    return { rate: jobs / ((performance.now() - began) / 1000) };
  };
  await bullFigures();
}

// Debian's own, for which the package is; whatever else is on PATH has none.
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
const isDaskThere = !skipped.has("dask") && spawnSync(python, ["-c", "import distributed"]).status === 0;
/** Not by spawnSync: a client that does not come back to its event loop for 10 s is silent, and loses its slots. */
function ended(file, args, options = {}) {
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${path.basename(file)} ${args[0]} ended with ${code}: ${stderr}`));
    });
  });
}

const tasks = fileURLToPath(new URL("cluster/tasks.py", import.meta.url));
const daskFigures = async () => ({ rate: Number(await ended(python, [tasks, "2000"])) });

/** Seconds of a word count: on the two workers, and in one process. */
async function wordCount(output, ...where) {
  const project = path.join(lab, output);
  mkdirSync(path.join(project, "node_modules"), { recursive: true });
  symlinkSync(root, path.join(project, "node_modules/shoal"));
  const job = path.join(root, "bench/word-count.ts");
  const args = [cli, "run", job, "--input", input, "--output", "out", "--quiet", ...where];
  const began = performance.now();
  await ended(process.execPath, args, { cwd: project });
  const seconds = (performance.now() - began) / 1000;
  rmSync(project, { recursive: true, force: true });
  return seconds;
}
await shoalFigures();
const seen = { shoal: [], shoalP50: [], natsP50: [], bull: [], dask: [], here: [], there: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  const ours = await shoalFigures();
  seen.shoal.push(ours.rate);
  seen.shoalP50.push(ours.p50);
  seen.natsP50.push((await natsFigures()).p50);
  if (bullFigures !== null) seen.bull.push((await bullFigures()).rate);
  if (isDaskThere) seen.dask.push((await daskFigures()).rate);
  if (!skipped.has("words")) {
    seen.here.push(await wordCount(`here-${round}`, "--slots", "2"));
    seen.there.push(await wordCount(`there-${round}`, "--cluster", url));
  }
}
const ratios = (a, b) => median(a.map((value, round) => value / b[round]));
if (values.json) console.log(JSON.stringify(seen));
else {
  const whole = (n) => Math.round(n).toLocaleString("en");
  console.log(`small calls: ${whole(median(seen.shoal))} a second`);
  if (seen.bull.length > 0) {
    console.log(
      `  BullMQ ${whole(median(seen.bull))} jobs a second: ${ratios(seen.shoal, seen.bull).toFixed(1)} × (target ≥ 3)`,
    );
  } else console.log("  BullMQ: left out");
  if (seen.dask.length > 0) {
    console.log(
      `  Dask ${whole(median(seen.dask))} tasks a second: ${ratios(seen.shoal, seen.dask).toFixed(1)} × (target ≥ 20)`,
    );
  } else console.log("  Dask: left out");
  console.log(
    `one call at a time, p50: ${median(seen.shoalP50).toFixed(0)} µs; a bare NATS request ` +
      `${median(seen.natsP50).toFixed(0)} µs: ${ratios(seen.shoalP50, seen.natsP50).toFixed(2)} × (target ≤ 1.5)`,
  );
  if (seen.there.length > 0) {
    console.log(
      `word count of ${values.size} MiB: ${median(seen.there).toFixed(1)} s on 2 workers of one slot, ` +
        `${median(seen.here).toFixed(1)} s on 2 slots of one process: ${ratios(seen.there, seen.here).toFixed(2)} × (target ≤ 1.15)`,
    );
  }
}
await shoal.close();
await bare.close();
process.exit(0);
