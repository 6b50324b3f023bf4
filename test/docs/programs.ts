// Runs the program of a document: its code blocks as files, its console block as commands with what they print.

import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { cli, Project } from "../e2e/harness.ts";

export interface Session {
  readonly stdout: readonly string[];
  readonly stderr: string;
  /** What the document says that it prints. */
  readonly expected: readonly string[];
  readonly commands: readonly string[];
}

/** `replaced`: what another run of it must have otherwise, such as a port. */
export async function runDocument(
  name: string,
  replaced: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Session> {
  let text = readFileSync(path.resolve(import.meta.dirname, "../../docs", name), "utf8");
  for (const [from, to] of Object.entries(replaced)) text = text.replaceAll(from, to);
  const files = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm)];
  const lines = /^```console\n([\s\S]*?)^```/m.exec(text)![1]!.trimEnd().split("\n");
  using project = new Project(Object.fromEntries(files.map((match) => [match[1]!, match[2]!])));
  project.write("package.json", `{ "type": "module" }`);
  project.write("bin/shoal", `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(project.at("bin/shoal"), 0o755);
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
    env: {
      ...process.env,
      PATH: `${project.at("bin")}:${path.dirname(process.execPath)}:${env["PATH"] ?? process.env["PATH"]}`,
    },
  });
  return {
    stdout: stdout.trimEnd().split("\n"),
    stderr,
    expected: lines.filter((line) => !line.startsWith("$ ")),
    commands,
  };
}
