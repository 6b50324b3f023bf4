// Builds dist/: declarations by tsc, and JavaScript by esbuild as a few chunks instead of two hundred modules, since
// each module costs a fresh process and every slot's thread a third of a millisecond of start-up.
import { spawnSync } from "node:child_process";
import { chmodSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = path.join(root, "dist");

// Built beside the old one and swapped in: a program that runs from dist/ meanwhile finds all of its files.
const next = `${dist}.next-${process.pid}`;
await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    slot: "src/driver/slots/slot.ts",
    lead: "src/lead.ts",
    "store-host": "src/store/objects/library-host.ts",
    executor: "src/executor/job-program.ts",
    "cli/main": "src/cli/main.ts",
  },
  outdir: next,
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
chmodSync(path.join(next, "cli/main.js"), 0o755);
const tsc = [
  path.join(root, "node_modules/typescript/bin/tsc"),
  "-p",
  "tsconfig.build.json",
  "--outDir",
  next,
];
const { status } = spawnSync(process.execPath, tsc, { cwd: root, stdio: ["ignore", 2, 2] });
rmSync(dist, { recursive: true, force: true });
renameSync(next, dist);
process.exitCode = status ?? 1;
