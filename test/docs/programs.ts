// Runs the program of a document: its code blocks as files, its console block as commands with what they print.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { Project } from "../e2e/harness.ts";

export interface Session {
  readonly stdout: readonly string[];
  readonly stderr: string;
  /** What the document says that it prints. */
  readonly expected: readonly string[];
  readonly commands: readonly string[];
}

export async function runDocument(name: string): Promise<Session> {
  const text = readFileSync(path.resolve(import.meta.dirname, "../../docs", name), "utf8");
  const files = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm)];
  const lines = /^```console\n([\s\S]*?)^```/m.exec(text)![1]!.trimEnd().split("\n");
  using project = new Project(Object.fromEntries(files.map((match) => [match[1]!, match[2]!])));
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
  const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
  const { stdout, stderr } = spawnSync("sh", ["-ec", commands.join("\n")], {
    cwd: project.dir,
    encoding: "utf8",
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}` },
  });
  return {
    stdout: stdout.trimEnd().split("\n"),
    stderr,
    expected: lines.filter((line) => !line.startsWith("$ ")),
    commands,
  };
}
