// npm run chaos:cluster: word count on a cluster of real processes while one of everything is killed, every 2 seconds.
//
// A run: three workers (each slot a process), nats-servers, and a client. Every `pace` one of them is drawn and killed by
// SIGKILL: a slot, a worker, the process that leads the job, the client, a nats-server. What is killed is started again, the
// client with the same command; when its job has succeeded, its output is compared, and the next job begins, until there were
// `kills` kills. Then the job that runs may end. With --attached the client is the job's coordinator, else some worker leads
// it. With --namespaces each of them is a machine with an address of its own, over TLS.
//
// What must hold: every end is exit code 0 · the output of each job is that of a run on one machine, byte for byte · no task
// was finished twice, as each journal tells (but those whose worker was away when a coordinator began, which are counted) ·
// afterwards no process is left, no namespace, no link, and no file but what lasts. The seed draws whom and when; what is
// running then, the machine decides.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { clusterJobs } from "shoal";
import { importEngine } from "../../bench/engine.mjs";
import { generator } from "../../bench/random.mjs";
import { makeText } from "../../bench/text.mjs";
import { cli, digest, killed, Marked, newProject, root, tailOf, watched } from "./lab.mjs";
import { LoopbackCluster } from "./loopback-cluster.mjs";
import { NetCluster } from "./net-cluster.mjs";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "64" },
    "pause-ms": { type: "string", default: "0" },
    kills: { type: "string", default: "60" },
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    beside: { type: "string", default: "1" },
    workers: { type: "string", default: "3" },
    nats: { type: "string", default: "1" },
    namespaces: { type: "boolean", default: false },
    subnet: { type: "string", default: "10.231.80" },
    attached: { type: "boolean", default: false },
    pace: { type: "string", default: "2000" },
    what: { type: "string" },
    limit: { type: "string", default: "300" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run chaos:cluster -- [options]
Counts words on a cluster while its processes are killed -9; checks outputs, journals, files and processes.

  --size <MiB>       text to count (default 64)
  --pause-ms <ms>    what a job waits at each line (default 0)
  --kills <n>        kills in each run (default 60)
  --runs <n>         runs (default 1)
  --seed <n>         of the first run: draws whom to kill, and when (default 1)
  --beside <n>       runs at a time (default 1)
  --workers <n>      workers of one slot each (default 3)
  --nats <n>         nats-servers: 1 or 3 (default 1)
  --namespaces       machines that are network namespaces, over TLS, with 3 nats-servers. Needs root and iproute2
  --subnet <a.b.c>   of the machines of the first run that is under way; the next one has the next (default 10.231.80)
  --attached         the client is the coordinator; else the jobs are left to the cluster
  --pace <ms>        from one kill to the next, on average (default 2000)
  --what <list>      who is killed: slot, worker, leader, client, nats (default: all that there are)
  --limit <s>        a job that takes longer once nobody is killed any more is wrong (default 300)
  --json             one line of JSON for each run`);
  process.exit(0);
}
const [size, kills, runs, firstSeed, beside, workers, pace, limit] = [
  values.size,
  values.kills,
  values.runs,
  values.seed,
  values.beside,
  values.workers,
  values.pace,
  values.limit,
].map(Number);
const kinds = (
  values.what ?? (values.attached ? "slot,worker,client,nats" : "slot,worker,leader,client,nats")
).split(",");
const lab = path.join(os.tmpdir(), "shoal-chaos");
const input = path.join(lab, `text-${size}.txt`);
makeText(input, size * 2 ** 20);
const { checkFinishedOnce } = await importEngine("test/checkers/finished-once.ts");

const command = (output) => [
  "run",
  path.join(root, "bench/slow-count.ts"),
  "--input",
  input,
  "--output",
  output,
  "--quiet",
  "--split-size",
  `${Math.max(1, Math.floor((size * 1024) / 64))}k`,
  "--partitions",
  "16",
];
const pauses = ["--pause-ms", values["pause-ms"]];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Files below a directory, which may be deleted meanwhile. */
function filesIn(directory) {
  try {
    return fs
      .readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

/** Of three octets, the last one so much further. */
const subnetAt = (n) => values.subnet.replace(/\d+$/, (last) => String(Number(last) + n));

class Chaos {
  counts = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  problems = [];
  job = 0;
  team = new Map();
  client = null;
  isStopping = false;

  constructor(seed, lane, right) {
    this.random = generator(seed);
    this.right = right;
    this.directory = newProject(lab, `cluster-${seed}`);
    this.project = path.join(this.directory, "project");
    fs.mkdirSync(this.project);
    this.marked = new Marked();
    const { directory } = this;
    const options = { directory, env: this.marked.env, workers };
    this.cluster = values.namespaces
      ? new NetCluster({ ...options, subnet: subnetAt(lane) })
      : new LoopbackCluster({ ...options, servers: Number(values.nats) });
    process.once("exit", this.leave);
  }

  /** Nothing of it outlives this process, however it ends. */
  leave = () => {
    process.off("exit", this.leave);
    for (const pid of this.marked.living()) killed(pid);
    this.cluster.close();
  };

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  get kills() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  startWorker(name) {
    this.team.set(name, this.cluster.startWorker(name, 1));
  }

  /** Whether there was one to be killed. */
  async killOne(kind) {
    const { cluster, marked, team, client } = this;
    if (kind === "slot" || kind === "leader") {
      const there = marked.running(kind === "slot" ? "slot.js" : "lead.js");
      return there.length > 0 && killed(this.pick(there));
    }
    if (kind === "client") return client !== null && !client.isOver && client.child.kill("SIGKILL");
    if (kind === "worker") {
      const name = this.pick(cluster.workerNames);
      team.get(name).child.kill("SIGKILL");
      await team.get(name).ended;
      this.startWorker(name);
    } else {
      const name = this.pick(cluster.serverNames);
      await cluster.killServer(name);
      cluster.startServer(name);
    }
    return true;
  }

  async kill() {
    while (this.kills < kills && !this.isStopping) {
      await pause(pace * (0.5 + this.random()));
      if (this.isStopping) return;
      const kind = this.pick(kinds);
      if (!(await this.killOne(kind))) continue;
      this.counts[kind]++;
      fs.appendFileSync(this.cluster.log("kills"), `${new Date().toISOString()} ${kind}\n`);
    }
  }

  /** Its jobs, one after the other, until there were enough kills. */
  async work() {
    const { cluster, project, problems } = this;
    const how = values.attached ? ["--attached"] : [];
    const late = this.killing.then(() => pause(limit * 1000)).then(() => "late");
    do {
      const args = [...command(`out-${this.job}`), ...pauses, "--cluster", cluster.option, ...how];
      this.client = cluster.startClient(args, { cwd: project });
      const { child, ended } = this.client;
      const code = await Promise.race([ended, late]);
      if (code === "late") return void problems.push(`job ${this.job} did not end`);
      if (child.signalCode === "SIGKILL") continue;
      if (code !== 0) {
        problems.push(`exit code ${code}: ${tailOf(cluster.log("client"))}`);
        if (problems.length > 2) return;
        continue;
      }
      const output = path.join(project, `out-${this.job}`);
      if (digest(output) !== this.right) problems.push(`the output of job ${this.job} differs`);
      fs.rmSync(output, { recursive: true, force: true });
      this.job++;
      // Whom the last kill hits is started again, too: the job that runs then ends.
    } while (this.kills < kills || this.client.child.signalCode === "SIGKILL");
  }

  /** What workers hold of jobs. */
  held() {
    return this.cluster.workerNames.flatMap((name) =>
      ["runs", "lead"].flatMap((folder) => filesIn(path.join(this.directory, name, folder))),
    );
  }

  /** What the journals tell: of the clients, or of whoever led. */
  async journals() {
    const total = { coordinators: 0, notFound: 0 };
    const look = async (journal) => {
      const { incarnations, notFound, violations } = await checkFinishedOnce(journal, true);
      total.coordinators += incarnations;
      total.notFound += notFound;
      this.problems.push(...violations.slice(0, 3));
    };
    const lookAll = async (folder) => {
      for (const key of fs.existsSync(folder) ? fs.readdirSync(folder) : [])
        await look(path.join(folder, key, "journal"));
    };
    if (values.attached) {
      await lookAll(path.join(this.project, ".shoal/jobs"));
      return total;
    }
    const jobs = await clusterJobs(this.cluster.url);
    for (const { id, state } of await jobs.list()) {
      if (state !== "succeeded") this.problems.push(`${id} is ${state}`);
      await jobs.ask(id, ({ stateDir }) => lookAll(path.join(stateDir, "jobs")));
    }
    await jobs.close();
    return total;
  }

  async run() {
    const { cluster, problems, team } = this;
    await cluster.init();
    for (const name of cluster.workerNames) this.startWorker(name);
    // A client waits for no server: there is one when a worker has found it.
    const ready = () => cluster.workerNames.every((name) => tailOf(cluster.log(name)).includes("is ready"));
    for (const until = performance.now() + 60_000; !ready(); await pause(50))
      if (performance.now() > until) throw new Error("the workers are not ready within 60 s");
    this.killing = this.kill();
    await this.work();
    this.isStopping = true;
    await this.killing;
    const journals = await this.journals();
    // A worker that was killed last is told what is over when it is back.
    for (const until = performance.now() + 15_000; this.held().length > 0; await pause(100))
      if (performance.now() > until) break;
    for (const { child } of team.values()) child.kill("SIGTERM");
    await Promise.race([Promise.all([...team.values()].map(({ ended }) => ended)), pause(15_000)]);
    cluster.endServers();
    const left = await this.marked.allGone();
    if (left.length > 0) problems.push(`processes ${left.join(" ")} live on`);
    const held = this.held();
    if (held.length > 0)
      problems.push(`${held.length} files are left behind: ${held.slice(0, 3).join(", ")}`);
    const stray = fs.readdirSync(this.project).filter((name) => name !== ".shoal");
    if (stray.length > 0) problems.push(`left behind: ${stray.slice(0, 5).join(", ")}`);
    return journals;
  }

  async result() {
    const startedAt = performance.now();
    let journals = {};
    try {
      journals = await this.run();
    } catch (error) {
      this.problems.push(String(error instanceof Error ? error.stack : error));
    }
    this.leave();
    const { problems, directory, counts, job } = this;
    if (problems.length === 0) fs.rmSync(directory, { recursive: true, force: true });
    else problems.push(`see ${directory}`);
    return { ...counts, jobs: job, ...journals, ms: Math.round(performance.now() - startedAt), problems };
  }
}

async function clean() {
  const cwd = newProject(lab, "clean");
  const log = path.join(cwd, "log");
  const { env } = process;
  const args = [cli, ...command("out"), "--pause-ms", "0"];
  const code = await watched(process.execPath, args, { cwd, env, log, machine: null }).ended;
  if (code !== 0) throw new Error(`the run on one machine ended with ${code}: ${tailOf(log)}`);
  const right = digest(path.join(cwd, "out"));
  fs.rmSync(cwd, { recursive: true, force: true });
  return right;
}

const right = await clean();
let nextSeed = firstSeed;
let failed = 0;
async function lane(which) {
  while (nextSeed < firstSeed + runs) {
    const seed = nextSeed++;
    const result = await new Chaos(seed, which, right).result();
    if (result.problems.length > 0) failed++;
    if (values.json) {
      console.log(JSON.stringify({ seed, ...result }));
      continue;
    }
    const { jobs, coordinators, notFound, ms, problems } = result;
    const killedAll = kinds.map((kind) => `${result[kind]} ${kind === "nats" ? "nats-server" : kind}s`);
    console.log(
      `seed ${seed}: killed ${killedAll.join(", ")}; ${jobs} jobs by ${coordinators} coordinators, of which some did ` +
        `not find ${notFound} outputs; ${(ms / 1000).toFixed(0)} s: ${problems.length === 0 ? "right" : "WRONG"}`,
    );
    for (const problem of problems) console.log(`  ${problem}`);
  }
}
await Promise.all(Array.from({ length: beside }, (_, which) => lane(which)));
if (!values.json) console.log(`${runs - failed} of ${runs} right`);
process.exit(failed > 0 ? 1 : 0);
