// npm run bench:straggler: what one slow slot costs.
//
//   node bench/straggler.mjs [--json]
//
// A job of equal tasks, once with a slot that takes ten times as long for each, once on the other slots alone, all
// healthy. Twice: with tasks that compute, on 2 slots; with tasks that wait, on 8. Target: at most 1.25 × the time of
// the healthy run, and no backup in a healthy run.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { json: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(
    "usage: node bench/straggler.mjs [--json]\nWhat one slot that is ten times slower costs, against a healthy run without it.",
  );
  process.exit(0);
}
const here = path.dirname(fileURLToPath(import.meta.url));
const cli = path.join(here, "../dist/cli/main.js");
const lab = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-straggler-"));
const input = path.join(lab, "input.txt");

/** Rounds of the job's arithmetic that take this long here and now. */
function roundsFor(ms) {
  let x = 1;
  const rounds = 50_000_000;
  const burn = () => {
    for (let i = 0; i < rounds; i++) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
  };
  burn();
  const startedAt = performance.now();
  burn();
  return x === 0.5 ? 0 : Math.round((ms / (performance.now() - startedAt)) * rounds);
}

function run(tasks, slots, options) {
  fs.writeFileSync(
    input,
    Array.from({ length: tasks }, (_, i) => `line ${String(i).padStart(10, "0")}\n`).join(""),
  );
  const args = [
    "run",
    path.join(here, "straggler.ts"),
    "--input",
    input,
    "--slots",
    String(slots),
    "--split-size",
    "16",
    "--json",
    "--quiet",
    ...options,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: lab,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`exit code ${status} of ${args.join(" ")}\n${stderr}`);
  const { value, report } = JSON.parse(stdout);
  if (value !== tasks || report.stages[0].tasks !== tasks)
    throw new Error(`${tasks} tasks and records expected, got ${report.stages[0].tasks} and ${value}`);
  return { seconds: report.wallMs / 1000, backups: report.backups };
}

const cases = [
  { name: "tasks that compute, 2 slots", tasks: 40, slots: 2, options: ["--rounds", String(roundsFor(600))] },
  { name: "tasks that wait, 8 slots", tasks: 280, slots: 8, options: ["--wait-ms", "600"] },
];
const results = [];
try {
  for (const { name, tasks, slots, options } of cases) {
    const healthy = run(tasks, slots - 1, options);
    const even = run(tasks, slots, options);
    const slow = run(tasks, slots, [...options, "--slow-slot", String(slots - 1)]);
    const ratio = slow.seconds / healthy.seconds;
    results.push({ name, healthy, even, slow, ratio });
    if (values.json) continue;
    console.log(
      `${name}: ${slow.seconds.toFixed(1)} s with one of them ten times slower (${slow.backups} backup), ` +
        `${healthy.seconds.toFixed(1)} s on ${slots - 1} healthy: ${ratio.toFixed(2)} × (target ≤ 1.25)`,
    );
    console.log(
      `  even: ${even.seconds.toFixed(1)} s on ${slots} healthy; backups in healthy runs: ${healthy.backups + even.backups} (target 0)`,
    );
  }
} finally {
  fs.rmSync(lab, { recursive: true, force: true });
}
if (values.json) console.log(JSON.stringify(results));
if (results.some(({ ratio, healthy, even }) => ratio > 1.25 || healthy.backups + even.backups > 0))
  process.exitCode = 1;
