// npm run bench:idle: what a cluster costs that has nothing to do, and what heartbeats cost the coordinator of a job.
//
//   node bench/idle.mjs [--workers 4] [--slots 2] [--seconds 30] [--beating 1000] [--skip idle] [--json]
//
// Real processes on a real nats-server on loopback. CPU time is the kernel's, of each process and all that it has
// started, over so many seconds, in per cent of one core. Then that of `shoal run` while so many workers (simulated, in
// one process: idle/workers.mjs) have one task each that does not end. Exit code 1 if a worker takes more than 1 %, or
// 1,000 workers' heartbeats more than 10 %.
import { fork, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { shareOfCore } from "./idle/processes.mjs";
import { freePort, listens } from "./net.mjs";

const limits = { worker: 1, coordinator: 10 };
const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "4" },
    slots: { type: "string", default: "2" },
    seconds: { type: "string", default: "30" },
    beating: { type: "string", default: "1000" },
    skip: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench:idle -- [--workers N] [--slots N] [--seconds N] [--beating N] [--skip idle] [--json]\nCPU of workers with nothing to do, and of a coordinator whose workers send heartbeats only.",
  );
  process.exit(0);
}
const [workers, slots, seconds, beating] = [values.workers, values.slots, values.seconds, values.beating].map(
  Number,
);
const root = fileURLToPath(new URL("..", import.meta.url));
const cli = path.join(root, "dist/cli/main.js");
const lab = mkdtempSync(path.join(tmpdir(), "shoal-bench-idle-"));
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(lab, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

const keep = (child) => {
  children.push(child);
  return child;
};

const port = await freePort();
const url = `nats://127.0.0.1:${port}`;
const server = keep(
  spawn("nats-server", ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", path.join(lab, "nats")], {
    stdio: "ignore",
  }),
);
while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 20));

const shoal = (...args) =>
  keep(spawn(process.execPath, [cli, ...args], { cwd: lab, stdio: ["ignore", "ignore", "pipe"] }));

/** Settles when the child says so. */
const said = (child, text) =>
  new Promise((resolve, reject) => {
    let all = "";
    child.stderr.on("data", (piece) => (all += piece).includes(text) && resolve());
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${all}`)));
  });

const succeeded = (child) =>
  new Promise((resolve, reject) => {
    let all = "";
    child.stderr.on("data", (piece) => (all += piece));
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}: ${all}`))));
  });

async function end(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function forked(name, ...args) {
  const child = keep(fork(new URL(`idle/${name}`, import.meta.url), args.map(String)));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  return child;
}

/**
 * The engine compiles what has begun, and some 8 s after it went idle, or up to 18 s after four workers began, collects
 * garbage once: neither is a cost of being idle.
 */
const settle = () => new Promise((resolve) => setTimeout(resolve, 24_000));

const figures = [];
const percent = (share) => `${share.toFixed(2)} %`;
const say = (line) => values.json || console.log(line);

async function measure(what, team, others = {}) {
  await settle();
  const [natsShare, ...shares] = await shareOfCore(
    [server.pid, ...team.map(({ pid }) => pid), ...Object.values(others).map(({ pid }) => pid)],
    seconds,
  );
  const figure = { what, workers: shares.slice(0, team.length), nats: natsShare };
  Object.keys(others).forEach((name, i) => (figure[name] = shares[team.length + i]));
  figures.push(figure);
  const rest = Object.keys(others).map((name) => `; ${name} ${percent(figure[name])}`);
  const each = team.length === 0 ? "" : `workers ${figure.workers.map(percent).join(", ")}; `;
  say(`${what}: ${each}nats-server ${percent(natsShare)}${rest.join("")}`);
  return figure;
}

writeFileSync(path.join(lab, "data.txt"), "a\nb\n");
writeFileSync(
  path.join(lab, "count.ts"),
  'import { job, read } from "shoal";\nexport default job({ input: "data.txt" }, ({ input }) => read.lines(input).count());\n',
);
async function idle() {
  say(
    `${workers} workers of ${slots} slots, ${seconds} s each, in per cent of a core (target ≤ ${limits.worker} % a worker)`,
  );
  const team = Array.from({ length: workers }, (_, n) =>
    shoal("worker", "--cluster", url, "--slots", `${slots}`, "--directory", path.join(lab, `w${n + 1}`)),
  );
  await Promise.all(team.map((worker) => said(worker, "is ready")));
  await measure("nothing to do", team);

  let client = await forked("client.mjs", url, path.join(lab, "state"), "connected");
  await measure("a client is connected", team, { client });
  await end(client);

  client = await forked("client.mjs", url, path.join(lab, "state"), "called");
  await measure("a client holds slots for calls", team, { client });
  await end(client);

  await succeeded(shoal("submit", "count.ts", "--cluster", url));
  await succeeded(shoal("attach", "s1", "--cluster", url));
  await measure("submitted jobs are over", team);
  for (const worker of team) await end(worker);
}
if (values.skip !== "idle") await idle();
const worst = Math.max(0, ...figures.flatMap((figure) => figure.workers));

// As many tasks as workers, in splits of one line.
writeFileSync(
  path.join(lab, "lines.txt"),
  Array.from({ length: beating }, (_, n) => `line ${String(n).padStart(10, "0")}\n`).join(""),
);
const beatingUrl = `${url}/beating`;
const runJob = () =>
  shoal(
    "run",
    "count.ts",
    "--input",
    "lines.txt",
    "--split-size",
    "16",
    "--fresh",
    "--attached",
    "--cluster",
    beatingUrl,
  );
let coordinator = runJob();
await said(coordinator, "no worker has joined yet");
const without = await measure("a job that nobody works on", [], { coordinator });
await end(coordinator);

coordinator = runJob();
const generator = await forked("workers.mjs", beatingUrl, beating);
/** Frames of the coordinator that the workers have heard. */
const heard = () =>
  new Promise((resolve) => {
    generator.once("message", (told) => resolve(told.heard));
    generator.send("heard?");
  });
const heardBefore = await heard();
const beats = await measure(`heartbeats of ${beating} workers`, [], { coordinator });
// One for each worker and second, or nothing was measured.
const answered = (await heard()) - heardBefore;
if (answered < beating * seconds * 0.9) throw new Error(`only ${answered} heartbeats were answered`);

const target = (limits.coordinator * beating) / 1000;
say(
  `an idle worker: at most ${percent(worst)} (target ≤ ${limits.worker} %)\n` +
    `heartbeats of ${beating} workers: ${percent(beats.coordinator)} at the coordinator, of which ` +
    `${percent(without.coordinator)} without them (target ≤ ${target} %)`,
);
if (values.json) console.log(JSON.stringify({ figures, worst, heartbeats: beats.coordinator }));
process.exit(worst <= limits.worker && beats.coordinator <= target ? 0 : 1);
