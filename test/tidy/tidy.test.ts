import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  checkCatch,
  checkHeader,
  checkImports,
  checkPurity,
  checks,
  checkSize,
  checkTests,
  floors,
  importsOf,
  roomOf,
  type SourceFile,
} from "./checks.ts";

const root = path.resolve(import.meta.dirname, "../..");

function sourcesIn(folder: string): SourceFile[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(name);
    return /\.tsx?$/.test(entry.name) ? [{ name, text: readFileSync(path.join(root, name), "utf8") }] : [];
  });
}

const files = [...sourcesIn("src"), ...sourcesIn("test")];

describe("every source file obeys", () => {
  test.each(Object.entries(checks))("%s", (_name, check) => {
    expect(files.flatMap(check)).toEqual([]);
  });

  test("and all of them were looked at", () => {
    expect(files.length).toBeGreaterThan(60);
    const imports = files
      .filter(({ name }) => name.startsWith("src/"))
      .flatMap(({ text }) => importsOf(text));
    expect(imports.length).toBeGreaterThan(150);
    for (const room of new Set(
      files.filter(({ name }) => name.startsWith("src/")).map(({ name }) => roomOf(name)),
    )) {
      expect(floors).toContain(room);
    }
  });
});

test("every benchmark and fault run is among the rehearsals", () => {
  const programs = ["bench", "bench/calls", "test/chaos"].flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .map((name) => `${folder}/${name}`)
      .filter(
        (name) =>
          name.endsWith(".mjs") && readFileSync(path.join(root, name), "utf8").includes("values.help"),
      ),
  );
  expect(programs.length).toBeGreaterThan(20);
  const rehearsals = readFileSync(path.join(root, "scripts/rehearsals.mjs"), "utf8");
  expect(programs.filter((name) => !rehearsals.includes(`file: "${name}"`))).toEqual([]);
});

describe("each check finds what it looks for", () => {
  const file = (name: string, text: string): SourceFile => ({ name, text });

  test.each([
    ["an arrow that points up", "src/core/a.ts", 'import { x } from "../driver/loop.ts";'],
    ["an arrow that points up, as a type", "src/base/a.ts", 'import type { X } from "../errors.ts";'],
    ["an arrow that points up, as a re-export", "src/plan/a.ts", 'export * from "../data/contract.ts";'],
    [
      "an arrow that points up, dynamically",
      "src/data/a.ts",
      'const x = await import("../executor/load.ts");',
    ],
    ["one driver in another", "src/driver/sim/a.ts", 'import { x } from "../threads/slot.ts";'],
    ["a driver in the floor's own files", "src/driver/a.ts", 'import { x } from "./threads/slot.ts";'],
    ["a private door for the command line", "src/cli/a.ts", 'import { x } from "../model/shoal.ts";'],
    ["a room that nobody knows", "src/helpers/a.ts", ""],
    ["a file outside", "src/base/a.ts", 'import x from "../../test/x.ts";'],
  ])("checkImports: %s", (_what, name, text) => {
    expect(checkImports(file(name, text))).toHaveLength(1);
  });

  test("checkImports: arrows down are fine", () => {
    expect(
      checkImports(
        file("src/driver/sim/a.ts", 'import { x } from "../loop.ts";\nimport { y } from "../../core/a.ts";'),
      ),
    ).toEqual([]);
    expect(checkImports(file("src/core/a.ts", '// import { x } from "../driver/loop.ts";'))).toEqual([]);
  });

  test.each([
    ['import fs from "node:fs";'],
    ["const t = Date.now();"],
    ["Math.random()"],
    ["console.log(1)"],
    ["setTimeout(f, 1)"],
    ["new Date()"],
  ])("checkPurity: %s", (text) => {
    expect(checkPurity(file("src/core/a.ts", text))).toHaveLength(1);
    expect(checkPurity(file("src/driver/a.ts", text))).toEqual([]);
  });

  test("checkSize", () => {
    expect(checkSize(file("src/core/a.ts", "\n".repeat(301)))).toHaveLength(1);
    expect(checkSize(file("src/data/a.ts", "\n".repeat(301)))).toEqual([]);
    expect(checkSize(file("src/data/a.ts", "x".repeat(131)))).toHaveLength(1);
  });

  test("checkHeader", () => {
    const long = "const a = 1;\n".repeat(70);
    expect(checkHeader(file("src/data/a.ts", long))).toHaveLength(1);
    expect(checkHeader(file("src/data/a.ts", `// What it is.\n${long}`))).toEqual([]);
  });

  test("checkTests", () => {
    const lone = ["it", "only"].join(".");
    const skipped = ["test", "skip"].join(".");
    expect(checkTests(file("src/a.test.ts", `${lone}("x")`))).toHaveLength(1);
    expect(checkTests(file("src/a.test.ts", `${skipped}("x")`))).toHaveLength(1);
    expect(checkTests(file("src/a.test.ts", `${skipped}("x") // reason: y`))).toEqual([]);
    expect(checkTests(file("src/a.test.ts", `await ${"sle"}ep(5)`))).toHaveLength(1);
  });

  test("checkCatch", () => {
    expect(checkCatch(file("src/a/b.ts", "try { x(); } catch {}"))).toHaveLength(1);
    expect(checkCatch(file("src/a/b.ts", "try { x(); } catch (e) { throw e; }"))).toEqual([]);
  });
});
