// The coordinator at scale: 1,000,000 tasks on 10, 100 and 1,000 workers through the real machine.
//
//   node bench/coordinator.mjs [--tasks 1000000] [--workers 10,100,1000] [--json]
//
// What is measured is the machine alone: `handle` and `nextDeadline`, as the event loop calls them, with two events an
// attempt (started, finished) that come from the attempts in flight in random order; one in ten thousand tasks fails
// once, and some workers are lost on the way. Each size runs in a process of its own, so that the peak is its own.
// Exit code 1 if a decision takes more than 10 µs, a size takes more than 512 MB, or the curve is not flat.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const limits = { microseconds: 10, rssMB: 512, flatness: 2 };
const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "1000000" },
    workers: { type: "string", default: "10,100,1000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    bundle: { type: "string" },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/coordinator.mjs [--tasks N] [--workers N,N,…] [--json]\nµs a decision and peak memory of the coordinator, by number of workers.",
  );
  process.exit(0);
}

/** One size, in this process. */
async function measure(bundle, tasks, workers) {
  const { createCoordinator, defaultLimits } = await import(pathToFileURL(bundle).href);
  const figures = {
    recordsIn: 1,
    recordsOut: 1,
    bytesIn: 1,
    bytesOut: 1,
    spills: 0,
    spilledBytes: 0,
    skipped: 0,
    waitMs: 0,
    runMs: 100,
    counters: {},
  };
  const error = { name: "Error", message: "once" };
  const machine = createCoordinator();
  const inFlight = [];
  const lost = new Set();
  let seed = 12345;
  const below = (n) => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296) * n);
  let events = 0,
    now = 0,
    assigned = 0,
    winners = null,
    outcome = null;
  const give = (event) => {
    events++;
    for (const effect of machine.handle(event, now)) {
      if (effect.kind === "AssignAttempt") {
        inFlight.push({ attempt: effect.attempt, worker: effect.worker });
        assigned++;
      } else if (effect.kind === "CommitOutput") winners = effect.winners;
      else if (effect.kind === "FinishJob") outcome = effect.outcome;
    }
    machine.nextDeadline();
  };
  const reduces = Math.max(1, Math.floor(tasks / 100));
  const stages = [
    { name: "map", tasks: tasks - reduces, reads: [], output: "blocks" },
    { name: "reduce", tasks: reduces, reads: [0], output: "kept" },
  ];
  const cpuAtStart = process.cpuUsage();
  give({ kind: "JobSubmitted", job: { id: "j1", stages, limits: defaultLimits } });
  for (let n = 1; n <= workers; n++) give({ kind: "WorkerJoined", worker: `w${n}`, slots: 4 });
  let joined = workers;
  let nextLoss = Math.floor(tasks / 4);
  while (winners === null) {
    if ((events & 63) === 0) now++;
    const at = below(inFlight.length);
    const one = inFlight[at];
    inFlight[at] = inFlight[inFlight.length - 1];
    inFlight.pop();
    if (lost.has(one.worker)) continue;
    if (assigned >= nextLoss) {
      // A worker in a hundred is lost, four times in all: its outputs are made again.
      nextLoss += Math.floor(tasks / 4);
      for (let i = 0; i < Math.ceil(workers / 100); i++) {
        const worker = `w${1 + below(joined)}`;
        if (lost.has(worker)) continue;
        lost.add(worker);
        give({ kind: "WorkerLost", worker, reason: "exit" });
        give({ kind: "WorkerJoined", worker: `w${++joined}`, slots: 4 });
      }
      if (lost.has(one.worker)) continue;
    }
    give({ kind: "AttemptStarted", ...one, slot: 0 });
    if (below(10_000) === 0)
      give({ kind: "AttemptFailed", ...one, failure: { kind: "error", final: false, error } });
    else give({ kind: "AttemptFinished", ...one, figures });
  }
  give({ kind: "OutputCommitted" });
  // Processor time, that of the garbage collector's threads too: the wall's tells more about who else is on the machine.
  const { user, system } = process.cpuUsage(cpuAtStart);
  const ms = (user + system) / 1000;
  if (outcome?.kind !== "succeeded" || winners.length !== reduces)
    throw new Error(`the job ${outcome?.kind}`);
  return {
    workers,
    tasks,
    assigned,
    events,
    seconds: ms / 1000,
    microseconds: (ms * 1000) / events,
    rssMB: process.resourceUsage().maxRSS / 1024,
  };
}

if (values.bundle !== undefined) {
  console.log(JSON.stringify(await measure(values.bundle, Number(values.tasks), Number(values.workers))));
} else {
  const { bundleEngine } = await import("./engine.mjs");
  const lab = mkdtempSync(path.join(os.tmpdir(), "shoal-bench-"));
  try {
    const bundle = path.join(lab, "coordinator.mjs");
    await bundleEngine(bundle, "src/core/coordinator/coordinator.ts", "src/core/types.ts");
    const rows = values.workers.split(",").map((workers) => {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), "--bundle", bundle, "--tasks", values.tasks, "--workers", workers],
        { encoding: "utf8" },
      );
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    });
    const times = rows.map(({ microseconds }) => microseconds);
    const flatness = Math.max(...times) / Math.min(...times);
    const isWell =
      rows.every(({ microseconds, rssMB }) => microseconds <= limits.microseconds && rssMB <= limits.rssMB) &&
      flatness <= limits.flatness;
    if (values.json) console.log(JSON.stringify({ rows, flatness, isWell }));
    else {
      console.log("workers      tasks   decisions   seconds   µs/decision   peak MB");
      for (const row of rows) {
        console.log(
          [
            String(row.workers).padStart(7),
            String(row.tasks).padStart(10),
            String(row.events).padStart(11),
            row.seconds.toFixed(2).padStart(9),
            row.microseconds.toFixed(2).padStart(13),
            row.rssMB.toFixed(0).padStart(9),
            ` ${"█".repeat(Math.round(row.microseconds * 4))}`,
          ].join(" "),
        );
      }
      console.log(
        `\nslowest to fastest ${flatness.toFixed(2)} (at most ${limits.flatness}); limits: ${limits.microseconds} µs a decision, ${limits.rssMB} MB: ${isWell ? "kept" : "NOT KEPT"}`,
      );
    }
    process.exitCode = isWell ? 0 : 1;
  } finally {
    rmSync(lab, { recursive: true, force: true });
  }
}
