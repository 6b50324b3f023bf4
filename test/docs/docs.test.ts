// The documents do not lie: what README, examples and docs say is run.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as shoal from "../../src/index.ts";
import { runtimeExports } from "../../src/connect.ts";
import { errorCodes } from "../../src/errors.ts";
import { booksDir, Project, type Result } from "../e2e/harness.ts";

const root = path.resolve(import.meta.dirname, "../..");
const readme = readFileSync(path.join(root, "README.md"), "utf8");
let project: Project;

/** Code blocks of a document, by the file name in their first line (`// name.ts`). */
const blocks = new Map(
  [...readme.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm)].map((match) => [match[1]!, match[2]!]),
);

beforeAll(() => {
  project = new Project(Object.fromEntries(blocks));
  symlinkSync(booksDir, project.at("books"));
  mkdirSync(project.at("examples"));
  for (const name of readdirSync(path.join(root, "examples"))) {
    if (/\.(ts|mjs)$/.test(name))
      writeFileSync(project.at("examples", name), readFileSync(path.join(root, "examples", name)));
  }
  project.write("weather/a.csv", "Oslo;-1.5\nRome;20\nOslo;2.5\nbroken\n");
  project.write("docs/a.md", "one\ntwo");
  project.write("docs/b.md", "one");
});
afterAll(() => project[Symbol.dispose]());

/** Lines `key⇥value` of an output directory as a Map. */
const tsv = (output: string): Map<string, string> =>
  new Map(
    project
      .output(output)
      .split("\n")
      .filter(Boolean)
      .map((line) => [line.split("\t")[0]!, line.slice(line.indexOf("\t") + 1)]),
  );

function succeeded(result: Result): void {
  expect(result.stderr).not.toContain("error");
  expect(result.code).toBe(0);
}

/** The words of the books by an independent program. */
function countWords(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of readdirSync(booksDir)) {
    for (const word of readFileSync(path.join(booksDir, name), "utf8")
      .toLowerCase()
      .split(/[^a-z]+/)) {
      if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

describe("README", () => {
  test("its first job, run as it says, counts words right", async () => {
    const line = /^\$ npx shoal (run wordcount\.ts .*)$/m.exec(readme)![1]!;
    succeeded(await project.shoal(...line.replace(/'/g, "").split(" ")));
    const expected = countWords();
    const counts = tsv("counts");
    expect(counts.size).toBe(expected.size);
    for (const [word, count] of expected) expect(counts.get(word)).toBe(String(count));
  });

  test("its classic job makes ten files of an index", async () => {
    succeeded(await project.shoal("run", "index.ts", "--input", "books", "--output", "index"));
    expect(project.list("index").filter((name) => name.startsWith("part-"))).toHaveLength(10);
    expect(tsv("index").get("Frankenstein")).toContain("books/pg-frankenstein.txt");
  });

  /** Runs a program of the README and gives what it prints. */
  async function run(name: string): Promise<string> {
    const outfile = project.at(`${name}.mjs`);
    await build({
      entryPoints: [project.at(`${name}.ts`)],
      outfile,
      bundle: true,
      packages: "external",
      format: "esm",
      platform: "node",
      target: "node20",
    });
    const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], {
      cwd: project.dir,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    return stdout;
  }

  test("its program prints a count", async () => {
    const long = readdirSync(booksDir)
      .flatMap((name) => readFileSync(path.join(booksDir, name), "utf8").split(/\r?\n/))
      .filter((line) => line.replace(/^\ufeff/, "").length >= 75);
    expect(await run("program")).toBe(`${long.length} lines of at least 75 characters\n`);
  });

  test("its functions run in slots", async () => {
    expect(await run("functions")).toBe("9592\n1229\n2262\n3245\n");
  });

  test("names only scripts, files and options that exist", () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const [, name] of readme.matchAll(/`?npm (?:run )?(test|demo|[a-z:]+)\b/g))
      if (name !== "run") expect(Object.keys(scripts)).toContain(name);
    for (const [, target] of readme.matchAll(/\]\(([^)#]+)\)/g))
      expect(readdirSync(path.join(root, path.dirname(target!)))).toContain(path.basename(target!));
  });
});

describe("examples", () => {
  const runs: Readonly<Record<string, () => Promise<void>>> = {
    "01-word-count.ts": async () => {
      succeeded(await project.shoal("run", "examples/01-word-count.ts", "--output", "e1"));
      expect(tsv("e1").get("whale")).toBe(String(countWords().get("whale")));
    },
    "02-top-words.ts": async () => {
      const result = await project.shoal("run", "examples/02-top-words.ts", "--at-least", "10000");
      succeeded(result);
      const [first] = result.stdout.split("\n");
      expect(JSON.parse(first!)).toEqual([countWords().get("the"), "the"]);
    },
    "03-classic-word-count.ts": async () => {
      succeeded(
        await project.shoal("run", "examples/03-classic-word-count.ts", "--input", "books", "--output", "e3"),
      );
      expect(tsv("e3").get("Sherlock")).toMatch(/^\d+$/);
    },
    "04-inverted-index.ts": async () => {
      succeeded(
        await project.shoal("run", "examples/04-inverted-index.ts", "--input", "books", "--output", "e4"),
      );
      expect(tsv("e4").get("Sherlock")).toBe("pg-sherlock_holmes.txt");
    },
    "05-average-by-key.ts": async () => {
      const result = await project.shoal("run", "examples/05-average-by-key.ts", "--output", "e5");
      succeeded(result);
      expect(Object.fromEntries(tsv("e5"))).toEqual({ Oslo: "0.5\t2", Rome: "20.0\t1" });
      expect(result.stderr).toContain("lines that are no measurement");
    },
    "06-sort.ts": async () => {
      succeeded(
        await project.shoal(
          "run",
          "examples/06-sort.ts",
          "--input",
          "books/pg-grimm.txt",
          "--output",
          "e6",
          "--partitions",
          "3",
        ),
      );
      const lines = readFileSync(path.join(booksDir, "pg-grimm.txt"), "utf8")
        .replace(/^\ufeff/, "")
        .split(/\r?\n/)
        .slice(0, -1);
      expect(project.output("e6").split("\n").slice(0, -1)).toEqual(
        lines.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    },
    "07-from-a-program.mjs": async () => {
      const { status, stdout } = spawnSync(
        process.execPath,
        ["examples/07-from-a-program.mjs", "books/*.txt"],
        { cwd: project.dir, encoding: "utf8" },
      );
      expect(status).toBe(0);
      expect(stdout.split("\n")[0]).toBe(`the\t${countWords().get("the")}`);
    },
    "08-async.ts": async () => {
      const result = await project.shoal("run", "examples/08-async.ts");
      succeeded(result);
      expect(
        result.stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([
        ["a.md", 2],
        ["b.md", 1],
      ]);
    },
    "09-functions.mjs": async () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, ["examples/09-functions.mjs"], {
        cwd: project.dir,
        encoding: "utf8",
      });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "1229\n78498\n78498\n", stderr: "" });
    },
    "10-primes.ts": async () => {
      expect(readFileSync(project.at("examples", "09-functions.mjs"), "utf8")).toContain("./10-primes.ts");
    },
  };

  test("each one has its run here", () => {
    expect(readdirSync(path.join(root, "examples")).filter((name) => /\.(ts|mjs)$/.test(name))).toEqual(
      Object.keys(runs),
    );
  });

  test.each(Object.entries(runs))("%s", async (_name, run) => {
    await run();
  });
});

describe("what is documented elsewhere", () => {
  test("a bundle's imports from shoal are exactly what shoal exports", () => {
    expect([...runtimeExports].sort()).toEqual(Object.keys(shoal).sort());
  });

  test("every error code has a hint that is a sentence", () => {
    for (const [code, { hint }] of Object.entries(errorCodes)) expect(hint, code).toMatch(/^[A-Z].*[.?!]$/);
  });

  test("docs/cli.md has every option of --help, and no other", async () => {
    const text = readFileSync(path.join(root, "docs/cli.md"), "utf8");
    const { stdout } = await project.shoal("run", "--help");
    const options = [...stdout.matchAll(/^\s+(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]!);
    expect(options.length).toBeGreaterThan(8);
    for (const option of options) expect(text).toContain(option);
  });
});

describe("docs/cli.md on shoal each", () => {
  const text = readFileSync(path.join(root, "docs/cli.md"), "utf8");

  test("has every option of its --help", async () => {
    const { stdout } = await project.shoal("each", "--help");
    const options = [...stdout.matchAll(/^\s+(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]!);
    expect(options.length).toBeGreaterThan(15);
    for (const option of options) expect(text).toContain(`${option}`);
  });

  const examples = [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)].map((match) => match[1]!);

  test("has examples", () => expect(examples.length).toBeGreaterThanOrEqual(4));

  test.each(examples.map((example) => [example.split("\n")[0]!, example]))("%s", (_first, example) => {
    // Each line that begins with "$ " is run in one shell; what follows it is what it must print.
    const lines = example.trimEnd().split("\n");
    const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    const shoalHere = `shoal() { "${process.execPath}" "${path.join(root, "dist/cli/main.js")}" "$@"; }`;
    const { stdout, stderr } = spawnSync("sh", ["-c", [shoalHere, ...commands].join("\n")], {
      cwd: project.dir,
      encoding: "utf8",
      input: "",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(stderr).not.toContain("error");
    expect(stdout.trimEnd().split("\n")).toEqual(lines.filter((line) => !line.startsWith("$ ")));
  });

  test("has a program that prints what it says", async () => {
    const [, program] = /^```ts\n(import \{ each \}[\s\S]*?)^```/m.exec(text)!;
    project.write("each.mjs", program!);
    project.write("a.txt", "1\n2\n");
    project.write("b.txt", "1\n");
    const { stdout } = spawnSync(process.execPath, ["each.mjs"], { cwd: project.dir, encoding: "utf8" });
    expect(stdout).toBe("a.txt 2\nb.txt 1\n");
  });
});
