import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../../test/kit/io.ts";
import { findInput } from "./find.ts";
import { compareUtf8 } from "./order.ts";

const make = (directory: string, ...paths: string[]): void => {
  for (const path of paths) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), path);
  }
};

const namesOf = async (directory: string, ...patterns: string[]): Promise<string[]> =>
  (await findInput(patterns, directory)).files.map(({ name }) => name);

describe("findInput", () => {
  it("reads patterns in the order given, the files of one by UTF-8 bytes, each file once, at its first place", async () => {
    const directory = temporaryDirectory();
    make(directory, "b.txt", "a.txt", "a/x.txt", "a.log", "\uff5e.txt", "😀.txt", "é.txt", "Z.txt");
    expect(await namesOf(directory, "*.txt")).toEqual([
      "Z.txt",
      "a.txt",
      "b.txt",
      "é.txt",
      "\uff5e.txt",
      "😀.txt",
    ]);
    expect(await namesOf(directory, "b.txt", "*.txt", "./a.txt", "a.log", join(directory, "Z.txt"))).toEqual([
      "b.txt",
      "Z.txt",
      "a.txt",
      "é.txt",
      "\uff5e.txt",
      "😀.txt",
      "a.log",
    ]);
    expect(await namesOf(directory, "{b,a}.{txt,log}")).toEqual(["a.log", "a.txt", "b.txt"]);
  });

  it("reads directories with all below them, but for names that begin with . or _", async () => {
    const directory = temporaryDirectory();
    make(
      directory,
      "in/b",
      "in/a/c",
      "in/a-b",
      "in/.hidden",
      "in/_SUCCESS",
      "in/_tmp/x",
      "in/.git/x",
      "_top/a",
      "other",
    );
    const all = ["in/a-b", "in/a/c", "in/b"];
    for (const pattern of ["in", "in/", "in//"]) expect(await namesOf(directory, pattern)).toEqual(all);
    expect(await namesOf(directory, "./in")).toEqual(all.map((name) => `./${name}`));
    expect(await namesOf(directory, ".")).toEqual([...all, "other"]);
    expect(await namesOf(join(directory, "in"), "..")).toEqual([
      "../in/a-b",
      "../in/a/c",
      "../in/b",
      "../other",
    ]);
    expect(await namesOf(directory, "_top")).toEqual(["_top/a"]);
    expect(await namesOf(directory, join(directory, "in"))).toEqual(all.map((name) => join(directory, name)));
    expect(await namesOf(directory, pathToFileURL(join(directory, "in")).href)).toEqual(
      all.map((name) => join(directory, name)),
    );
    // a directory that a pattern matches is read as one, as if the shell had expanded the pattern
    expect(await namesOf(directory, "i*")).toEqual(all);
    expect(await namesOf(directory, "in/*")).toEqual(["in/_SUCCESS", "in/_tmp/x", ...all]);
    expect(await namesOf(directory, "**/[bc]")).toEqual(["in/a/c", "in/b"]);
    expect(await namesOf(directory, "in/**")).toEqual(["in/_SUCCESS", "in/_tmp/x", ...all]);
  });

  it("takes literally what exists, and the directories that a pattern begins with", async () => {
    const directory = temporaryDirectory();
    make(directory, "app/[id]/a.ts", "app/[id]/b.ts", "app/i/c.ts", "x*", "xy");
    expect(await namesOf(directory, "app/[id]/*.ts")).toEqual(["app/[id]/a.ts", "app/[id]/b.ts"]);
    expect(await namesOf(directory, "x*")).toEqual(["x*"]);
    expect(await namesOf(directory, "x?")).toEqual(["x*", "xy"]);
    expect(await namesOf(directory, pathToFileURL(join(directory, "app")).href + "/*/c.ts")).toEqual([
      join(directory, "app/i/c.ts"),
    ]);
  });

  it.each([
    ["nothing.txt"],
    ["*.csv"],
    ["nothing/*"],
    ["a.txt/b"],
    [""],
    ["a\0b"],
    ["!a.txt"],
    ["x".repeat(5000)],
    ["file://otherhost/x"],
  ])("fails for what matches nothing: %j", async (pattern) => {
    const directory = temporaryDirectory();
    make(directory, "a.txt");
    await expect(findInput(["a.txt", pattern], directory)).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
    if (pattern !== "file://otherhost/x") {
      await expect(findInput([pattern], directory)).rejects.toThrow(directory);
      await expect(findInput([pattern], directory)).rejects.toThrow(JSON.stringify(pattern));
    }
  });

  it("fails for a directory without files, and for no patterns", async () => {
    const directory = temporaryDirectory();
    make(directory, "in/.hidden", "in/_x/y");
    await expect(findInput(["in"], directory)).rejects.toMatchObject({
      code: "INPUT_NOT_FOUND",
      message: expect.stringContaining("holds no files"),
    });
    await expect(findInput([], directory)).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
  });

  it("names as roots the directories and files that were given, and for patterns the files that matched", async () => {
    const directory = temporaryDirectory();
    make(directory, "in/a", "in/b", "c.txt", "d.txt");
    const { roots } = await findInput(["in", "?.txt"], directory);
    expect(roots).toEqual(["in", "c.txt", "d.txt"].map((name) => join(directory, name)));
  });
});

describe("compareUtf8", () => {
  it("is the order of the UTF-8 bytes", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "b", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "😀", "\u{10ffff}"),
      maxLength: 5,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });
});
