// One program that calls a TypeScript module by `shoal.use()` and `shoal.map()`, in all the ways that people run
// TypeScript. It names its module by `new URL("./words.ts", import.meta.url)`, and import.meta.url is the source under
// tsx, vitest and node itself, but wherever the output went once tsc or a bundler has been at it. Each way must print
// the same line, and end by itself.
//
// Not here: which file a name stands for (src/bundle/module-entry.ts), what calls do (test/conformance/).

import { spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import path from "node:path";
import { build as esbuild } from "esbuild";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Project, Running } from "./harness.ts";

const modules = path.resolve(import.meta.dirname, "../../node_modules");

const program = `import { connect } from "shoal";

const shoal = await connect({ slots: 1 });
const { count, shout } = shoal.use<typeof import("./words.ts")>(new URL("./words.ts", import.meta.url));
const one: number = await count("to be or not to be");
const many: string[] = await shoal.map(shout, ["to", "be"]).toArray();
console.log(\`words: \${one} \${many.join(" ")}\`);
if (process.env["LEAVE_OPEN"] === undefined) await shoal.close();
`;

/** It imports a sibling, as modules do, and says whether it runs where it should. */
const words = `import { isMainThread } from "node:worker_threads";
import { separator } from "./separator.ts";

export function count(text: string): number {
  return text.split(separator).length;
}

export function shout(word: string): string {
  return isMainThread ? "in the main thread" : \`\${word.toUpperCase()}!\`;
}
`;

const line = "words: 6 TO! BE!\n";

let project: Project;
beforeEach(() => {
  project = new Project({
    "package.json": JSON.stringify({ type: "module", dependencies: { shoal: "*" } }),
    "src/program.ts": program,
    "src/words.ts": words,
    "src/separator.ts": "export const separator: RegExp = / +/;\n",
  });
});
afterEach(() => project[Symbol.dispose]());

/** A process of node in the project, to its end; it does not know that it is part of a test. */
async function node(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { VITEST: _, NODE_ENV: __, ...inherited } = process.env;
  const { ended } = new Running(
    spawn(process.execPath, args, {
      cwd: project.dir,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inherited, NO_COLOR: "1", ...env },
    }),
  );
  const { code, stdout, stderr } = await ended;
  return { code, stdout, stderr };
}

/** What a compiler leaves is all that is left: a program that reads its sources all the same does not work. */
async function runBuilt(file: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  project.remove("src");
  expect(await node([file], env)).toEqual({ code: 0, stdout: line, stderr: "" });
}

function install(...names: string[]): void {
  for (const name of names) symlinkSync(path.join(modules, name), project.at("node_modules", name));
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const strips = major > 22 || (major === 22 && minor >= 18);
const stripReason = strips
  ? ""
  : ` (skipped: node ${process.versions.node} does not strip types, 22.18 does)`;

test("compiled by tsc, under plain node, and never closed", async () => {
  install("@types");
  const options = {
    target: "es2023",
    module: "nodenext",
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    lib: ["es2023", "esnext.disposable"],
    rewriteRelativeImportExtensions: true,
    rootDir: "src",
    outDir: "build",
  };
  project.write("tsconfig.json", JSON.stringify({ compilerOptions: options, include: ["src"] }));
  const tsc = await node([path.join(modules, "typescript/bin/tsc")]);
  expect(tsc).toEqual({ code: 0, stdout: "", stderr: "" });
  await runBuilt("build/program.js", { LEAVE_OPEN: "1" });
});

describe.skipIf(!strips)(`without a build${stripReason}`, () => {
  // reason: this node does not run TypeScript
  test("by node, which strips its types", async () => {
    // node 22 warns that it strips types.
    expect(await node(["src/program.ts"])).toMatchObject({ code: 0, stdout: line });
  });
});

test("by tsx", async () => {
  const tsx = path.join(modules, "tsx/dist/cli.mjs");
  expect(await node([tsx, "src/program.ts"])).toEqual({ code: 0, stdout: line, stderr: "" });
});

test("in a test under vitest", async () => {
  install("vitest");
  // The link to shoal counts as what npm would have installed: a package, which vitest leaves to node.
  project.write("vitest.config.js", "export default { resolve: { preserveSymlinks: true } };\n");
  project.write(
    "src/program.test.ts",
    `import { test } from "vitest";\ntest("runs", async () => void (await import("./program.ts")));\n`,
  );
  const vitest = [path.join(modules, "vitest/vitest.mjs"), "run", "--disableConsoleIntercept"];
  const { code, stdout, stderr } = await node(vitest);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(line);
  expect(stdout).toMatch(/Tests +1 passed/);
});

test.each([
  ["outside of it", ["shoal"]],
  ["in it", ["esbuild", "lmdb"]],
])("out of a bundle by esbuild, with shoal %s", async (_, external) => {
  install("esbuild", "lmdb"); // as npm does when it installs shoal
  await esbuild({
    absWorkingDir: project.dir,
    entryPoints: ["src/program.ts", "src/words.ts"],
    outdir: "build",
    bundle: true,
    format: "esm",
    platform: "node",
    external,
    logLevel: "silent",
  });
  await runBuilt("build/program.js");
});

/** The program and its module as entries of one build. */
async function buildByVite(build: object): Promise<void> {
  const config = { logLevel: "warn", ssr: { external: ["shoal"] }, build: { outDir: "build", ...build } };
  project.write("vite.config.js", `export default ${JSON.stringify(config)};\n`);
  const vite = await node([path.join(modules, "vite/bin/vite.js"), "build"]);
  expect(vite).toMatchObject({ code: 0, stderr: "" });
}

const entries = ["src/program.ts", "src/words.ts"];
const forNode = { ssr: true, rolldownOptions: { input: entries } };
const library = {
  lib: { entry: entries, formats: ["es"] },
  rolldownOptions: { external: ["shoal", "node:worker_threads"] },
};

test("out of a build by Vite, for SSR", async () => {
  await buildByVite(forNode);
  await runBuilt("build/program.js");
});

test("out of a library built by Vite, with the comment that keeps the URL as it is", async () => {
  project.write("src/program.ts", program.replace("new URL(", "new URL(/* @vite-ignore */ "));
  await buildByVite(library);
  await runBuilt("build/program.js");
});

test("out of a library built by Vite, without that comment: the error tells of it", async () => {
  await buildByVite(library);
  const { code, stderr } = await node(["build/program.js"]);
  expect(code).toBe(1);
  expect(stderr).toContain("use() expects a file: URL or a path, received data:");
  expect(stderr).toContain('new URL(/* @vite-ignore */ "./module.ts", import.meta.url)');
});
