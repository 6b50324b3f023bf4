import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle } from "../bundle/bundle.ts";
import { firstUserFrame } from "../bundle/frames.ts";
import { fromErrorData, isShoalError, type ErrorData, type ShoalError } from "../errors.ts";

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shoal-load-")));
const at = (file: string): string => path.join(root, file);
const write = (file: string, text: string): void => {
  fs.mkdirSync(path.dirname(at(file)), { recursive: true });
  fs.writeFileSync(at(file), text);
};
const make = async (file: string): Promise<string> =>
  (await bundle(at(file), { stateDir: at(".shoal"), runtimeExports: [] })).file;

beforeAll(async () => {
  const source = `
    export { loadBundle } from ${JSON.stringify(path.resolve(import.meta.dirname, "load.ts"))};
    export { toErrorData } from ${JSON.stringify(path.resolve(import.meta.dirname, "../errors.ts"))};`;
  await build({
    stdin: { contents: source, resolveDir: root },
    outfile: at("load.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
  });
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** Loads a bundle in a thread, calls one of its exports, and returns what is thrown on the way. */
async function thrownBy(file: string, name: string): Promise<Error> {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.loader).then(async ({ loadBundle, toErrorData }) => {
      try {
        const module = await loadBundle(workerData.file);
        parentPort.postMessage({ value: await module[workerData.name](1) });
      } catch (error) { parentPort.postMessage({ error: toErrorData(error) }); }
    });`;
  const loader = pathToFileURL(at("load.mjs")).href;
  const worker = new Worker(code, { eval: true, workerData: { loader, file, name } });
  const message = await new Promise<{ value?: unknown; error?: ErrorData }>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  if (message.error === undefined) throw new Error(`nothing thrown, but ${String(message.value)} returned`);
  return fromErrorData(message.error);
}

test("an error in an imported module names its TypeScript line and column", async () => {
  write(
    "my job/job.ts",
    `import { boom } from "./lib/boom.ts";
    export const sync = (n: number) => boom(n);
    export const later = async (n: number): Promise<number> => { await null; return boom(n); };
    export async function wrapped(n: number): Promise<number> {
      try { return await later(n); } catch (cause) { throw new Error("wrapped", { cause }); }
    }`,
  );
  write(
    "my job/lib/boom.ts",
    `interface Point {
  x: number;
}
type Gone = Point;

export function boom(n: number): number {
  if (n > 0) throw new RangeError(\`boom \${n satisfies Gone["x"]}\`);
  return n;
}`,
  );
  const file = await make("my job/job.ts");
  const boom = { file: at("my job/lib/boom.ts"), line: 7, column: 20 };
  for (const name of ["sync", "later"]) {
    const error = await thrownBy(file, name);
    expect(error).toMatchObject({ name: "RangeError", message: "boom 1" });
    expect(error.stack).toContain(`${boom.file}:7:20`);
    expect(firstUserFrame(error.stack!)).toEqual(boom);
  }
  const wrapped = await thrownBy(file, "wrapped");
  expect(firstUserFrame(wrapped.stack!)).toEqual({ file: at("my job/job.ts"), line: 5, column: 60 });
  expect(firstUserFrame((wrapped.cause as Error).stack!)).toEqual(boom);
});

test("a program that throws while it loads: USER_ERROR with its place and its cause", async () => {
  write("throws.ts", `import "./top.ts";`);
  write(
    "top.ts",
    `type A = 1;

class Bad extends Error { override name = "Bad"; code = "E1" }
throw new Bad("at the top");`,
  );
  const error = (await thrownBy(await make("throws.ts"), "any")) as ShoalError;
  expect(isShoalError(error, "USER_ERROR")).toBe(true);
  expect(error.message).toBe(`the program failed while loading: Bad: at the top (at ${at("top.ts")}:4:7)`);
  expect(error.details).toEqual({ file: at("top.ts"), line: 4, column: 7 });
  expect(error.cause).toMatchObject({ name: "Bad", message: "at the top", code: "E1" });
});

test("what is thrown need not be an error, and a ShoalError passes as it is", async () => {
  write("string.ts", `throw "just text";`);
  const error = await thrownBy(await make("string.ts"), "any");
  expect(error.message).toBe("the program failed while loading: string just text");
  write(
    "ours.ts",
    `const error: any = new Error("bad default");
    throw Object.assign(error, { code: "BAD_PARAMETER", details: {}, [Symbol.for("shoal.error")]: true });`,
  );
  const ours = await thrownBy(await make("ours.ts"), "any");
  expect(ours).toMatchObject({ code: "BAD_PARAMETER", message: "bad default" });
});

test("a damaged or absent bundle is refused, not run", async () => {
  write("fine.ts", `export const f = (): number => 1;`);
  const file = await make("fine.ts");
  await expect(thrownBy(file, "f")).rejects.toThrow("nothing thrown, but 1 returned");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("1", "2"));
  const refused = (text: string): object => ({
    code: "SCRATCH_FAILED",
    message: expect.stringContaining(text),
  });
  expect(await thrownBy(file, "f")).toMatchObject(refused("is damaged"));
  fs.rmSync(file);
  expect(await thrownBy(file, "f")).toMatchObject(refused("cannot be read"));
});
