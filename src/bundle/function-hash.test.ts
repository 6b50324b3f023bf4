import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { functionHash, type FunctionHash } from "./function-hash.ts";

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shoal-function-")));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

const before: Files = {
  "images.ts": `
    import { scale } from "./lib/scale.ts";
    import * as names from "./names.ts";
    import limits from "./limits.json";
    import round from "rounding";
    import { callContext } from "shoal";

    const factor = 2;
    enum Kind { Small, Large }
    interface Photo { width: number }

    export function resize(photo: Photo): number {
      return round(scale(photo.width) * factor) + limits.border;
    }
    export function crop(photo: Photo): number {
      return photo.width - Kind.Large;
    }
    export const list = () => Object.keys(names);
    export const slot = () => callContext().slot;
    export const here = () => import.meta.url;
    export const late = async () => (await import("./late.ts")).late();
    export default async function* steps() { yield "a  b"; }
  `,
  "lib/scale.ts": `
    export function scale(n: number) { return half(n) + 1; }
    function half(n: number) { return n / 2; }
    export function unused(n: number) { return n; }
  `,
  "names.ts": `export const one = 1; export function two() { return 2; }`,
  "late.ts": `export const late = () => 1;`,
  "limits.json": `{ "border": 3, "other": { "x": 1 } }`,
  "node_modules/rounding/package.json": `{ "name": "rounding", "version": "1.0.0", "main": "index.js" }`,
  "node_modules/rounding/index.js": `const digits = require("./digits"); module.exports = (n) => Math.round(n) + digits;`,
  "node_modules/rounding/digits.js": `module.exports = 0;`,
};

let projects = 0;

function project(files: Files, name = `p${++projects}`): string {
  const directory = path.join(root, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), text);
  }
  return directory;
}

const bundled = (directory: string, file = "images.ts") =>
  bundle(path.join(directory, file), {
    stateDir: path.join(directory, ".shoal"),
    runtimeExports: ["callContext"],
  });

async function hashOf(files: Files, name = "resize", file = "images.ts"): Promise<string> {
  const found = await functionHash(await bundled(project(files), file), name);
  expect(found.isOwn).toBe(true);
  return found.hash;
}

/** `before` with a text in one file replaced. */
function changed(file: string, from: string, to: string): Files {
  const text = before[file]!;
  expect(text).toContain(from);
  return { ...before, [file]: text.replace(from, to) };
}

const exported = ["resize", "crop", "list", "slot", "here", "late", "default"];

/** Which functions are others after the change. */
async function dropped(after: Files): Promise<string[]> {
  const [old, now] = [project(before), project(after)];
  const [oldBundle, nowBundle] = [await bundled(old), await bundled(now)];
  const hashes = async (from: typeof oldBundle) =>
    await Promise.all(exported.map(async (name) => await functionHash(from, name)));
  const [a, b] = [await hashes(oldBundle), await hashes(nowBundle)];
  expect([...a, ...b].every(({ isOwn }) => isOwn)).toBe(true);
  return exported.filter((_name, n) => a[n]!.hash !== b[n]!.hash);
}

test("each function has its own hash, the same wherever the project lies", async () => {
  const hashes = await Promise.all(exported.map((name) => hashOf(before, name)));
  expect(new Set(hashes).size).toBe(exported.length);
  expect(await Promise.all(exported.map((name) => hashOf(before, name)))).toEqual(hashes);
});

test.each([
  ["a blank line above", "images.ts", "export function resize", "\n\n\nexport function resize"],
  ["another indentation", "images.ts", "return round", "\n\treturn   round"],
  [
    "a comment",
    "images.ts",
    "export function resize",
    "/** Makes it smaller. */\n// yes\nexport function resize",
  ],
  ["a legal comment", "images.ts", "export function resize", "/*! (c) 2020 */ export function resize"],
  ["a comment in what it calls", "lib/scale.ts", "return half", "/* a half */ return half"],
  ["a type", "images.ts", "width: number }", "readonly width: number; height?: number }"],
  ["a function that nothing reaches", "lib/scale.ts", "return n;", "return n * 7;"],
  [
    "another one beside it",
    "lib/scale.ts",
    "function half",
    "export function third() { return 3; }\nfunction half",
  ],
  ["JSON's layout", "limits.json", "3,", "3    ,\n"],
])("%s keeps all results", async (_what, file, from, to) => {
  expect(await dropped(changed(file, from, to))).toEqual([]);
});

test.each([
  ["the function", "images.ts", "scale(photo.width) *", "scale(photo.width) /", ["resize"]],
  ["another function of the module", "images.ts", "photo.width - Kind", "photo.width + Kind", ["crop"]],
  [
    "what it calls, in another module",
    "lib/scale.ts",
    "return half(n) + 1",
    "return half(n) + 2",
    ["resize"],
  ],
  ["what that calls", "lib/scale.ts", "n / 2", "n / 3", ["resize"]],
  ["a value of the module", "images.ts", "factor = 2", "factor = 3", ["resize"]],
  ["a member of an enum", "images.ts", "{ Small, Large }", "{ Small, Middle, Large }", ["crop"]],
  ["an imported JSON file", "limits.json", "3", "4", ["resize"]],
  ["a namespace that is looked at as a whole", "names.ts", "return 2", "return 3", ["list"]],
  ["a module that is imported late", "late.ts", "=> 1", "=> 2", ["late"]],
  ["space within a string", "images.ts", '"a  b"', '"a b"', ["default"]],
  ["which names of shoal it uses", "images.ts", "callContext().slot", "typeof callContext", ["slot"]],
])("a change of %s drops results", async (_what, file, from, to, functions) => {
  expect(await dropped(changed(file, from, to))).toEqual(functions);
});

test("what has effects when the module is loaded counts for all of its functions", async () => {
  expect(await dropped(changed("images.ts", "const factor", "globalThis.mode = 1; const factor"))).toEqual(
    exported,
  );
  // A CommonJS package runs when it is imported.
  expect(
    await dropped(changed("node_modules/rounding/digits.js", "module.exports = 0", "module.exports = 1")),
  ).toEqual(exported);
});

test("an unrelated module with equal names changes nothing", async () => {
  const after = changed(
    "images.ts",
    "export function crop",
    `import { scale as other } from "./other.ts";
    export const more = () => other();
    export function crop`,
  );
  const other = `const factor = 9; export function scale() { return half() + factor; } function half() { return 5; }`;
  expect(await dropped({ ...after, "other.ts": other })).toEqual([]);
});

test("a function may move to another module, but one that asks where it is may not", async () => {
  const files: Files = {
    "a.ts": `export const twice = (n: number) => n * 2; export const here = () => import.meta.url;`,
    "lib/b.ts": `// moved
      export const other = 1;
      export const twice = (n: number) => n * 2;
      export const here = () => import.meta.url;`,
    "b.ts": `export * from "./lib/b.ts";`,
  };
  expect(await hashOf(files, "twice", "a.ts")).toBe(await hashOf(files, "twice", "b.ts"));
  expect(await hashOf(files, "here", "a.ts")).not.toBe(await hashOf(files, "here", "b.ts"));
});

test("CommonJS modules count by what is in them, not by their path", async () => {
  const text = `exports.twice = (n) => n * 2;`;
  const hash = await hashOf(
    { "src/a.cjs": text, "i.ts": `export { twice } from "./src/a.cjs";` },
    "twice",
    "i.ts",
  );
  const files = (inside: string) => ({ "lib/a.cjs": inside, "i.ts": `export { twice } from "./lib/a.cjs";` });
  expect(await hashOf(files(text), "twice", "i.ts")).toBe(hash);
  expect(await hashOf(files(text.replace("2", "3")), "twice", "i.ts")).not.toBe(hash);
  expect(await hashOf({ "whole.cjs": text }, "twice", "whole.cjs")).not.toBe(
    await hashOf({ "whole.cjs": `${text} exports.x = 1;` }, "twice", "whole.cjs"),
  );
});

test("native addons count by their version", async () => {
  const files = (version: string): Files => ({
    "a.ts": `import addon from "addon"; export const load = () => addon.load();`,
    "node_modules/addon/package.json": JSON.stringify({
      name: "addon",
      version,
      gypfile: true,
      main: "index.js",
    }),
    "node_modules/addon/index.js": `module.exports = {};`,
  });
  const hash = await hashOf(files("1.0.0"), "load", "a.ts");
  expect(await hashOf(files("1.0.0"), "load", "a.ts")).toBe(hash);
  expect(await hashOf(files("1.0.1"), "load", "a.ts")).not.toBe(hash);
});

test("code that is no longer what the files say goes by its bundle", async () => {
  const directory = project(before);
  const old = await bundled(directory);
  const { hash } = await functionHash(old, "resize");
  const file = path.join(directory, "images.ts");
  fs.writeFileSync(file, before["images.ts"]!.replace("factor = 2", "factor = 3"));
  const stale: FunctionHash = await functionHash(old, "resize");
  expect(stale.isOwn).toBe(false);
  expect(stale.hash).not.toBe(hash);
  expect((await functionHash(old, "crop")).hash).not.toBe(stale.hash);
  const now = await functionHash(await bundled(directory), "resize");
  expect(now.isOwn).toBe(true);
  expect(new Set([now.hash, stale.hash, hash]).size).toBe(3);
});

test("what is not exported goes by the bundle", async () => {
  expect((await functionHash(await bundled(project(before)), "missing")).isOwn).toBe(false);
});
