// npm run demo: the main job on real text, then the top words of its output.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

if (process.argv.includes("--help")) {
  console.log(
    "usage: node scripts/demo.mjs\nCounts the words of the books in examples/books and of all Markdown under node_modules.",
  );
  process.exit(0);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const output = path.join(root, "tmp", "demo");
const args = [
  "run",
  "examples/01-word-count.ts",
  "--input",
  "{examples/books/*.txt,node_modules/**/*.md}",
  "--output",
  output,
];
console.error(
  `$ npx shoal ${args.map((arg) => (/[*{]/.test(arg) ? `'${arg}'` : path.isAbsolute(arg) ? path.relative(root, arg) : arg)).join(" ")}\n`,
);
const { status } = spawnSync(process.execPath, [path.join(root, "dist/cli/main.js"), ...args], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
});
if (status !== 0) process.exit(status ?? 1);

const counts = readdirSync(output)
  .filter((name) => name.startsWith("part-"))
  .flatMap((name) => readFileSync(path.join(output, name), "utf8").split("\n").filter(Boolean))
  .map((line) => line.split("\t"))
  .sort((a, b) => Number(b[1]) - Number(a[1]));
const most = Number(counts[0][1]);
console.log(`\nThe most frequent of ${counts.length} words:`);
for (const [word, count] of counts.slice(0, 15)) {
  console.log(
    `  ${word.padEnd(6)} ${count.padStart(7)}  ${"█".repeat(Math.max(1, Math.round((Number(count) / most) * 50)))}`,
  );
}
