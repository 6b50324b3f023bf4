// npm run bench:journal: what the journal costs, and how fast it is read.
//
//   node bench/journal.mjs [--tasks 10000] [--ms 50] [--slots 16] [--json]
//
// Runs a job of that many tasks, each of which waits that long. Then writes the journal that it left once more, record by
// record and with the same writes, and takes the time: that over the job's wall time is the share. Targets: at most 2 %
// of the wall time, at least 100,000 records a second read.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { importEngine } from "./engine.mjs";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "10000" },
    ms: { type: "string", default: "50" },
    slots: { type: "string", default: "16" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/journal.mjs [--tasks N] [--ms N] [--slots N] [--json]\nWhat the journal costs a job of N tasks, and how fast it is read.",
  );
  process.exit(0);
}
const here = path.dirname(fileURLToPath(import.meta.url));
const lab = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-journal-"));
const { Journal, readJournal, PastFold } = await importEngine(
  "src/store/journal/journal.ts",
  "src/store/journal/read.ts",
  "src/protocol/past.ts",
);

const tasks = Number(values.tasks);
const input = path.join(lab, "input.txt");
fs.writeFileSync(
  input,
  Array.from({ length: tasks }, (_, i) => `line ${String(i).padStart(10, "0")}\n`).join(""),
);
const args = [
  "run",
  path.join(here, "journal-job.ts"),
  "--input",
  input,
  "--ms",
  values.ms,
  "--slots",
  values.slots,
  "--split-size",
  "16",
  "--json",
  "--quiet",
];
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [path.join(here, "../dist/cli/main.js"), ...args],
  { cwd: lab, encoding: "utf8" },
);
if (status !== 0) throw new Error(`exit code ${status}\n${stderr}`);
const { wallMs } = JSON.parse(stdout).report;

const jobs = path.join(lab, ".shoal/jobs");
const directory = path.join(jobs, fs.readdirSync(jobs)[0], "journal");
const bytes = fs
  .readdirSync(directory)
  .reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0);

const readAt = performance.now();
const records = [];
for await (const record of readJournal(directory)) records.push(record);
const readMs = performance.now() - readAt;
const fold = new PastFold();
const foldAt = performance.now();
for (const record of records) fold.take(record);
const foldMs = performance.now() - foldAt;

const cpuAt = process.cpuUsage();
const writeAt = performance.now();
const journal = await Journal.open(path.join(lab, "copy/journal"), () => {});
for (const record of records) {
  journal.append(record);
  const kind = record.entry?.body.kind;
  if (kind === "AssignAttempt" || kind === "CommitOutput") journal.write();
}
await journal.close();
const writeMs = performance.now() - writeAt;
const { user, system } = process.cpuUsage(cpuAt);
fs.rmSync(lab, { recursive: true, force: true });

const cpuMs = (user + system) / 1000;
const figures = {
  tasks,
  slots: Number(values.slots),
  taskMs: Number(values.ms),
  wallMs,
  idealMs: (tasks * Number(values.ms)) / Number(values.slots),
  records: records.length,
  bytes,
  writeMs,
  cpuMs,
  share: Math.max(writeMs, cpuMs) / wallMs,
  readPerSecond: records.length / (readMs / 1000),
  foldPerSecond: records.length / (foldMs / 1000),
};
const isGood = figures.share <= 0.02 && figures.readPerSecond >= 100_000;
if (values.json) {
  console.log(JSON.stringify({ ...figures, isGood }));
} else {
  console.log(
    `job       ${tasks} tasks of ${values.ms} ms on ${values.slots} slots: ${(wallMs / 1000).toFixed(1)} s (${(figures.idealMs / 1000).toFixed(1)} s if nothing cost anything)`,
  );
  console.log(`journal   ${records.length} records, ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  console.log(
    `written   in ${writeMs.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of processor time): ${(figures.share * 100).toFixed(2)} % of the wall time (at most 2 %)`,
  );
  console.log(
    `read      ${Math.round(figures.readPerSecond)} records a second (at least 100000); folded at ${Math.round(figures.foldPerSecond)}`,
  );
}
process.exitCode = isGood ? 0 : 1;
