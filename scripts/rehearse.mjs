// npm run rehearse: every benchmark and every fault run once, small, to see that each still works. What they measure at that
// size means nothing, and what misses its target (exit code 1) is no failure here; what throws or hangs is.
//
//   node scripts/rehearse.mjs [--only bench/idle.mjs,test/chaos/…]
//
// About a quarter of an hour. Not part of `npm test`; for whoever changes what they stand on, and before a release. What
// needs root, or a server that is not there, is left out, and said.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { parseArgs } from "node:util";
import { rehearsals, thrown } from "./rehearsals.mjs";

const { values } = parseArgs({
  options: { only: { type: "string" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  console.log(
    "usage: npm run rehearse -- [--only FILES]\nRuns every benchmark and fault run once, small; exit code 1 if one throws or hangs.",
  );
  process.exit(0);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const there = (command) => spawnSync("which", [command]).status === 0;
const only = values.only?.split(",");
const unknown = (only ?? []).filter((file) => !rehearsals.some((one) => one.file === file));
if (unknown.length > 0) {
  console.error(`${unknown.join(", ")}: not among ${rehearsals.map(({ file }) => file).join(", ")}`);
  process.exit(2);
}

let broken = 0;
for (const { file, args = [], needs = [], root: asRoot = false } of rehearsals) {
  if (only !== undefined && !only.includes(file)) continue;
  const missing = needs.filter((command) => !there(command));
  if (asRoot && process.getuid() !== 0) missing.push("root");
  if (missing.length > 0) {
    console.log(`left out  ${file}: needs ${missing.join(", ")}`);
    continue;
  }
  const began = performance.now();
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ["--import", path.join(root, "scripts/rehearsals.mjs"), path.join(root, file), ...args],
    { cwd: root, timeout: 300_000, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] },
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const works = status !== null && status !== thrown;
  if (!works) broken++;
  const how = works ? `ended with ${status}` : signal === null ? "threw" : "hung, or was killed";
  console.log(`${works ? "works   " : "BROKEN  "}  ${file}: ${how}, ${seconds} s`);
  if (!works) console.log(stderr.trimEnd().replaceAll(/^/gm, "          "));
}
process.exit(broken === 0 ? 0 : 1);
