// npm run chaos:leaders: a submitted job whose leader is killed again and again: how long until another leads it, and
// whether any finished task was done again.
//
// --what lead: the process that leads; --what worker: the worker that started it, with the blocks that it holds, which
// are then made again.
//
// From SIGKILL to the first progress that the next leader tells, with the finished work taken over. The killed worker is
// started again, and so is the nats-server that --kill-nats kills with it. At the end: the output is that of one machine, and no task was finished twice, as the journal tells.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { clusterJobs, connect, workers as listWorkers } from "shoal";
import { importEngine } from "../../bench/engine.mjs";
import { makeText } from "../../bench/text.mjs";
import { cli, digest, killed, Marked, newProject, root } from "./lab.mjs";
import { Servers } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "30" },
    size: { type: "string", default: "64" },
    what: { type: "string", default: "lead" },
    nats: { type: "string", default: "1" },
    "kill-nats": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run chaos:leaders -- [--kills 30] [--size MiB] [--what lead|worker] [--nats 1|3] [--kill-nats] [--json]\nKills whoever leads a submitted job, and with --kill-nats a nats-server at the same time; tells how long until another leads.",
  );
  process.exit(0);
}
const kills = Number(values.kills);
const lab = path.join(os.tmpdir(), "shoal-chaos");
const input = path.join(lab, `text-${values.size}.txt`);
makeText(input, Number(values.size) * 2 ** 20);
const marked = new Marked();
const { checkFinishedOnce } = await importEngine("test/checkers/finished-once.ts");
const directory = newProject(lab, "leaders");
process.once("exit", () => marked.living().forEach(killed));

const nats = await Servers.start(Number(values.nats), directory, marked.env);
const { url } = nats;
const team = new Map();
function startWorker(n) {
  const log = fs.openSync(path.join(directory, `worker-${n}.log`), "a");
  const child = spawn(
    process.execPath,
    [cli, "worker", "--cluster", url, "--slots", "1", "--directory", path.join(directory, `w${n}`)],
    { stdio: ["ignore", "ignore", log], env: marked.env, cwd: directory },
  );
  fs.closeSync(log);
  team.set(child.pid, { n, child, ended: new Promise((resolve) => child.once("exit", resolve)) });
}
for (let n = 0; n < 3; n++) startWorker(n);

async function until(what, isSo, ms = 60_000) {
  const giveUpAt = performance.now() + ms;
  for (;;) {
    const found = await isSo().catch(() => false);
    if (found) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
await until("the workers are there", async () => (await listWorkers(url)).length === 3);
const job = path.join(root, "bench/slow-count.ts");
const shoal = await connect(url, { directory, stateDir: path.join(directory, ".shoal") });
const id = await shoal.submit(
  job,
  { input, output: path.join(directory, "out"), pauseMs: 0.4 },
  { splitBytes: 2 ** 18, partitions: 8 },
);
await shoal.close();
const jobs = await clusterJobs(url);
let progressed = () => {};
const following = jobs.attach(id, {
  onProgress: () => progressed(),
});
await new Promise((resolve) => (progressed = resolve));

/** The process that leads, of a worker. */
const leadOf = (worker) =>
  marked.running("lead.js").find((pid) => {
    try {
      const [, parent] = /\) [A-Z] (\d+) /.exec(fs.readFileSync(`/proc/${pid}/stat`, "latin1"));
      return Number(parent) === worker;
    } catch {
      return false;
    }
  }) ?? null;

const times = [];
for (let kill = 0; kill < kills; kill++) {
  const info = await jobs.info(id);
  if (info.state !== "running" && info.state !== "queued") break;
  const pid = info.leader?.pid;
  const victim = values.what === "worker" ? (team.has(pid) ? pid : null) : leadOf(pid);
  const began = performance.now();
  if (victim === null || !killed(victim)) {
    kill--;
    await new Promise((resolve) => setTimeout(resolve, 100));
    continue;
  }
  if (values["kill-nats"]) await nats.kill(nats.all[kill % nats.all.length]);
  await until("another leads it", async () => {
    const { leaders, state } = await jobs.info(id);
    return leaders > info.leaders || state === "succeeded";
  });
  if ((await jobs.info(id)).state === "succeeded") break;
  // What it says first, it says when it has taken over what is finished.
  await Promise.race([new Promise((resolve) => (progressed = resolve)), following.catch(() => {})]);
  times.push(performance.now() - began);
  if (values.what === "worker") {
    const { n } = team.get(pid);
    team.delete(pid);
    startWorker(n);
  }
  // Some work is done before the next one dies.
  await new Promise((resolve) => setTimeout(resolve, 1500));
}
await following;
const journal = await jobs.ask(id, async ({ stateDir }) => {
  const [key] = fs.readdirSync(path.join(stateDir, "jobs"));
  return await checkFinishedOnce(path.join(stateDir, "jobs", key, "journal"));
});
await jobs.close();
const there = digest(path.join(directory, "out"));
for (const pid of marked.living()) process.kill(pid, "SIGKILL");
await marked.allGone();
const here = spawn(
  process.execPath,
  [
    cli,
    "run",
    job,
    "--input",
    input,
    "--output",
    path.join(directory, "here"),
    "--partitions",
    "8",
    "--split-size",
    "1m",
    "--quiet",
    "--slots",
    "2",
    "--pause-ms",
    "0",
  ],
  { cwd: directory, stdio: ["ignore", "ignore", "inherit"] },
);
await new Promise((resolve) => here.once("exit", resolve));
const isSame = digest(path.join(directory, "here")) === there;
times.sort((a, b) => a - b);
const result = {
  kills: times.length,
  medianMs: Math.round(times[Math.floor(times.length / 2)]),
  worstMs: Math.round(times.at(-1)),
  isSame,
  finishedTwice: journal.violations,
};
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(
    `${times.length} leaders killed: another had taken over after ${(result.medianMs / 1000).toFixed(1)} s (median; target ≤ 5), ` +
      `${(result.worstMs / 1000).toFixed(1)} s at worst (target ≤ 8)`,
  );
  console.log(`output as on one machine: ${isSame}; tasks finished twice: ${journal.violations.length}`);
}
if (!isSame || (values.what === "lead" && journal.violations.length > 0)) process.exitCode = 1;
else fs.rmSync(directory, { recursive: true, force: true });
process.exit();
