// Brings a fresh clone to a state in which everything runs: installs the locked dependencies and compiles `src`.
// Does nothing when both are already up to date. Plain JavaScript, since it runs before anything is installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => path.join(root, ...parts);

if (process.argv.includes("--help")) {
  console.log(
    "usage: node scripts/setup.mjs\nInstalls the locked dependencies and builds dist/ when either is out of date.",
  );
  process.exit(0);
}

const hash = (files) => {
  const sum = createHash("sha256").update(process.version);
  for (const file of files)
    sum
      .update(file)
      .update("\0")
      .update(readFileSync(at(file)));
  return sum.digest("hex");
};

const sources = (folder) =>
  readdirSync(at(folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return sources(name);
      return statSync(at(name)).isFile() && /\.tsx?$/.test(name) && !/\.test(-d)?\.ts$/.test(name)
        ? [name]
        : [];
    });

/** Runs `work` unless the stamp says that it was done for these very files. */
function once(stamp, files, isPresent, work) {
  const want = hash(files);
  if (isPresent() && existsSync(stamp) && readFileSync(stamp, "utf8") === want) return;
  work();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, want);
}

const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });

once(
  at("node_modules", ".shoal-setup"),
  ["package-lock.json"],
  () => existsSync(at("node_modules")),
  () =>
    // Not `npm ci`: it refuses a lock file that lacks binaries of other platforms, which some registries do not have.
    run("npm", ["install", "--no-save", "--no-fund", "--no-audit"]),
);

once(
  at("dist", ".shoal-build"),
  [...sources("src"), "tsconfig.json", "tsconfig.build.json", "package.json", "scripts/build.mjs"],
  () => existsSync(at("dist", "index.js")),
  () => run(process.execPath, [at("scripts", "build.mjs")]),
);
