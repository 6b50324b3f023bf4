// What a job costs: `shoal each` beside GNU parallel and xargs, 1,000 times `true`, two at a time, alternating.
//
//   node bench/each.mjs [--rounds 5] [--jobs 1000]

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    jobs: { type: "string", default: "1000" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log("usage: node bench/each.mjs [--rounds 5] [--jobs 1000]");
  process.exit(0);
}
const cli = process.env.SHOAL_CLI ?? path.join(import.meta.dirname, "../dist/cli/main.js");
const scratch = mkdtempSync(path.join(os.tmpdir(), "shoal-bench-each-"));
const list = path.join(scratch, "list");
writeFileSync(list, Array.from({ length: Number(values.jobs) }, (_, i) => `${i}\n`).join(""));
const programs = {
  "shoal each": [process.execPath, cli, "each", "-j2", "true", "::::", list],
  "GNU parallel": ["parallel", "-j2", "true", "::::", list],
  "xargs (no output kept apart)": ["xargs", "-a", list, "-n1", "-P2", "sh", "-c", "true"],
};
const env = { ...process.env, HOME: scratch, PARALLEL_SHELL: "/bin/sh" };
const times = new Map(Object.keys(programs).map((name) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, [program, ...args]] of Object.entries(programs)) {
    const before = performance.now();
    const { status, error } = spawnSync(program, args, { env, stdio: "ignore" });
    if (error === undefined && status === 0) times.get(name).push(performance.now() - before);
  }
}
rmSync(scratch, { recursive: true, force: true });
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const ours = median(times.get("shoal each"));
for (const [name, all] of times) {
  if (all.length === 0) console.log(`${name}: not installed, or failed`);
  else {
    const ms = median(all);
    const perJob = (ms / Number(values.jobs)).toFixed(2);
    console.log(
      `${name}: ${(ms / 1000).toFixed(2)} s, ${perJob} ms a job; shoal takes ${(ours / ms).toFixed(2)} of it`,
    );
  }
}
