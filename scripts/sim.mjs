// npm run sim: the simulation. Bundles test/sim/main.ts (so that a hundred modules load at once, and so that planted bugs
// can be put into the bundle and never into the tree) and runs it with the same arguments.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
// Inside the project, so that the bundle finds esbuild; ignored by git.
mkdirSync(path.join(root, "tmp"), { recursive: true });
const lab = mkdtempSync(path.join(root, "tmp", "sim-"));
const bundle = path.join(lab, "main.mjs");
await build({
  absWorkingDir: root,
  entryPoints: ["test/sim/main.ts"],
  outfile: bundle,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "error",
});
const child = spawn(process.execPath, ["--enable-source-maps", bundle, ...process.argv.slice(2)], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("close", (code, signal) => {
  rmSync(lab, { recursive: true, force: true });
  process.exitCode = code ?? (signal === null ? 1 : 130);
});
