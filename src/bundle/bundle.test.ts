import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isShoalError, type ShoalError } from "../errors.ts";
import { bundle, type Bundle } from "./bundle.ts";
import { sha256 } from "./inputs.ts";

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shoal-bundle-")));
const loader = path.join(root, "load.mjs");
let projects = 0;

beforeAll(async () => {
  // Slots run compiled code; node 20 cannot import load.ts itself.
  await build({
    entryPoints: [path.resolve(import.meta.dirname, "../executor/load.ts")],
    outfile: loader,
    bundle: true,
    format: "esm",
    platform: "node",
  });
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** Writes a project into a new directory and returns its path. */
function project(files: Record<string, string>, name = `p${++projects}`): string {
  const directory = path.join(root, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), text);
  }
  return directory;
}

const runtimeExports = ["job", "read", "mapReduce"];
const make = (directory: string, file = "job.ts", stateDir = `${directory}/.shoal`): Promise<Bundle> =>
  bundle(path.join(directory, file), { stateDir, runtimeExports });

/** Loads the bundle in a real slot's thread and returns its default export, called if it is a function. */
async function run(file: string): Promise<unknown> {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    globalThis[Symbol.for("shoal.runtime")] = { job: (d, f) => f, read: "read", mapReduce: "mapReduce" };
    import(workerData.loader).then(({ loadBundle }) => loadBundle(workerData.file)).then(async (module) => {
      const value = module.default;
      parentPort.postMessage({ value: typeof value === "function" ? await value() : value });
    }).catch((error) => parentPort.postMessage({ stack: String(error.cause?.stack ?? error.stack) }));
  `;
  const worker = new Worker(code, { eval: true, workerData: { loader: pathToFileURL(loader).href, file } });
  const message = await new Promise<{ value?: unknown; stack?: string }>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  if (message.stack !== undefined) throw new Error(message.stack);
  return message.value;
}

const failure = async (promise: Promise<unknown>): Promise<ShoalError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isShoalError(error)) throw new Error(`expected a ShoalError, got ${String(error)}`);
  return error;
};

const values = async (files: Record<string, string>, file = "job.ts"): Promise<unknown> =>
  run((await make(project(files), file)).file);

test("TypeScript, its imports and JSON become one file named by its hash", async () => {
  const directory = project({
    "job.ts": `
      import { twice } from "./lib/twice.js";
      import plain from "./data.json";
      import attributed from "./data.json" with { type: "json" };
      import type { Gone } from "not-installed";
      enum Color { Red = 3 }
      const awaited = await Promise.resolve(5);
      const { late } = await import("./lib/late.ts");
      const seen: Gone = [twice(21), plain.x, attributed.x, Color.Red, Color[3], awaited, late];
      export default seen;`,
    "lib/twice.ts": `export const twice = (n: number): number => n * 2;`,
    "lib/late.ts": `export const late = "late";`,
    "data.json": `{ "x": 1 }`,
  });
  const made = await make(directory);
  expect(made).toMatchObject({ isCached: false, entry: path.join(directory, "job.ts") });
  expect(made.file).toBe(path.join(directory, ".shoal", "bundles", `${made.hash}.mjs`));
  expect(sha256(fs.readFileSync(made.file))).toBe(made.hash);
  expect(path.dirname(made.map)).toBe(path.dirname(made.file));
  expect(await run(made.file)).toEqual([42, 1, 1, 3, "Red", 5, "late"]);
});

test.each([
  ["job.js", `export default 1;`],
  ["job.js", `#!/usr/bin/env node\nexport default import.meta.url ? 1 : 0;`],
  ["job.mjs", `export default 1;`],
  ["job.cjs", `module.exports = 1;`],
  ["job.mts", `const n: number = 1; export default n;`],
  ["job.cjs", `Object.defineProperty(exports, "__esModule", { value: true }); exports.default = 1;`],
  ["job.cts", `const n: number = 1; module.exports = n;`],
  ["job.tsx", `const n: number = 1; export default n;`],
])("%s is a program", async (name, text) => {
  expect(await values({ [name]: text }, name)).toBe(1);
});

test("a file: URL with a space and a # in it", async () => {
  const directory = project({ "my #1 job.ts": `export default import.meta.url;` });
  const url = pathToFileURL(path.join(directory, "my #1 job.ts")).href;
  const made = await bundle(url, { stateDir: path.join(directory, ".shoal"), runtimeExports });
  expect(await run(made.file)).toBe(url);
});

test("decorators as the project's tsconfig has them, and its paths through extends", async () => {
  expect(
    await values({
      "tsconfig.json": `{ // comment
      "extends": "./base.json", "compilerOptions": { "experimentalDecorators": true } }`,
      "base.json": `{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }`,
      "lib/a.ts": `export const a = "by paths";`,
      "job.ts": `
      import { a } from "@lib/a";
      const seen: string[] = [];
      const note = (target: object, key: string): void => { seen.push(key); };
      class A { @note method(): void {} }
      export default [a, ...seen, typeof A];`,
    }),
  ).toEqual(["by paths", "method", "function"]);
});

test("CommonJS dependencies: require, also of names known at run time; __filename, __dirname", async () => {
  const directory = project({
    "job.ts": `import dep, { where } from "dep"; import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      const __dirname = "the program's own";
      export default [dep.name, where(), dep.load("node:" + "path"), require("./own.cjs"), __dirname];`,
    "own.cjs": `module.exports = "own";`,
    "node_modules/dep/package.json": `{ "name": "dep", "main": "lib/main.js" }`,
    "node_modules/dep/lib/main.js": `const os = require("os"); const part = require("./part");
      exports.name = part.name + typeof os.cpus;
      exports.where = () => [__filename, __dirname];
      exports.load = (name) => require(name).basename("/a/b");`,
    "node_modules/dep/lib/part.js": `module.exports = { name: "part " };`,
  });
  const main = path.join(directory, "node_modules/dep/lib/main.js");
  expect(await run((await make(directory)).file)).toEqual([
    "part function",
    [main, path.dirname(main)],
    "b",
    "own",
    "the program's own",
  ]);
});

test("what a dependency requires only where it is installed is left to run time", async () => {
  const directory = project({
    "job.ts": `import { open } from "dep";
      export default () => { try { return open(); } catch (error: any) { return error.code; } };`,
    "node_modules/dep/index.js": `exports.open = () => require("some-driver/x").open();`,
  });
  expect(await run((await make(directory)).file)).toBe("MODULE_NOT_FOUND");
  const dep = path.join(directory, "node_modules/dep/index.js");
  fs.writeFileSync(dep, `import "some-driver"; export const open = 1;`);
  expect((await failure(make(directory))).hint).toBe("npm install some-driver");
});

test("import.meta keeps meaning the source file, and moves no line or column", async () => {
  const directory = project({
    "job.ts": `import { here } from "./lib/here.ts"; // not import.meta.url
      const x = new URL("./x", import.meta.url).pathname;
      export default () => [import.meta.url, here, "import.meta.url", x, thrown().stack.split("\\n")[1]];
      const thrown = () => { import.meta.url; return new Error("e"); };`,
    "lib/here.ts": `const { url, dirname, filename } = import.meta;
      export const here = [url, dirname, filename, ...["./y", "fs", "dep"].map(import.meta.resolve)];`,
    "node_modules/dep/index.js": `module.exports = 1`,
  });
  const here = path.join(directory, "lib/here.ts");
  const job = path.join(directory, "job.ts");
  const url = (file: string): string => pathToFileURL(path.join(directory, file)).href;
  expect(await run((await make(directory)).file)).toEqual([
    pathToFileURL(job).href,
    [
      pathToFileURL(here).href,
      path.dirname(here),
      here,
      url("lib/y"),
      "node:fs",
      url("node_modules/dep/index.js"),
    ],
    "import.meta.url",
    path.join(directory, "x"),
    expect.stringContaining(`${job}:4:54)`),
  ]);
});

test("import.meta of a dependency with a source map of its own means the file that is there", async () => {
  const text = "export const url = import.meta.url;";
  const sources = ["../src/deep/a.ts"];
  const directory = project({
    "job.ts": `import { url } from "dep"; export default url;`,
    "node_modules/dep/package.json": `{ "type": "module", "exports": "./dist/a.js" }`,
    "node_modules/dep/dist/a.js": `${text}\n//# sourceMappingURL=a.js.map`,
    "node_modules/dep/dist/a.js.map": JSON.stringify({
      version: 3,
      sources,
      sourcesContent: [text],
      names: [],
      mappings: "AAAA",
    }),
  });
  const dep = path.join(directory, "node_modules/dep/dist/a.js");
  expect(await run((await make(directory)).file)).toBe(pathToFileURL(dep).href);
});

test('"shoal" is the one that runs the program', async () => {
  expect(
    await values({
      "job.ts": `
      import shoal, { job, read } from "shoal";
      import * as all from "shoal";
      import { mapReduce as other } from "shoal/more";
      import type { Job } from "shoal";
      export default [shoal.read, read, all.mapReduce, other, typeof job, Object.keys(all).sort().join()];`,
    }),
  ).toEqual(["read", "read", "mapReduce", "mapReduce", "function", "default,job,mapReduce,read"]);
});

test('a bundle that imports "shoal" says what is missing when nothing runs it', async () => {
  const made = await make(project({ "job.ts": `import { job } from "shoal"; export default job;` }));
  const loading = import(/* @vite-ignore */ pathToFileURL(made.file).href);
  await expect(loading).rejects.toThrow("was not started by it: use `shoal run`");
});

test("native addons stay outside and load: a real one, by its file and by its package", async () => {
  const require = createRequire(import.meta.url);
  const paths = [path.dirname(require.resolve("vitest"))];
  const rolldown = require.resolve("rolldown/package.json", { paths });
  const bindings = path.resolve(rolldown, "../../@rolldown");
  const directory = fs.readdirSync(bindings).find((name) => name.startsWith("binding-"))!;
  const addon = path.join(bindings, directory);
  const file = fs.readdirSync(addon).find((name) => name.endsWith(".node"))!;
  const made = project({
    "job.ts": `import a from "by-file"; import { b, where } from "by-package";
      export default [Object.keys(a).length > 5, b, where];`,
    "node_modules/by-file/index.js": `module.exports = require("./addon.node");`,
    "node_modules/by-package/package.json": `{ "version": "1.2.3", "gypfile": true, "main": "lib/main" }`,
    "node_modules/by-package/lib/main.js": `exports.where = module.filename;
      exports.b = Object.keys(require("../addon" + ".node")).length > 5;`,
  });
  for (const name of ["by-file", "by-package"]) {
    fs.copyFileSync(path.join(addon, file), path.join(made, "node_modules", name, "addon.node"));
  }
  const { file: bundled } = await make(made);
  const text = fs.readFileSync(bundled, "utf8");
  expect(text).not.toContain(root);
  expect(text).toContain(`"1.2.3"`);
  expect(await run(bundled)).toEqual([true, true, path.join(made, "node_modules/by-package/lib/main.js")]);
});

test("the same program has the same hash wherever it is", async () => {
  const files = {
    "src/job.ts": `import dep from "dep"; import { b } from "../b.ts";
      export default [import.meta.url, dep, b];`,
    "b.ts": `export const b = 1;`,
    "node_modules/dep/index.js": `module.exports = __dirname;`,
  };
  const [one, two] = [project(files), project(files, "else where/deep")];
  const [first, second] = [await make(one, "src/job.ts"), await make(two, "src/job.ts")];
  expect(second.hash).toBe(first.hash);
  expect(fs.readFileSync(first.file, "utf8")).not.toContain(root);
  const url = (directory: string): string => pathToFileURL(path.join(directory, "src/job.ts")).href;
  expect(await run(second.file)).toEqual([url(two), path.join(two, "node_modules/dep"), 1]);
  // And where both share a state directory, the map follows the one that ran last.
  const shared = path.join(root, "shared");
  for (const directory of [one, two, one]) {
    const made = await make(directory, "src/job.ts", shared);
    expect(((await run(made.file)) as unknown[])[0]).toBe(url(directory));
  }
});

test("a missing program suggests the near one", async () => {
  const directory = project({ "wordcount.ts": "", "notes.txt": "" });
  const error = await failure(make(directory, "wordcuont.ts"));
  expect(error.code).toBe("JOB_NOT_FOUND");
  expect(error.message).toContain("did you mean wordcount.ts?");
  expect((await failure(make(directory, "wordcount.js"))).message).toContain("did you mean wordcount.ts?");
  expect((await failure(make(directory, "no/job.ts"))).message).toContain("its directory does not exist");
  expect((await failure(make(directory, "."))).hint).toContain(path.join(directory, "wordcount.ts"));
  expect(await failure(make(directory, "notes.txt"))).toMatchObject({ code: "NOT_A_JOB" });
  const relative = await failure(bundle("job.ts", { stateDir: root, runtimeExports }));
  expect(relative.message).toContain(`it is "job.ts"`);
});

test("a syntax error shows its place and line", async () => {
  const lib = `const fine = 1;\n\tconst é = "é" oops;\n`;
  const directory = project({ "job.ts": `import "./lib.ts";`, "lib.ts": lib });
  const error = await failure(make(directory));
  expect(error.code).toBe("BUNDLE_FAILED");
  expect(error.message).toBe(
    [
      `the program cannot be bundled: 1 error`,
      `  ${path.join(directory, "lib.ts")}:2:16: Expected ";" but found "oops"`,
      `    2 | \tconst é = "é" oops;`,
      `      | \t              ^`,
    ].join("\n"),
  );
  const file = path.join(directory, "lib.ts");
  expect(error.details["errors"]).toMatchObject([{ file, line: 2, column: 16 }]);
});

test("imports that lead nowhere: packages to install, near files, near exports of shoal", async () => {
  const directory = project({
    "words.ts": "",
    "job.ts": `import "lodahs/fp"; import "@scope/pkg/x";\nimport "./wrods.ts";\nimport "~/x";`,
  });
  const error = await failure(make(directory));
  expect(error.hint).toBe("npm install lodahs @scope/pkg");
  expect(error.message).toContain(`job.ts:1:8: cannot find "lodahs/fp": try npm install lodahs`);
  expect(error.message).toContain(`job.ts:2:8: cannot find "./wrods.ts"; did you mean "./words.ts"?`);
  expect(error.message).toContain(`cannot find "~/x": is it in the paths of tsconfig.json?`);
  const other = project({ "job.ts": `import { jobb } from "shoal"; jobb;` });
  expect((await failure(make(other))).message).toContain(
    `job.ts:1:10: "shoal" has no export named "jobb"; did you mean "job"?`,
  );
});

test("many errors are listed up to five, long lines cut", async () => {
  const imports = Array.from({ length: 7 }, (_, i) => `import "./gone${i}";`);
  const error = await failure(make(project({ "job.ts": `/*${"x".repeat(10_000)}*/ ${imports.join("\n")}` })));
  expect(error.message.match(/cannot find/g)).toHaveLength(5);
  expect(error.message).toContain("7 errors");
  expect(error.message).toMatch(/… and 2 more$/);
  for (const line of error.message.split("\n")) expect(line.length).toBeLessThan(250);
});
