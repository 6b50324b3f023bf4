import { execFile } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build, version } from "esbuild";
import { afterAll, beforeEach, expect, test } from "vitest";
import { bundle, type Bundle } from "./bundle.ts";
import { BundleCache, esbuildVersion, inspectBundle } from "./cache.ts";
import { checkInputs, markInput, sha256 } from "./inputs.ts";
import { sweepBundles } from "./sweep.ts";

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shoal-bundle-cache-")));
let count = 0;
let directory = "";

beforeEach(() => {
  directory = path.join(root, `p${++count}`);
  fs.mkdirSync(directory);
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const at = (file: string): string => path.join(directory, file);
const write = (file: string, text: string): void => {
  fs.mkdirSync(path.dirname(at(file)), { recursive: true });
  fs.writeFileSync(at(file), text);
};
const make = (runtimeExports: readonly string[] = ["job"]): Promise<Bundle> =>
  bundle(at("job.ts"), { stateDir: at(".shoal"), runtimeExports });
const exported = async (file: string): Promise<unknown> =>
  ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { default: unknown }).default;
const indexFile = (): string => at(`.shoal/bundles/index/${sha256(at("job.ts"))}.json`);

test("the pinned version of esbuild is the one installed", () => {
  expect(version).toBe(esbuildVersion);
  const manifest = fs.readFileSync(path.resolve(import.meta.dirname, "../../package.json"), "utf8");
  expect(JSON.parse(manifest)).toMatchObject({ dependencies: { esbuild: esbuildVersion } });
});

test("an unchanged program is found again, also when its files were only touched", async () => {
  write("job.ts", `import { b } from "./b.ts"; export default b;`);
  write("b.ts", `export const b = 1;`);
  const first = await make();
  expect(await make()).toEqual({ ...first, isCached: true });
  fs.utimesSync(at("b.ts"), 1, 1);
  expect(await make()).toEqual({ ...first, isCached: true });
  // Touched files are looked into once only: their marks are brought up to date.
  const marks = (JSON.parse(fs.readFileSync(indexFile(), "utf8")) as { inputs: { path: string }[] }).inputs;
  expect(marks.map(({ path }) => path)).toEqual(expect.arrayContaining([at("job.ts"), at("b.ts")]));
});

test("an edit is seen, even one of the same length at the same moment", async () => {
  write("job.ts", `import { b } from "./b.ts"; export default b;`);
  write("b.ts", `export const b = 1;`);
  const first = await make();
  const { atime, mtime } = fs.statSync(at("b.ts"));
  write("b.ts", `export const b = 2;`);
  fs.utimesSync(at("b.ts"), atime, mtime);
  const second = await make();
  expect(second.isCached).toBe(false);
  expect(second.hash).not.toBe(first.hash);
  expect([await exported(first.file), await exported(second.file)]).toEqual([1, 2]);
  write("b.ts", `export const b = 1;`);
  expect(await make()).toMatchObject({ hash: first.hash, isCached: false });
});

test("a mark keeps no stat of a file that was written just now, and content decides", () => {
  write("a", "one");
  const { ctimeMs } = fs.statSync(at("a"));
  const fresh = markInput(at("a"), ctimeMs + 1);
  expect(fresh).toEqual({ path: at("a"), stat: null, hash: sha256("one") });
  const rested = markInput(at("a"), ctimeMs + 60_000);
  expect(rested.stat).toMatchObject({ size: 3, ctimeMs });
  const marks = [rested, markInput(at("absent"))];
  expect(checkInputs(marks)).toBe(marks);
  // With the stat the same, the content is not read: a wrong hash goes unseen.
  expect(checkInputs([{ ...rested, hash: "wrong" }])).not.toBeNull();
  expect(checkInputs([{ ...fresh, hash: "wrong" }])).toBeNull();
  write("absent", "");
  expect(checkInputs(marks)).toBeNull();
  fs.rmSync(at("a"));
  expect(checkInputs([rested])).toBeNull();
});

const otherPaths = `"compilerOptions": { "paths": { "#x": ["./y.ts"] } }`;

test.each<[string, () => void]>([
  ["an edited dependency", () => write("node_modules/dep/index.js", `module.exports = "new";`)],
  ["a dependency's package.json", () => write("node_modules/dep/package.json", `{ "main": "other.js" }`)],
  ["an install", () => write("node_modules/.package-lock.json", `{ "new": 1 }`)],
  ["the tsconfig", () => write("tsconfig.json", `{ "extends": ["./base"], ${otherPaths} }`)],
  ["what the tsconfig extends", () => write("base.json", `{ ${otherPaths} }`)],
  ["a tsconfig nearer to a source", () => write("lib/tsconfig.json", `{}`)],
  ["the package.json", () => write("package.json", `{ "type": "module", "sideEffects": false }`)],
  ["a package.json nearer to a source", () => write("lib/package.json", `{ "type": "commonjs" }`)],
  ["a file that is found before another", () => write("lib/a.js", `export const a = "new";`)],
  ["a nearer node_modules", () => write("lib/node_modules/dep/index.js", `module.exports = "nearer";`)],
  ["a removed file", () => fs.rmSync(at("lib/unused.json"))],
])("%s makes the bundle anew", async (_, change) => {
  write("package.json", `{ "type": "module" }`);
  write("tsconfig.json", `{ /* "extends": "./no" */ "extends": ["./base"] }`);
  write("base.json", `{ "compilerOptions": { "paths": { "#x": ["./x.ts"] } } }`);
  write("x.ts", `export const x = "x";`);
  write("y.ts", `export const x = "y";`);
  write("lib/a.ts", `import dep from "dep"; export const a = dep;`);
  write("lib/unused.json", `{}`);
  write("node_modules/.package-lock.json", `{}`);
  write("node_modules/dep/package.json", `{ "main": "index.js" }`);
  write("node_modules/dep/index.js", `module.exports = "dep";`);
  write("node_modules/dep/other.js", `module.exports = "other";`);
  write(
    "job.ts",
    `import { a } from "./lib/a.js"; import "./lib/unused.json"; import { x } from "#x";
    export default [a, x];`,
  );
  await make();
  expect((await make()).isCached).toBe(true);
  change();
  const made = await make().catch(() => null); // A removed file is an error, which is seen too.
  expect(made?.isCached ?? false).toBe(false);
});

test("other names of shoal's exports make another bundle; damaged index files are misses", async () => {
  write("job.ts", `import { job } from "shoal"; export default job;`);
  const first = await make(["job"]);
  const second = await make(["job", "read"]);
  expect(second.isCached).toBe(false);
  expect(second.hash).not.toBe(first.hash);
  const good = fs.readFileSync(indexFile(), "utf8");
  const elsewhere = good.replace(second.hash, "../../x");
  for (const bad of ["", "{", "null", `{"format":99}`, elsewhere, good.slice(0, -5)]) {
    fs.writeFileSync(indexFile(), bad);
    expect(await make(["job", "read"])).toMatchObject({ hash: second.hash, isCached: false });
  }
  expect((await make(["job", "read"])).isCached).toBe(true);
});

test("a damaged or missing bundle or map is made anew", async () => {
  write("job.ts", `export default "whole";`);
  const first = await make();
  for (const file of [first.file, first.map]) {
    const good = fs.readFileSync(file);
    const flipped = Buffer.from(good);
    flipped[flipped.length >> 1]! ^= 4;
    const flip = (): void => fs.writeFileSync(file, flipped);
    for (const damage of [flip, () => fs.truncateSync(file, 10), () => fs.rmSync(file)]) {
      damage();
      expect(await make()).toMatchObject({ hash: first.hash, isCached: false });
      expect(fs.readFileSync(file).equals(good)).toBe(true);
      expect((await make()).isCached).toBe(true);
    }
  }
});

test("what a slot asks: is the bundle whole, and where does the program live", async () => {
  write("job.ts", `export default 1;`);
  const { file, map } = await make();
  expect(inspectBundle(file)).toEqual({ isWhole: true, base: `${pathToFileURL(directory).href}/` });
  fs.rmSync(map);
  expect(inspectBundle(file)).toEqual({ isWhole: true, base: null });
  fs.appendFileSync(file, " ");
  expect(inspectBundle(file).isWhole).toBe(false);
});

test("the map keeps the program's own texts, and leaves those of dependencies in their files", async () => {
  write("job.ts", `import dep from "dep"; export default dep;`);
  write("node_modules/dep/index.js", `module.exports = 1;`);
  const { map } = await make();
  const { sourceRoot, sources, sourcesContent } = JSON.parse(fs.readFileSync(map, "utf8")) as {
    sourceRoot: string;
    sources: string[];
    sourcesContent: (string | null)[];
  };
  const texts = sources.map((source, i) => [sourceRoot + source, sourcesContent[i]]);
  expect(texts).toEqual(
    expect.arrayContaining([
      [pathToFileURL(at("job.ts")).href, fs.readFileSync(at("job.ts"), "utf8")],
      [pathToFileURL(at("node_modules/dep/index.js")).href, null],
    ]),
  );
});

test("a bundle whose inputs moved while it was made is not found again", () => {
  write("job.ts", "");
  const cache = new BundleCache(at(".shoal"));
  const mark = markInput(at("job.ts"));
  const stored = cache.store(at("job.ts"), [], "1;\n", "{}", [mark]);
  expect(cache.find(at("job.ts"), [])).toEqual(stored);
  cache.store(at("job.ts"), [], "2;\n", "{}", null);
  expect(cache.find(at("job.ts"), [])).toBeNull();
});

test("a state directory that cannot be written is said so", async () => {
  write("job.ts", `export default 1;`);
  write(".shoal", "a file where the directory should be");
  await expect(make()).rejects.toMatchObject({ code: "SCRATCH_FAILED" });
});

test("processes that bundle the same program at the same time agree", async () => {
  write("job.ts", `export default "shared";`);
  const compiled = path.join(root, "compiled");
  const esbuild = createRequire(import.meta.url).resolve("esbuild");
  await build({
    entryPoints: [path.resolve(import.meta.dirname, "bundle.ts")],
    bundle: true,
    splitting: true,
    outdir: compiled,
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    alias: { esbuild },
    external: [esbuild],
  });
  const script = `
    const { bundle } = await import(${JSON.stringify(pathToFileURL(path.join(compiled, "bundle.mjs")).href)});
    const made = [];
    for (let i = 0; i < 5; i++) made.push(await bundle(${JSON.stringify(at("job.ts"))},
      { stateDir: ${JSON.stringify(at(".shoal"))}, runtimeExports: [] }));
    console.log(JSON.stringify(made));`;
  const outputs = await Promise.all(
    [0, 1, 2].map(async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
      return JSON.parse(stdout) as Bundle[];
    }),
  );
  expect(new Set(outputs.flat().map(({ hash }) => hash)).size).toBe(1);
  const names = fs.readdirSync(at(".shoal/bundles"));
  expect(names).toHaveLength(3);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(await exported(outputs[0]![0]!.file)).toBe("shared");
});

test("the sweep takes the least recently used beyond 50, none of the last day, and what was theirs", () => {
  const index = at("index");
  fs.mkdirSync(index);
  const hourMs = 3_600_000;
  const age = (file: string, hours: number): void => {
    const time = new Date(Date.now() - hours * hourMs);
    fs.utimesSync(file, time, time);
  };
  const hashes = Array.from({ length: 60 }, (_, i) => sha256(String(i)));
  for (const [i, hash] of hashes.entries()) {
    const map = `${hash.slice(0, 32)}.map`;
    write(`${hash}.mjs`, `//# sourceMappingURL=${map}\n`);
    write(map, "{}");
    write(`index/${hash}.json`, JSON.stringify({ hash }));
    for (const file of [`${hash}.mjs`, map, `index/${hash}.json`]) age(at(file), i < 7 ? 100 - i : 2);
  }
  write("fresh.tmp", "");
  write("stale.tmp", "");
  age(at("stale.tmp"), 2);
  sweepBundles(directory, hashes[0]!);
  // Ten too many, of these seven older than a day, of these one kept by name.
  const left = new Set([...hashes.slice(0, 1), ...hashes.slice(7)]);
  const names = fs.readdirSync(directory).sort();
  const bundles = names.filter((name) => name.endsWith(".mjs"));
  expect(bundles).toEqual([...left].map((hash) => `${hash}.mjs`).sort());
  expect(names.filter((name) => name.endsWith(".map"))).toHaveLength(left.size);
  expect(fs.readdirSync(index)).toHaveLength(left.size);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual(["fresh.tmp"]);
});
