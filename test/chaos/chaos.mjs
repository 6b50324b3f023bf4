// npm run chaos: word count of generated text while the whole program is killed again and again, and run again.
//
//   node test/chaos/chaos.mjs [--size 64] [--kills 10] [--runs 1] [--seed 1] [--slots 2] [--isolation thread|process] [--json]
//
// Each run: the command is started, killed by SIGKILL after a random time, and started again, `kills` times; then it may
// end. With --isolation process a random slot's process is killed every 2 seconds, too. What must hold at the end:
// exit code 0 · the output equals that of a run that nobody killed, byte for byte · no task was finished twice, as the
// journal tells (test/checkers/finished-once.ts) · no file but the output, the journal and bundles is left · no process
// is left, after each kill. The seed draws the times; what is running then, the machine decides.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { importEngine } from "../../bench/engine.mjs";
import { generator } from "../../bench/random.mjs";
import { makeText } from "../../bench/text.mjs";
import { cli, digest, Marked, newProject, root } from "./lab.mjs";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "64" },
    kills: { type: "string", default: "10" },
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    slots: { type: "string", default: "2" },
    isolation: { type: "string", default: "thread" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`usage: npm run chaos -- [options]
Counts words while the program is killed -9 and run again; checks output, journal, files and processes.

  --size <MiB>         text to count (default 64)
  --kills <n>          times that the whole program is killed in each run (default 10)
  --runs <n>           runs, each with a state of its own (default 1)
  --seed <n>           draws when to kill (default 1)
  --slots <n>          slots (default 2)
  --isolation <kind>   thread, or process: then a random slot is killed every 2 s, too (default thread)
  --json               one line of JSON for each run`);
  process.exit(0);
}
const [size, kills, runs, firstSeed] = [values.size, values.kills, values.runs, values.seed].map(Number);
const lab = path.join(os.tmpdir(), "shoal-chaos");
const input = path.join(lab, `text-${size}.txt`);
makeText(input, size * 2 ** 20);
const marked = new Marked();
const isolation = values.isolation === "thread" ? [] : ["--isolation", values.isolation];
const command = [
  "run",
  path.join(root, "bench/word-count.ts"),
  "--input",
  input,
  "--output",
  "out",
  "--slots",
  values.slots,
  "--quiet",
  ...isolation,
  "--split-size",
  `${Math.max(1, Math.floor((size * 1024) / 64))}k`,
  "--partitions",
  "16",
];

const { checkFinishedOnce } = await importEngine("test/checkers/finished-once.ts");

/** Starts the command in `directory`. */
function start(directory) {
  const child = spawn(process.execPath, [cli, ...command], {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
    env: marked.env,
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr = (stderr + chunk).slice(-10_000)));
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
  return { child, ended, said: () => stderr };
}

const lasting =
  /^\.shoal(\/(version\.json|swept|lock(\/\d+\.json)?|bundles(\/.*)?|jobs(\/[^/]+(\/job\.json|\/journal(\/journal-\d+\.log)?)?)?))?$/;

/** Files of attempts, drafts and stagings that should be gone. */
function leftovers(directory) {
  return fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^(out(\/.*)?|node_modules(\/.*)?)$/.test(name) && !lasting.test(name));
}

async function clean() {
  const directory = newProject(lab, "clean");
  const startedAt = performance.now();
  const { ended, said } = start(directory);
  const { code } = await ended;
  if (code !== 0) throw new Error(`the run that nobody kills ended with ${code}\n${said()}`);
  const found = { digest: digest(path.join(directory, "out")), ms: performance.now() - startedAt };
  fs.rmSync(directory, { recursive: true, force: true });
  return found;
}

/** Kills a random child of the program every 2 s, until told to stop. */
function killSlots(child, random, counts) {
  const timer = setInterval(() => {
    const slots = marked.living().filter((pid) => pid !== child.pid);
    if (slots.length === 0) return;
    try {
      process.kill(slots[Math.floor(random() * slots.length)], "SIGKILL");
      counts.slots++;
    } catch {
      // it has just ended by itself
    }
  }, 2000);
  return () => clearInterval(timer);
}

async function chaos(seed, right) {
  const random = generator(seed);
  const directory = newProject(lab, `run-${seed}`);
  const problems = [];
  const counts = { kills: 0, slots: 0, ends: 0 };
  const startedAt = performance.now();
  // So that most kills meet the job at work: a kill every so often, and what is finished by then is kept.
  const paceMs = Math.max(600, (right.ms / (kills + 1)) * 2);
  let last = null;
  while (counts.kills < kills || last?.code !== 0) {
    const isLast = counts.kills >= kills;
    const running = start(directory);
    const stopKilling = values.isolation === "process" ? killSlots(running.child, random, counts) : () => {};
    const timer = isLast ? null : setTimeout(() => running.child.kill("SIGKILL"), 100 + random() * paceMs);
    last = await running.ended;
    clearTimeout(timer);
    stopKilling();
    if (last.signal === "SIGKILL") counts.kills++;
    else if (last.code === 0) counts.ends++;
    else
      problems.push(`exit code ${last.code}: ${running.said().trim().split("\n").slice(0, 6).join(" | ")}`);
    const left = await marked.allGone();
    if (left.length > 0)
      problems.push(`processes ${left.join(" ")} live on after ${last.signal ?? last.code}`);
    for (const pid of left) process.kill(pid, "SIGKILL");
    if (problems.length > 3) break;
  }
  if (digest(path.join(directory, "out")) !== right.digest) {
    problems.push("the output differs from that of the run that nobody killed");
  }
  const stray = leftovers(directory);
  if (stray.length > 0) problems.push(`${stray.length} files left behind: ${stray.slice(0, 5).join(", ")}`);
  const jobs = path.join(directory, ".shoal/jobs");
  const [key] = fs.readdirSync(jobs);
  const journal = await checkFinishedOnce(path.join(jobs, key, "journal"));
  problems.push(...journal.violations.slice(0, 5));
  if (!journal.isClosed) problems.push("the journal is not closed");
  if (problems.length === 0) fs.rmSync(directory, { recursive: true, force: true });
  else problems.push(`see ${directory}`);
  const ms = Math.round(performance.now() - startedAt);
  return { seed, ...counts, incarnations: journal.incarnations, tasks: journal.finished, ms, problems };
}

let failed = 0;
const right = await clean();
if (!values.json) console.log(`${size} MiB, nobody kills: ${(right.ms / 1000).toFixed(1)} s`);
for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  const result = await chaos(seed, right);
  if (result.problems.length > 0) failed++;
  if (values.json) {
    console.log(JSON.stringify(result));
  } else {
    const slots = result.slots > 0 ? `, ${result.slots} slots killed` : "";
    console.log(
      `seed ${seed}: killed ${result.kills} times${slots}, ${result.incarnations} processes for ${result.tasks} tasks, ` +
        `${(result.ms / 1000).toFixed(1)} s: ${result.problems.length === 0 ? "right" : "WRONG"}`,
    );
    for (const problem of result.problems) console.log(`  ${problem}`);
  }
}
if (!values.json) console.log(`${runs - failed} of ${runs} right`);
if (failed > 0) {
  process.exitCode = 1;
  if (!values.json) {
    console.log(
      `npm run chaos -- --size ${values.size} --kills ${values.kills} --runs ${values.runs} --seed ${values.seed} ` +
        `--slots ${values.slots} --isolation ${values.isolation}`,
    );
  }
}
