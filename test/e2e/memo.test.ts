// The result cache across processes: what one has computed, the next one has, and pays nothing for knowing it.

import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Project, type Result } from "./harness.ts";

let project: Project;

beforeAll(() => {
  project = new Project({
    "ids.ts": `export const newId = (name: string) => name + " " + process.pid + " " + Math.random();`,
    "program.mjs": `
      import { connect, memo } from "shoal";
      const shoal = await connect({ slots: 1 });
      const { newId } = shoal.use(new URL("./ids.ts", import.meta.url));
      console.log(await memo(newId)(process.argv[2]));
      if (process.argv[3] === "exit") {
        await shoal.close();
        process.exit(); // what was kept is kept
      }
      void shoal.close();
    `,
    "plain.mjs": `
      import "shoal";
      console.log(process.report.getReport().sharedObjects.some((name) => name.includes("lmdb")));
    `,
  });
});
afterAll(() => project[Symbol.dispose]());

function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { stdout, stderr, status }: Pick<Result, "stdout" | "stderr"> & { status: number | null } = spawnSync(
    process.execPath,
    [program, ...args],
    { cwd: project.dir, encoding: "utf8", env: { ...process.env, ...env } },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.trim();
}

test("a second process finds the result, without a run of esbuild", () => {
  const first = run("program.mjs", ["a"]);
  expect(run("program.mjs", ["a"], { ESBUILD_BINARY_PATH: "/bin/false" })).toBe(first);
  expect(run("program.mjs", ["b"], { ESBUILD_BINARY_PATH: "/bin/false" })).not.toBe(first);
});

test("a process that closes and exits at once has kept its results", () => {
  const first = run("program.mjs", ["exits", "exit"]);
  expect(run("program.mjs", ["exits"])).toBe(first);
});

test("who does not use memo() does not load LMDB", () => {
  expect(run("plain.mjs", [])).toBe("false");
});
