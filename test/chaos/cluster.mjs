// npm run chaos:cluster: word count on a cluster of real processes while one of everything is killed, every 2 seconds.
//
// A run: three workers (each slot a process), a cluster of nats-servers or one, and a client. Every `pace` one of them is
// drawn and killed by SIGKILL: a slot, a worker, the client (which holds the coordinator), a nats-server. What is killed is started again, the client
// with the same command; when its job has succeeded, its output is compared, and the next job begins, until there were
// `kills` kills. Then the job that runs may end. What must hold: every end is exit code 0 · the output of each job is
// that of a run on one machine, byte for byte · no task was finished twice, as each journal tells (but those whose worker
// was away when a client began, which are counted) · afterwards no process
// is left, and no file but what lasts. The seed draws whom and when; what is running then, the machine decides.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { importEngine } from "../../bench/engine.mjs";
import { generator } from "../../bench/random.mjs";
import { makeText } from "../../bench/text.mjs";
import { cli, digest, Marked, newProject, root } from "./lab.mjs";
import { Servers } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "64" },
    kills: { type: "string", default: "60" },
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "3" },
    nats: { type: "string", default: "1" },
    pace: { type: "string", default: "2000" },
    what: { type: "string", default: "slot,worker,client,nats" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run chaos:cluster -- [options]
Counts words on a cluster while its processes are killed -9; checks outputs, journals, files and processes.

  --size <MiB>       text to count (default 64)
  --kills <n>        kills in each run (default 60)
  --runs <n>         runs (default 1)
  --seed <n>         draws whom to kill, and when (default 1)
  --workers <n>      workers of one slot each (default 3)
  --nats <n>         nats-servers: 1 or 3 (default 1)
  --pace <ms>        from one kill to the next, on average (default 2000)
  --what <list>      who is killed: slot, worker, client, nats (default: all)
  --json             one line of JSON for each run`);
  process.exit(0);
}
const [size, kills, runs, firstSeed, workers, servers, pace] = [
  values.size,
  values.kills,
  values.runs,
  values.seed,
  values.workers,
  values.nats,
  values.pace,
].map(Number);
const kinds = values.what.split(",");
const lab = path.join(os.tmpdir(), "shoal-chaos");
const input = path.join(lab, `text-${size}.txt`);
makeText(input, size * 2 ** 20);
const marked = new Marked();
const { checkFinishedOnce } = await importEngine("test/checkers/finished-once.ts");

const command = (output) => [
  "run",
  path.join(root, "bench/word-count.ts"),
  "--input",
  input,
  "--output",
  output,
  "--quiet",
  "--split-size",
  `${Math.max(1, Math.floor((size * 1024) / 64))}k`,
  "--partitions",
  "16",
  // The client is the coordinator, so that it can be killed as one.
  "--attached",
];

function start(file, args, directory, log) {
  const out = log === undefined ? "ignore" : fs.openSync(log, "a");
  const child = spawn(file, args, { cwd: directory, stdio: ["ignore", "ignore", out], env: marked.env });
  if (log !== undefined) fs.closeSync(out);
  const one = { child, isOver: false };
  one.ended = new Promise((resolve) =>
    child.on("exit", (code, signal) => {
      one.isOver = true;
      resolve({ code, signal });
    }),
  );
  return one;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Names in a directory, which may be deleted meanwhile. */
function namesIn(directory) {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** What workers hold of jobs. */
const blocksIn = (directory) =>
  Array.from({ length: workers }, (_, n) => `w${n}/runs`).flatMap((runs) =>
    namesIn(path.join(directory, runs)).flatMap((run) =>
      ["blocks", "results", "fetched"].flatMap((kind) => {
        const folder = path.join(runs, run, kind);
        return namesIn(path.join(directory, folder)).map((name) => path.join(folder, name));
      }),
    ),
  );

async function chaos(seed, right) {
  const random = generator(seed);
  const directory = newProject(lab, `cluster-${seed}`);
  const project = path.join(directory, "project");
  fs.mkdirSync(project);
  fs.symlinkSync(root, path.join(directory, "shoal"));
  const problems = [];
  const counts = { slot: 0, worker: 0, client: 0, nats: 0, jobs: 0 };
  const startedAt = performance.now();
  const nats = await Servers.start(servers, directory, marked.env);
  const { url } = nats;
  const workerArgs = (n) => [
    cli,
    "worker",
    "--cluster",
    url,
    "--slots",
    "1",
    "--isolation",
    "process",
    "--directory",
    path.join(directory, `w${n}`),
  ];
  const startWorker = (n) =>
    start(process.execPath, workerArgs(n), directory, path.join(directory, `worker-${n}.log`));
  const team = Array.from({ length: workers }, (_, n) => startWorker(n));
  let client = null;
  let isStopping = false;
  let job = 0;
  const log = path.join(directory, "client.log");
  const startClient = () => {
    client = start(process.execPath, [cli, ...command(`out-${job}`), "--cluster", url], project, log);
  };

  let killed = 0;
  const killOne = async () => {
    const kind = kinds[Math.floor(random() * kinds.length)];
    const pick = (list) => list[Math.floor(random() * list.length)];
    if (kind === "slot") {
      const known = new Set([client?.child.pid, ...team.map(({ child }) => child.pid)]);
      const slots = marked.living().filter((pid) => {
        if (known.has(pid)) return false;
        try {
          return fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("slot.js");
        } catch {
          return false;
        }
      });
      if (slots.length === 0) return;
      try {
        process.kill(pick(slots), "SIGKILL");
      } catch {
        return; // it has just ended by itself
      }
    } else if (kind === "worker") {
      const n = Math.floor(random() * team.length);
      team[n].child.kill("SIGKILL");
      await team[n].ended;
      team[n] = startWorker(n);
    } else if (kind === "client") {
      if (client === null || client.isOver) return;
      client.child.kill("SIGKILL");
    } else {
      await nats.kill(pick(nats.all));
    }
    killed++;
    counts[kind]++;
  };
  const killing = (async () => {
    while (killed < kills && !isStopping) {
      await pause(pace * (0.5 + random()));
      if (!isStopping) await killOne();
    }
  })();

  do {
    startClient();
    const { code, signal } = await client.ended;
    if (signal === "SIGKILL") continue;
    if (code !== 0) {
      problems.push(
        `exit code ${code}: ${fs.readFileSync(log, "utf8").trim().split("\n").slice(-6).join(" | ")}`,
      );
      if (problems.length > 2) break;
      continue;
    }
    counts.jobs++;
    const output = path.join(project, `out-${job}`);
    if (digest(output) !== right.digest) problems.push(`the output of job ${job} differs`);
    fs.rmSync(output, { recursive: true, force: true });
    job++;
    // Whom the last kill hits is started again, too: the job that runs then ends.
  } while (killed < kills || client.child.signalCode === "SIGKILL");
  isStopping = true;
  await killing;
  // A worker that was killed last is told what is over when it is back.
  const patience = performance.now() + 15_000;
  while (blocksIn(directory).length > 0 && performance.now() < patience) await pause(100);
  for (const worker of team) worker.child.kill("SIGTERM");
  await Promise.race([Promise.all(team.map(({ ended }) => ended)), pause(15_000)]);
  nats.end();
  const left = await marked.allGone();
  if (left.length > 0) problems.push(`processes ${left.join(" ")} live on`);
  for (const pid of left) process.kill(pid, "SIGKILL");
  const blocks = blocksIn(directory);
  if (blocks.length > 0)
    problems.push(`${blocks.length} blocks are left behind: ${blocks.slice(0, 3).join(", ")}`);
  const stray = fs.readdirSync(project).filter((name) => name !== ".shoal");
  if (stray.length > 0) problems.push(`left behind: ${stray.slice(0, 5).join(", ")}`);
  const jobs = path.join(project, ".shoal/jobs");
  let incarnations = 0;
  let notFound = 0;
  for (const key of fs.existsSync(jobs) ? fs.readdirSync(jobs) : []) {
    const journal = await checkFinishedOnce(path.join(jobs, key, "journal"), true);
    incarnations += journal.incarnations;
    notFound += journal.notFound;
    problems.push(...journal.violations.slice(0, 3));
  }
  if (problems.length === 0) fs.rmSync(directory, { recursive: true, force: true });
  else problems.push(`see ${directory}`);
  return { seed, ...counts, incarnations, notFound, ms: Math.round(performance.now() - startedAt), problems };
}

async function clean() {
  const directory = newProject(lab, "clean");
  const startedAt = performance.now();
  const { code } = await start(process.execPath, [cli, ...command("out")], directory).ended;
  if (code !== 0) throw new Error(`the run on one machine ended with ${code}`);
  const found = { digest: digest(path.join(directory, "out")), ms: performance.now() - startedAt };
  fs.rmSync(directory, { recursive: true, force: true });
  return found;
}

const right = await clean();
if (!values.json) console.log(`${size} MiB on one machine: ${(right.ms / 1000).toFixed(1)} s`);
let failed = 0;
for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  const result = await chaos(seed, right);
  if (result.problems.length > 0) failed++;
  if (values.json) {
    console.log(JSON.stringify(result));
    continue;
  }
  const { slot, worker, client, nats, jobs, incarnations, notFound, ms, problems } = result;
  console.log(
    `seed ${seed}: killed ${slot} slots, ${worker} workers, ${client} clients, ${nats} nats-servers; ${jobs} jobs by ` +
      `${incarnations} clients, of which some did not find ${notFound} outputs; ` +
      `${(ms / 1000).toFixed(0)} s: ${problems.length === 0 ? "right" : "WRONG"}`,
  );
  for (const problem of problems) console.log(`  ${problem}`);
}
if (!values.json) console.log(`${runs - failed} of ${runs} right`);
if (failed > 0) process.exitCode = 1;
