// docs/cache.md does not lie: its program is run as it says, each time in a new process.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { Project } from "../e2e/harness.ts";

const text = readFileSync(path.resolve(import.meta.dirname, "../../docs/cache.md"), "utf8");
const files = new Map(
  [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm)].map((match) => [match[1]!, match[2]!]),
);
const [, session] = /^```console\n([\s\S]*?)^```/m.exec(text)!;

test("its program is answered from the cache when it says so, by processes that share it", async () => {
  using project = new Project(Object.fromEntries(files));
  project.write("package.json", `{ "type": "module" }`);
  await build({
    entryPoints: [project.at("program.ts")],
    outfile: project.at("program.js"),
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
  });
  const lines = session!.trimEnd().split("\n");
  const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
  expect(commands.filter((command) => command === "node program.js")).toHaveLength(4);
  const { stdout, stderr } = spawnSync("sh", ["-ec", commands.join("\n")], {
    cwd: project.dir,
    encoding: "utf8",
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}` },
  });
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n")).toEqual(lines.filter((line) => !line.startsWith("$ ")));
});
