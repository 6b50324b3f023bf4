// The main job over real books: right against an independent answer, and the same bytes however it is run.

import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { booksDir, Project } from "./harness.ts";

const examples = path.resolve(import.meta.dirname, "../../examples");
let project: Project;

beforeAll(() => {
  project = new Project();
  symlinkSync(booksDir, project.at("books"));
  mkdirSync(project.at("jobs"));
  for (const name of readdirSync(examples))
    if (name.endsWith(".ts")) project.write(`jobs/${name}`, readFileSync(path.join(examples, name)));
});
afterAll(() => project[Symbol.dispose]());

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe("word count as the classic form, ten partitions", () => {
  test("merged and sorted, it equals the expected counts byte for byte", async () => {
    const { code, stderr } = await project.shoal(
      "run",
      "jobs/03-classic-word-count.ts",
      "--input",
      "books/pg-*.txt",
      "--output",
      "counts",
    );
    expect(stderr).not.toContain("error");
    expect(code).toBe(0);
    expect(project.list("counts").filter((name) => !name.startsWith("."))).toEqual(
      Array.from({ length: 10 }, (_, i) => `part-0000${i}`),
    );
    const merged = project
      .output("counts")
      .split("\n")
      .filter(Boolean)
      .map((line) => line.replace("\t", " "))
      .sort(byBytes);
    const expected = readFileSync(path.resolve(import.meta.dirname, "../wordcount-expected.txt"), "utf8");
    expect(`${merged.join("\n")}\n`).toBe(expected);
  });

  test("keys are sorted by their bytes within each partition", () => {
    for (const name of project.list("counts").filter((file) => file.startsWith("part-"))) {
      const keys = project
        .read(`counts/${name}`)
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split("\t")[0]!);
      expect(keys).toEqual([...keys].sort(byBytes));
    }
  });
});

test("an inverted index equals that of an independent program", async () => {
  const { code } = await project.shoal(
    "run",
    "jobs/04-inverted-index.ts",
    "--input",
    "books",
    "--output",
    "index",
  );
  expect(code).toBe(0);
  const index = new Map<string, Set<string>>();
  for (const name of readdirSync(booksDir)) {
    for (const word of readFileSync(path.join(booksDir, name), "utf8").split(/[^\p{L}]+/u)) {
      if (word !== "") index.set(word, (index.get(word) ?? new Set()).add(name));
    }
  }
  const expected = [...index].map(([word, names]) => `${word}\t${[...names].sort().join(",")}`).sort(byBytes);
  expect(project.output("index").split("\n").filter(Boolean).sort(byBytes)).toEqual(expected);
});

describe("the same bytes", () => {
  const jobs = ["01-word-count", "03-classic-word-count", "04-inverted-index", "06-sort"];

  test.each(jobs)("%s: any slots, any memory, with its splits fixed", async (name) => {
    const digests = new Set<string>();
    for (const [slots, memory] of [
      ["1", "1g"],
      ["2", "1g"],
      ["5", "1g"],
      ["2", "64m"],
      ["5", "1m"],
    ] as const) {
      const { code, stdout } = await project.shoal(
        "run",
        `jobs/${name}.ts`,
        "--input",
        "books/*.txt",
        "--output",
        `same-${name}`,
        "--slots",
        slots,
        "--memory",
        memory,
        "--split-size",
        "256k",
        "--partitions",
        "4",
        "--json",
      );
      expect(code).toBe(0);
      if (memory === "1m") expectSpillsEverywhere(stdout);
      digests.add(project.digest(`same-${name}`));
    }
    expect(digests.size).toBe(1);
  });

  test.each(jobs)("%s: any split size", async (name) => {
    const digests = new Set<string>();
    for (const size of ["64k", "300k", "1g"]) {
      const { code } = await project.shoal(
        "run",
        `jobs/${name}.ts`,
        "--input",
        "books/*.txt",
        "--output",
        `split-${name}`,
        "--split-size",
        size,
        "--partitions",
        "4",
      );
      expect(code).toBe(0);
      digests.add(project.digest(`split-${name}`));
    }
    expect(digests.size).toBe(1);
  });
});

function expectSpillsEverywhere(stdout: string): void {
  const { report } = JSON.parse(stdout) as { report: { spills: number; stages: { tasks: number }[] } };
  expect(report.spills).toBeGreaterThanOrEqual(report.stages[0]!.tasks);
}
