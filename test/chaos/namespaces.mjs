// npm run chaos:namespaces: a cluster of machines with addresses of their own, over TLS, as `shoal cluster init --host` makes
// it, whose links are cut, whose workers are stopped and whose NATS servers die all at once.
//
// Seven machines: three NATS servers, three workers, a client. What must hold: word count, sort and join give the bytes of a
// run on one machine · so does a long job through every fault · no task was finished twice, as its journal tells · work goes
// on within 15 s of healing · what a worker finishes that was given up meanwhile is refused, and counted · afterwards no
// process, namespace, link or file is left.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { importEngine } from "../../bench/engine.mjs";
import { makeText } from "../../bench/text.mjs";
import { digest, killed, Marked, newProject, root, tailOf } from "./lab.mjs";
import { NetCluster } from "./net-cluster.mjs";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "8" },
    "long-size": { type: "string", default: "8" },
    "pause-ms": { type: "string", default: "3" },
    cut: { type: "string", default: "20" },
    stop: { type: "string", default: "30" },
    only: { type: "string", default: "same,worker,coordinator,servers,stop" },
    input: { type: "string" },
    s3: { type: "boolean", default: false },
    env: { type: "string", multiple: true, default: [] },
    subnet: { type: "string", default: "10.231.77" },
    "nats-server": { type: "string", default: process.env.SHOAL_NATS_SERVER ?? "nats-server" },
    limit: { type: "string", default: "900" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run chaos:namespaces -- [options]
Runs jobs on a cluster of network namespaces, over TLS, and breaks it. Needs root and iproute2.

  --size <MiB>         text of word count, sort and join (default 8)
  --long-size <MiB>    text of the job through which things break (default 8)
  --pause-ms <ms>      what it waits at each line (default 3)
  --cut <s>            how long a link is cut (default 20)
  --stop <s>           how long a worker is stopped (default 30)
  --only <list>        of: same, worker, coordinator, servers, stop (default: all)
  --input <address>    what word count, sort and join read, instead of a text that is made here
  --s3                 word count, sort and join read from, and write to, a bucket of an S3 server (Ceph's) that all reach
  --env <NAME=value>   for the workers and the client, and the run on one machine; may be repeated
  --subnet <a.b.c>     of the machines; .254 is this side of their bridge (default 10.231.77)
  --nats-server <file> (default: SHOAL_NATS_SERVER, or the one on PATH)
  --limit <s>          everything is given up after so long (default 900)
  --json               one line of JSON`);
  process.exit(0);
}

const [cutMs, stopMs, limitMs] = [values.cut, values.stop, values.limit].map((text) => Number(text) * 1000);
const only = new Set(values.only.split(","));
const progressMaxMs = 15_000;
const labFolder = path.join(os.tmpdir(), "shoal-chaos");
const long = path.join(labFolder, `text-${values["long-size"]}.txt`);
const input = values.input ?? path.join(labFolder, `text-${values.size}.txt`);
makeText(long, Number(values["long-size"]) * 2 ** 20);
if (values.input === undefined) makeText(input, Number(values.size) * 2 ** 20);

const marked = new Marked();
const env = { ...marked.env };
for (const pair of values.env) env[pair.slice(0, pair.indexOf("="))] = pair.slice(pair.indexOf("=") + 1);
const { checkFinishedOnce, readJournal } = await importEngine(
  "test/checkers/finished-once.ts",
  "src/store/journal/read.ts",
);

const directory = newProject(labFolder, "namespaces");
const problems = [];
const figures = {};
let cluster = null;
let clientEnv = {};

function cleanUp(keeps) {
  for (const pid of marked.living()) killed(pid);
  cluster?.close();
  cluster = null;
  if (!keeps) fs.rmSync(directory, { recursive: true, force: true });
}
// lab.mjs ends the processes on these; namespaces and files are ours.
for (const signal of ["SIGINT", "SIGTERM"]) process.prependOnceListener(signal, () => cleanUp(false));
process.once("exit", () => cleanUp(true));
const deadline = setTimeout(() => {
  console.error(`given up after ${limitMs / 1000} s; see ${directory}`);
  process.exit(1);
}, limitMs);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const note = (text) => values.json || console.log(text);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

async function until(what, isSo, ms = 60_000) {
  const giveUpAt = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${ms / 1000} s in vain until ${what}`);
    await pause(50);
  }
}

const tail = (name) => tailOf(cluster.log(name));
/** By the client's machine, in the cluster. */
const ask = (args, log = "client") =>
  cluster.startClient([...args, "--cluster", cluster.option], { env: { ...env, ...clientEnv }, log });

const jobs = {
  "word count": path.join(root, "bench/word-count.ts"),
  sort: path.join(root, "test/chaos/jobs/sort.ts"),
  join: path.join(root, "test/chaos/jobs/join.ts"),
};
const longJob = path.join(root, "bench/slow-count.ts");
const splits = (mib) => [
  "--split-size",
  `${Math.max(16, Math.floor((mib * 1024) / 96))}k`,
  "--partitions",
  "8",
];

async function runHere(job, from, mib, more) {
  const output = path.join(directory, "here");
  const args = ["run", job, "--input", from, "--output", output, "--quiet", ...splits(mib), ...more];
  const code = await cluster.shoal(null, args, { log: "here" }).ended;
  if (code !== 0) throw new Error(`the run on one machine ended with ${code}: ${tail("here")}`);
  const found = digest(output);
  fs.rmSync(output, { recursive: true });
  return found;
}

/** Where word count, sort and join read and write. */
const shared = {
  input,
  output: path.join(directory, "out-same"),
  digest: () => digest(shared.output),
  clear: () => fs.rmSync(shared.output, { recursive: true, force: true }),
};

let s3 = null;

/** The same text in a bucket. Credentials are in the environment of all machines; the endpoint travels with the job. */
async function useBucket() {
  const { startS3, Bucket } = await importEngine("test/kit/s3.ts", "src/store/objects/bucket.ts");
  s3 = await startS3(cluster.net.hostAddress);
  const { AWS_ENDPOINT_URL_S3, ...credentials } = s3.env;
  Object.assign(env, credentials, { SHOAL_CACHE_BYTES: "0" });
  Object.assign(process.env, s3.env);
  await s3.makeBucket("shared");
  const bucket = new Bucket({ bucket: "shared", store: { endpoint: s3.endpoint, region: null } });
  await bucket.upload("in/text", input);
  clientEnv = { AWS_ENDPOINT_URL_S3 };
  shared.input = "s3://shared/in";
  shared.output = "s3://shared/out";
  const keys = async () => [...(await bucket.list("out/", true)).objects.keys()];
  shared.digest = async () => {
    const folder = path.join(directory, "copy");
    fs.mkdirSync(folder);
    for (const key of await keys())
      fs.writeFileSync(path.join(folder, path.basename(key)), await bucket.read(key, null, 0, Infinity));
    const found = digest(folder);
    fs.rmSync(folder, { recursive: true });
    return found;
  };
  shared.clear = async () => bucket.delete(await keys());
}

async function same() {
  for (const [name, job] of Object.entries(jobs)) {
    const right = await runHere(job, input, Number(values.size), []);
    const { output } = shared;
    const began = performance.now();
    const args = [
      "run",
      job,
      "--input",
      shared.input,
      "--output",
      output,
      "--quiet",
      ...splits(Number(values.size)),
    ];
    const code = await ask(args).ended;
    const isSame = code === 0 && (await shared.digest()) === right;
    if (!isSame) problems.push(`${name}: exit code ${code}, output differs: ${tail("client")}`);
    note(
      `${name}${values.s3 ? " over a bucket" : ""}: ${isSame ? "the same bytes as on one machine" : "WRONG"}, ${seconds(performance.now() - began)}`,
    );
    figures[name] = isSame;
    await shared.clear();
  }
}

/** The journal so far: finished attempts that counted, refused ones, when (Unix ms), and by whom. */
async function journalOf(project) {
  const folder = path.join(directory, project, ".shoal/jobs");
  const finished = [];
  const refused = [];
  const [key] = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  if (key === undefined) return { finished, refused, key };
  let skew = 0;
  let last = null;
  for await (const record of readJournal(path.join(folder, key, "journal"))) {
    if (record.kind === "opened") skew = record.at - record.clock;
    if (record.kind !== "entry" || record.entry.machine !== "coordinator") continue;
    const { id, at, cause, type, body } = record.entry;
    if (body.kind === "AttemptFinished") {
      last = { id, at: at + skew, attempt: body.attempt };
      finished.push(last);
    } else if (type === "effect" && body.kind === "EventIgnored" && last !== null && cause === last.id) {
      refused.push(finished.pop());
    }
    if (body.kind === "AssignAttempt") workerOf.set(body.attempt, body.worker);
  }
  return { finished, refused, key };
}
const workerOf = new Map();

let longDigest = null;
let longJobs = 0;

/** Runs the long job, breaks something in the middle, and waits for its end. `fault` gives when all was whole again. */
async function through(what, fault) {
  longDigest ??= await runHere(longJob, long, Number(values["long-size"]), ["--pause-ms", "0"]);
  const project = `project-${++longJobs}`;
  const output = path.join(directory, project, "out");
  fs.mkdirSync(path.join(directory, project));
  const args = [
    "run",
    longJob,
    "--input",
    long,
    "--output",
    output,
    "--pause-ms",
    values["pause-ms"],
    "--quiet",
  ];
  const state = ["--state", path.join(directory, project, ".shoal")];
  const began = performance.now();
  const client = ask([...args, ...state, ...splits(Number(values["long-size"])), "--attached"]);
  const count = async () => (await journalOf(project)).finished.length;
  await until("some tasks are finished", async () => client.isOver || (await count()) >= 8);
  const before = await count();
  const result = {};
  const healedAt = await fault({ count, result });
  const during = await count();
  if (client.isOver) problems.push(`${what}: the job was over before all was whole again`);
  await until("work goes on", async () => client.isOver || (await count()) > during);
  const found = await journalOf(project);
  const next = found.finished.find(({ at }) => at > healedAt);
  result.progressMs = next === undefined ? null : next.at - healedAt;
  const code = await client.ended;
  const { finished, refused, key } = await journalOf(project);
  const once = await checkFinishedOnce(path.join(directory, project, ".shoal/jobs", key, "journal"), true);
  const isSame = code === 0 && digest(output) === longDigest;
  if (!isSame) problems.push(`${what}: exit code ${code}, output differs: ${tail("client")}`);
  for (const line of once.violations.slice(0, 3)) problems.push(`${what}: ${line}`);
  if (result.progressMs === null || result.progressMs > progressMaxMs)
    problems.push(
      `${what}: no progress within ${progressMaxMs / 1000} s of healing: ${result.progressMs} ms`,
    );
  Object.assign(result, {
    meanwhile: during - before,
    refused: refused.length,
    isSame,
    finishedTwice: once.violations.length,
    seconds: Math.round((performance.now() - began) / 1000),
  });
  result.backMs = await backAfter(result.machine, finished, healedAt);
  figures[what] = result;
  note(
    `${what}: ${result.meanwhile} tasks finished meanwhile, the next ${seconds(result.progressMs ?? NaN)} after healing` +
      `${result.backMs == null ? "" : `, by that worker after ${seconds(result.backMs)}`}; ` +
      `${refused.length} late commits refused, ${once.violations.length} tasks finished twice, ` +
      `${isSame ? "the same bytes" : "WRONG"}, ${result.seconds} s`,
  );
}

/** When the worker on that machine, whatever its id is now, finished something again. */
async function backAfter(machine, finished, healedAt) {
  if (machine === undefined) return null;
  const log = cluster.log("workers");
  fs.rmSync(log, { force: true });
  await ask(["workers", "--json"], "workers").ended;
  const { workers } = JSON.parse(fs.readFileSync(log, "utf8"));
  const worker = workers.find(({ url }) => url.includes(`//${cluster.net.address(machine)}:`))?.worker;
  const first = finished.find(({ at, attempt }) => at > healedAt && workerOf.get(attempt) === worker);
  return first === undefined ? null : first.at - healedAt;
}

const cutting = (machine) => async () => {
  cluster.net.cut(machine);
  await pause(cutMs);
  cluster.net.mend(machine);
  return Date.now();
};

try {
  const { subnet, "nats-server": natsServer } = values;
  cluster = new NetCluster({ directory, env, subnet, natsServer });
  const { serverNames, workerNames, servers } = cluster;
  await cluster.init();
  if (values.s3) await useBucket();
  const team = new Map(workerNames.map((name) => [name, cluster.startWorker(name, 2)]));
  await until("the workers are ready", () => workerNames.every((name) => tail(name).includes("is ready")));
  note("three NATS servers and three workers are there, over TLS");

  if (only.has("same")) await same();
  if (only.has("worker")) {
    await through("a worker is cut off", async ({ result }) => {
      result.machine = "w1";
      return await cutting("w1")();
    });
  }
  if (only.has("coordinator")) await through("the coordinator is cut off", cutting(cluster.clientName));
  if (only.has("servers")) {
    await through("all NATS servers are killed at once", async () => {
      for (const { child } of servers.values()) child.kill("SIGKILL");
      await Promise.all([...servers.values()].map(({ ended }) => ended));
      await pause(2000);
      for (const name of serverNames) cluster.startServer(name);
      return Date.now();
    });
  }
  if (only.has("stop")) {
    await through("a worker is stopped", async ({ result }) => {
      result.machine = "w2";
      const { pid } = team.get("w2").child;
      process.kill(pid, "SIGSTOP");
      await pause(stopMs);
      process.kill(pid, "SIGCONT");
      return Date.now();
    });
    if (figures["a worker is stopped"].refused === 0)
      problems.push("no late commit was refused: nothing was shown");
  }

  for (const { child } of team.values()) child.kill("SIGTERM");
  await Promise.race([Promise.all([...team.values()].map(({ ended }) => ended)), pause(15_000)]);
  cluster.endServers();
  await s3?.close();
  const left = await marked.allGone();
  if (left.length > 0) problems.push(`processes ${left.join(" ")} live on`);
  const blocks = fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => /^w\d\/runs\/[^/]+\/(blocks|results|fetched)\/./.test(name));
  if (blocks.length > 0)
    problems.push(`${blocks.length} blocks are left behind: ${blocks.slice(0, 3).join(", ")}`);
} catch (error) {
  problems.push(String(error instanceof Error ? error.stack : error));
}
clearTimeout(deadline);
if (problems.length > 0) problems.push(`see ${directory}`);
cleanUp(problems.length > 0);
if (values.json) console.log(JSON.stringify({ ...figures, problems }));
else for (const problem of problems) console.log(`  ${problem}`);
note(problems.length === 0 ? "all right" : "WRONG");
process.exitCode = problems.length === 0 ? 0 : 1;
