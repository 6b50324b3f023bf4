import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../../test/kit/io.ts";
import { expandBraces, matchNames, nameMatcher, type Names } from "./glob.ts";

const paths = [
  "a",
  "b",
  "ab",
  "a.b",
  ".h",
  "x y",
  "new\nline",
  "[ab]",
  "*",
  "d/a",
  "d/.b",
  "d/e/b",
  "d/e/a.b",
  ".d/a",
  "e\nf/a",
  "😀",
  "d/e/é",
];

function tree(hasLinks = true): string {
  const directory = temporaryDirectory();
  for (const path of paths) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), "");
  }
  if (hasLinks) {
    symlinkSync("d", join(directory, "link"));
    symlinkSync("..", join(directory, "d/up"));
  }
  return directory;
}

const namesIn = (directory: string): Names => ({
  list: (path) =>
    Promise.resolve(
      statSync(join(directory, path), { throwIfNoEntry: false })?.isDirectory() !== true
        ? []
        : readdirSync(join(directory, path), { withFileTypes: true }).map((entry) => ({
            name: entry.name,
            kind: entry.isDirectory() ? "directory" : "other",
          })),
    ),
  exists: (path) => existsSync(join(directory, path)),
  join: (base, name) => (base === "" ? name : `${base}/${name}`),
});

async function matches(directory: string, pattern: string): Promise<string[]> {
  const found = new Set<string>();
  await matchNames("", pattern, namesIn(directory), ({ path }) => void found.add(path));
  return [...found].sort();
}

/** What bash makes of the pattern: an independent twin. */
function bash(directory: string, pattern: string): string[] {
  const script = `shopt -s globstar nullglob; for path in ${pattern}; do printf '%s\\0' "$path"; done`;
  const output = execFileSync("bash", ["-c", script], {
    cwd: directory,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  const found = output.split("\0").map((path) => path.replace(/\/+/g, "/").replace(/\/$/, ""));
  return [...new Set(found)].filter((path) => path !== "" && existsSync(join(directory, path))).sort();
}

describe("a pattern", () => {
  it("matches what bash makes of it", async () => {
    const directory = tree(false); // bash follows links below ** in some places and not in others
    const token = fc.constantFrom(
      "a",
      "b",
      "*",
      "*",
      "?",
      "[ab]",
      "[!a]",
      "[^b]",
      "[a-d]",
      "[]a]",
      "{a,b}",
      "{a,d/e}/",
      "{a,{b,?}}",
      ".",
      "/",
      "**/",
      "d/",
      "e/",
      "\\*",
      "\\[",
      "😀",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(token, { minLength: 1, maxLength: 5 }), async (tokens) => {
        const pattern = tokens.join("").replace(/\/+/g, "/").replace(/^\//, "");
        // "." and ".." are names to bash; a slash at the end asks it for directories; ** at the end gives it the base too
        fc.pre(
          pattern !== "" &&
            !pattern.endsWith("**") &&
            !/(^|\/)\.{1,2}(\/|$)/.test(pattern) &&
            !pattern.endsWith("/") &&
            !/(^|[/{,])\.[^ahd/]/.test(pattern),
        );
        expect(await matches(directory, pattern), pattern).toEqual(bash(directory, pattern));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [
      "**",
      [
        "*",
        "[ab]",
        "a",
        "a.b",
        "ab",
        "b",
        "d",
        "d/a",
        "d/e",
        "d/e/a.b",
        "d/e/b",
        "d/e/é",
        "d/up",
        "e\nf",
        "e\nf/a",
        "link",
        "new\nline",
        "x y",
        "😀",
      ],
    ],
    ["**/a", ["a", "d/a", "e\nf/a"]],
    ["n*e", ["new\nline"]],
    ["d/**/*.b", ["d/e/a.b"]],
    ["link/*", ["link/a", "link/e", "link/up"]],
    [".*", [".d", ".h"]],
    [".d/*", [".d/a"]],
    ["{x y,nothing}", ["x y"]],
    ["nothing/*", []],
    ["a/*", []],
  ])("%s", async (pattern, expected) => {
    expect(await matches(tree(), pattern)).toEqual([...expected].sort());
  });

  it.each([
    ["[a", "[a"],
    ["a]", "a]"],
    ["[!]", "[!]"],
    ["[]]", "]"],
    ["[a-]", "-"],
    ["[\\]]", "]"],
    ["\\a", "a"],
    ["a\\", "a\\"],
    ["(a|b)", "(a|b)"],
    ["a+", "a+"],
    ["$^", "$^"],
  ])("%s matches %s itself", (pattern, name) => {
    expect(nameMatcher(pattern)(name)).toBe(true);
  });

  it("has braces that nest, and some that are literal", () => {
    expect(expandBraces("a{b,c{d,e}}f")).toEqual(["abf", "acdf", "acef"]);
    expect(expandBraces("{a,b}{1,2}")).toEqual(["a1", "a2", "b1", "b2"]);
    expect(expandBraces("{,x}")).toEqual(["", "x"]);
    expect(expandBraces("{a}{b,c}")).toEqual(["{a}b", "{a}c"]);
    expect(expandBraces("{a,b")).toEqual(["{a,b"]);
    expect(expandBraces("\\{a,b}")).toEqual(["\\{a,b}"]);
    expect(() => expandBraces("{a,b}".repeat(20))).toThrow("more than 10000");
  });
});
