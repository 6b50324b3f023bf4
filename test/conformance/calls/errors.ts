// What remote functions throw arrives as what it was, and says where.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { collect, moduleUrl, rejection, type World } from "./world.ts";

const source = readFileSync(moduleUrl, "utf8").split("\n");

/** The place of a comment in the module: "module.ts:40". */
const marked = (comment: string): string =>
  `module.ts:${source.findIndex((line) => line.endsWith(`// ${comment}`)) + 1}`;

/** The place of the caller's line, as this process prints it: "errors.ts:31". */
function here(): string {
  const caller = new Error().stack!.split("\n")[2]!;
  return /errors\.ts:\d+/.exec(caller)![0];
}

/** That the stack shows one place, and another one below it. */
function expectStack(stack: string, first: string, second: string): void {
  const [at, below] = [stack.indexOf(first), stack.lastIndexOf(second)];
  expect(at, `${first} in\n${stack}`).toBeGreaterThan(0);
  expect(below, `${second} after ${first} in\n${stack}`).toBeGreaterThan(at);
}

export function errors(world: World): void {
  const { it } = world;

  it("the language's own classes, for instanceof; name and message", async () => {
    const { fails, failsLater } = world.fns;
    const range = await rejection(fails("range"));
    expect(range).toBeInstanceOf(RangeError);
    expect([range.name, range.message]).toEqual(["RangeError", "out of range"]);
    expect(Object.keys(range)).toEqual([]);
    expect(await rejection(failsLater())).toBeInstanceOf(SyntaxError);
    const plain = await rejection(fails("plain"));
    expect(plain).toBeInstanceOf(Error);
    expect([plain.name, plain.message]).toEqual(["Error", "plain"]);
    expect(await rejection(fails("subclass"))).toBeInstanceOf(TypeError);
  });

  it("name, own properties and cause of an error of a class of one's own", async () => {
    const error = await rejection(world.fns.fails("http"));
    expect(error).toMatchObject({
      name: "HttpError",
      message: "not found",
      status: 404,
      at: new Date(86_400_000),
    });
    expect(error.at).toBeInstanceOf(Date);
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.cause.message).toBe("the reason");
    expect(String(error)).toBe("HttpError: not found");
  });

  it("properties that cannot travel do not keep the others from it", async () => {
    const error = await rejection(world.fns.fails("opaque"));
    expect(error).toMatchObject({ message: "with a helper", when: new Date(0), tries: 3n });
    expect(typeof error.retry).not.toBe("function");
  });

  it("the errors of an AggregateError", async () => {
    const error = await rejection(world.fns.fails("aggregate"));
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe("both");
    expect(error.errors).toHaveLength(2);
    expect(error.errors[0]).toBeInstanceOf(TypeError);
    expect(error.errors[1]).toMatchObject({ name: "HttpError", message: "two", status: 500 });
  });

  it("what was thrown and is no error", async () => {
    const { throwsValue } = world.fns;
    for (const value of ["text", 0, undefined, null, { code: 1, at: new Date(0) }, [1]])
      expect(await rejection(throwsValue(value))).toStrictEqual(value);
  });

  it("the stack has the remote line in the user's TypeScript, then the caller's", async () => {
    const { fails, failsLater } = world.fns;
    const [promise, place] = [fails("range"), here()];
    expectStack((await rejection(promise)).stack, marked("thrown here"), place);
    const [later, laterPlace] = [failsLater(), here()];
    expectStack((await rejection(later)).stack, marked("thrown later"), laterPlace);
    const error = await rejection(promise);
    expect(error.stack).toMatch(/^RangeError: out of range\n/);
  });

  it("errors of streams and of maps have the remote line, and streams the caller's", async () => {
    const { countThenThrow, fails } = world.fns;
    const [stream, place] = [countThenThrow(1), here()];
    const error = await rejection(collect(stream));
    expect(error).toBeInstanceOf(RangeError);
    expectStack(error.stack, "module.ts:", place);
    expect((await rejection(world.shoal.map(fails, ["range"]).toArray())).stack).toContain(
      marked("thrown here"),
    );
  });

  it("NO_SUCH_FUNCTION names what there is, and what was meant", async () => {
    const fns = world.fns as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const error = await rejection(fns["ech"]!(1));
    expect(error).toMatchObject({ code: "NO_SUCH_FUNCTION", definite: true, hint: "Did you mean echo?" });
    expect(error.message).toMatch(/module\.ts exports no ech; its functions are .*\becho\b/);
    expect((await rejection(collect(fns["cont"]!(1) as never))).hint).toBe("Did you mean count?");
  });

  const modules: readonly [what: string, file: string, code: string, expected: object][] = [
    ["does not compile", "syntax.ts", "export const f = (: number => 1;", { code: "BUNDLE_FAILED" }],
    ["is not there", "absent.ts", "", { code: "JOB_NOT_FOUND" }],
    [
      "throws while it loads",
      "throwing.ts",
      'export const f = (): number => 1;\nthrow new Error("no licence");\n',
      { code: "USER_ERROR", message: expect.stringMatching(/no licence.*throwing\.ts:2/) as string },
    ],
    [
      "exits while it loads",
      "exiting.ts",
      "export const f = (): number => 1;\nprocess.exit(3);\n",
      { code: "USER_ERROR", message: expect.stringContaining("process.exit(3)") as string },
    ],
    [
      "never ends to load",
      "never.ts",
      "export const f = (): number => 1;\nawait new Promise(() => {});\n",
      { code: "NEVER_SETTLES" },
    ],
  ];
  for (const [what, file, code, expected] of modules) {
    it(`a module that ${what} rejects each call, and nothing hangs`, async () => {
      const at = path.join(world.dir, file);
      if (code !== "") writeFileSync(at, code);
      const { f, g } = world.shoal.use<{ f(): number; g(): number }>(at);
      const errors = await Promise.all([f(), f(), g(), f()].map(rejection));
      for (const error of [...errors, await rejection(f()), await rejection(collect(f() as never))])
        expect(error).toMatchObject(expected);
      expect(await world.fns.echo("still here")).toBe("still here");
    });
  }
}
