// npm run bench:startup: from the call to the first map task, through npx and directly, with a cold and a cached bundle.
//
//   node bench/startup.mjs [--rounds 7] [--json]
//
// The job's map function prints the time at its first record. `npx` itself is measured beside it, as the time from its
// call to the first line of a program that only prints the time: that part is npm's, and no program run by it can win it back.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, json: { type: "boolean" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(
    "usage: node bench/startup.mjs [--rounds N] [--json]\nFrom the call to the first map task, in milliseconds: medians.",
  );
  process.exit(0);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-startup-"));
fs.mkdirSync(path.join(dir, "node_modules", ".bin"), { recursive: true });
fs.symlinkSync(root, path.join(dir, "node_modules", "shoal"));
fs.symlinkSync("../shoal/dist/cli/main.js", path.join(dir, "node_modules", ".bin", "shoal"));
fs.writeFileSync(path.join(dir, "package.json"), '{"name":"startup","version":"1.0.0","type":"module"}');
fs.writeFileSync(path.join(dir, "input.txt"), "one line\n");
fs.writeFileSync(
  path.join(dir, "job.ts"),
  `import { job, read } from "shoal";
let isFirst = true;
export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).map((line: string) => {
    if (isFirst) console.error("first record at " + Date.now());
    isFirst = false;
    return line;
  }).write.text(output));
`,
);
fs.writeFileSync(
  path.join(dir, "node_modules", ".bin", "now"),
  "#!/usr/bin/env node\nconsole.error('first record at ' + Date.now());\n",
  { mode: 0o755 },
);
fs.writeFileSync(path.join(dir, "now.mjs"), "console.error('first record at ' + Date.now());\n");

function measure(command, args) {
  const calledAt = Date.now();
  const { stderr, status } = spawnSync(command, args, { cwd: dir, encoding: "utf8" });
  const match = /first record at (\d+)/.exec(stderr);
  if (status !== 0 || match === null)
    throw new Error(`exit code ${status} of ${command} ${args.join(" ")}\n${stderr}`);
  return Number(match[1]) - calledAt;
}

const cli = path.join(root, "dist/cli/main.js");
const run = ["run", "job.ts", "--quiet"];
const forget = () => fs.rmSync(path.join(dir, ".shoal"), { recursive: true, force: true });
const cases = {
  "node, a program that prints the time": () => measure(process.execPath, ["now.mjs"]),
  "npx, a program that prints the time": () => measure("npx", ["now"]),
  "npx shoal run, cold": () => (forget(), measure("npx", ["shoal", ...run])),
  "npx shoal run, bundle cached": () => measure("npx", ["shoal", ...run]),
  "shoal run, cold": () => (forget(), measure(process.execPath, [cli, ...run])),
  "shoal run, bundle cached": () => measure(process.execPath, [cli, ...run]),
};
const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round <= Number(values.rounds); round++) {
  for (const [name, once] of Object.entries(cases)) {
    const ms = once();
    if (round > 0) times[name].push(ms); // round 0 warms the page cache
  }
}
fs.rmSync(dir, { recursive: true, force: true });
const result = Object.fromEntries(
  Object.entries(times).map(([name, list]) => {
    const sorted = [...list].sort((a, b) => a - b);
    return [name, { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) }];
  }),
);
if (values.json) console.log(JSON.stringify(result));
else
  for (const [name, { median, min, max }] of Object.entries(result))
    console.log(`${name.padEnd(38)} ${String(median).padStart(5)} ms  (${min} to ${max})`);
