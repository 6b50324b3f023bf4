// docs/operate.md and the README's cluster do not lie: their configuration is a server's, their commands are run and
// print what they say ("…" stands for what differs from run to run).

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { booksDir, cli, Project, type Running } from "../e2e/harness.ts";
import { freePort, natsEnv, natsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { workers } from "../../src/cluster.ts";

const root = path.resolve(import.meta.dirname, "../..");
const text = readFileSync(path.join(root, "docs/operate.md"), "utf8");
const readme = readFileSync(path.join(root, "README.md"), "utf8");

/** Blocks of that language: what is in them. */
const blocks = (of: string, language: string): string[] =>
  [...of.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1]!);

const withShoal = (project: Project): Record<string, string> => {
  project.write("bin/shoal", `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(project.at("bin/shoal"), 0o755);
  const { PATH } = natsEnv();
  return {
    ...(process.env as Record<string, string>),
    PATH: `${project.at("bin")}:${path.dirname(process.execPath)}:${PATH}`,
    NO_COLOR: "1",
  };
};

const escaped = (line: string): string => line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const pattern = (line: string): RegExp => new RegExp(`^${line.split("…").map(escaped).join(".*")}$`);

describe("docs/operate.md", () => {
  const [conf] = blocks(text, "conf");
  const consoles = blocks(text, "console");
  let project: Project;
  let port: string;
  let server: ChildProcess;
  let worker: Running;

  beforeAll(async () => {
    port = String(await freePort());
    const replaced = (of: string): string => of.replaceAll("4222", port);
    project = new Project({ "server.conf": replaced(conf!), "package.json": '{ "type": "module" }' });
    const [program] = blocks(text, "ts");
    project.write("lines.ts", program!);
    server = spawn(natsServer(), ["-c", "server.conf"], { cwd: project.dir, stdio: "ignore" });
    const url = `nats://127.0.0.1:${port}`;
    worker = project.start("worker", "--cluster", url, "--slots", "2", "--directory", "w");
    await worker.said("is ready");
    await until("it answers", async () => (await workers(url)).length === 1);
  });
  afterAll(async () => {
    worker.process.kill("SIGKILL");
    await worker.ended;
    server.kill("SIGKILL");
    project[Symbol.dispose]();
  });

  test("has commands", () => expect(consoles).toHaveLength(2));

  test.each(consoles.map((block) => [block.split("\n")[0]!, block]))("%s …", (_first, block) => {
    const lines = block.replaceAll("4222", port).trimEnd().split("\n");
    const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    const { stdout, stderr } = spawnSync("sh", ["-ec", commands.join("\n")], {
      cwd: project.dir,
      encoding: "utf8",
      env: withShoal(project),
    });
    expect(stderr).toBe("");
    const expected = lines.filter((line) => !line.startsWith("$ "));
    const printed = stdout.trimEnd().split("\n");
    expect(printed).toHaveLength(expected.length);
    expected.forEach((line, n) => expect(printed[n]).toMatch(pattern(line)));
  });

  test("the service's options are a worker's, and it ends as the text says", async () => {
    const [, args] = /^ExecStart=\S*shoal (worker .*)$/m.exec(blocks(text, "ini")[0]!)!;
    const { stdout } = await project.shoal("worker", "--help");
    for (const [option] of args!.matchAll(/--[a-z]+/g)) expect(stdout).toContain(option);
    // It was drained by the commands above.
    expect((await worker.ended).code).toBe(0);
  });

  test("names only scripts, files and error codes that exist", async () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const { errorCodes } = await import("../../src/errors.ts");
    for (const [, name] of text.matchAll(/`npm run ([a-z:]+)/g)) expect(Object.keys(scripts)).toContain(name);
    for (const [, code] of text.matchAll(/`([A-Z]{3,}_[A-Z_]+)/g))
      if (code !== "SHOAL_CLUSTER") expect(Object.keys(errorCodes)).toContain(code);
    for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g))
      expect(readFileSync(path.join(root, "docs", target!), "utf8")).not.toBe("");
  });
});

test("the README's cluster counts words as one machine does", async () => {
  const lines = readme.split("\n").filter((line) => line.startsWith("$ npx shoal "));
  const from = lines.findIndex((line) => line.includes("shoal up"));
  const session = lines.slice(from).map((line) => line.slice("$ npx ".length));
  expect(session.map((line) => line.split(" ")[1])).toEqual(["up", "run", "down"]);
  const [, source] = /^```ts\n\/\/ wordcount\.ts\n([\s\S]*?)^```/m.exec(readme)!;
  using project = new Project({ "wordcount.ts": source! });
  symlinkSync(booksDir, project.at("books"));
  const here = await project.shoal("run", "wordcount.ts", "--input", "books/*.txt", "--output", "here");
  expect(here.code).toBe(0);
  const port = String(await freePort());
  const { status, stderr } = spawnSync("sh", ["-ec", session.join("\n").replaceAll("4222", port)], {
    cwd: project.dir,
    encoding: "utf8",
    env: withShoal(project),
  });
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
  expect(project.digest("counts")).toBe(project.digest("here"));
});
