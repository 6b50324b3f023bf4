// Builds dist/: declarations by tsc, and JavaScript by esbuild as a few chunks instead of two hundred modules, since
// each module costs a fresh process and every slot's thread a third of a millisecond of start-up.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = path.join(root, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], { cwd: root, stdio: ["ignore", 2, 2] });
await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    slot: "src/driver/threads/slot.ts",
    executor: "src/executor/job-program.ts",
    "cli/main": "src/cli/main.ts",
  },
  outdir: dist,
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
chmodSync(path.join(dist, "cli/main.js"), 0o755);
