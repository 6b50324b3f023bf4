import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect, type ConnectOptions } from "../../connect.ts";
import { move } from "../../data/calls/moved.ts";
import { isShoalError } from "../../errors.ts";
import type { Shoal } from "../shoal.ts";
import { memo, type MemoOptions } from "./memo.ts";
import type { Remote } from "./remote.ts";
import { cacheSettled } from "./result-caches.ts";

// Most tests run functions inline: what they count is then here to be looked at.

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shoal-memo-")));
const opened: Shoal[] = [];
let projects = 0;
let directory = "";

interface Counted {
  calls: string[];
  open: () => void;
  opened: Promise<void>;
}
const counted = globalThis as unknown as Counted;

const source = `
  import { scale } from "./scale.ts";
  import { connect, memo } from "shoal";

  const said = (what) => { globalThis.calls?.push(what); };
  export function twice(n) { said("twice " + n); return scale(n) * 2; }
  export function other(n) { return n; }
  export function echo(...values) { said("echo"); return values.length === 1 ? values[0] : values; }
  export function fails(n) { said("fails " + n); if (n > 0) throw new RangeError("no " + n); return n; }
  export async function waits(n) { said("waits " + n); await globalThis.opened; return { n }; }
  export function* steps(n) { said("steps"); for (let i = 0; i < n; i++) yield i; }
  export function table(n) { return new Float64Array([n, n]); }
  export async function nested(n) {
    const shoal = await connect();
    const { pid } = shoal.use(new URL("./images.ts", import.meta.url));
    return await memo(pid)(n);
  }
  let pids = 0;
  export function pid(n) { return n + " by " + process.pid + "." + Math.random() + "." + ++pids; }
`;

interface Images {
  twice(n: number): number;
  other(n: number): number;
  echo(...values: unknown[]): unknown;
  fails(n: number): number;
  waits(n: unknown): Promise<{ n: unknown }>;
  steps(n: number): Generator<number>;
  table(n: number): Float64Array;
  nested(n: number): Promise<string>;
  pid(n: number): string;
}

beforeEach(() => {
  directory = path.join(root, String(++projects));
  fs.mkdirSync(directory);
  write("images.ts", source);
  write("scale.ts", `export function scale(n) { return n; }`);
  counted.calls = [];
  counted.opened = new Promise((resolve) => (counted.open = resolve));
});
afterEach(async () => {
  for (const shoal of opened.splice(0)) await shoal.close();
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): void => fs.writeFileSync(path.join(directory, name), text);

async function use(options: ConnectOptions = {}): Promise<Remote<Images>> {
  const shoal = await connect({ slots: 1, mode: "inline", directory, ...options });
  opened.push(shoal);
  return shoal.use<Images>("images.ts");
}

const settled = (): Promise<void> => cacheSettled(path.join(directory, ".shoal"));

/** What `work` calls, of `twice`. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  counted.calls = [];
  await work();
  await settled();
  return counted.calls;
}

test("a result is kept: in this connection, and in the next one", async () => {
  const { twice } = await use();
  const kept = memo(twice);
  expect(await callsOf(async () => expect(await kept(3)).toBe(6))).toEqual(["twice 3"]);
  expect(await callsOf(async () => expect(await kept(3)).toBe(6))).toEqual([]);
  expect(await callsOf(async () => expect(await kept(4)).toBe(8))).toEqual(["twice 4"]);
  const again = memo((await use()).twice);
  expect(await callsOf(async () => expect(await again(3)).toBe(6))).toEqual([]);
  expect(await callsOf(async () => expect(await again.with({ priority: 1 })(4)).toBe(8))).toEqual([]);
  expect(await callsOf(async () => await (await use()).twice(3))).toEqual(["twice 3"]);
});

/** Keeps a result, changes a file, and asks a new connection for it. */
async function isKeptAfter(file: string, from: string, to: string): Promise<boolean> {
  await memo((await use()).twice)(3);
  await settled();
  const text = fs.readFileSync(path.join(directory, file), "utf8");
  expect(text).toContain(from);
  write(file, text.replace(from, to));
  counted.calls = [];
  await memo((await use()).twice)(3);
  return counted.calls.length === 0;
}

test("a blank line above the function keeps its results", async () => {
  expect(await isKeptAfter("images.ts", "export function twice", "\n\nexport function twice")).toBe(true);
});

test("a change of another function of the module keeps them", async () => {
  expect(await isKeptAfter("images.ts", "other(n) { return n; }", "other(n) { return n + 1; }")).toBe(true);
});

test("a change of a function that it calls drops them", async () => {
  expect(await isKeptAfter("scale.ts", "return n", "return n + 1")).toBe(false);
});

test("code that changes while it is used is not mistaken for what runs", async () => {
  const { twice } = await use();
  await twice(1); // bundled
  write("scale.ts", `export function scale(n) { return n * 100; }`);
  expect(await memo(twice)(3)).toBe(6); // what runs is the old code
  await settled();
  expect(await memo((await use()).twice)(3)).toBe(600);
});

test("results come back as they were, each a copy", async () => {
  const { echo, table } = await use();
  const values: unknown[] = [
    undefined,
    null,
    -0,
    NaN,
    10n,
    new Date(5),
    new Map([[{ a: 1 }, new Set([1])]]),
    [undefined, { b: undefined }],
    new Uint16Array([1, 2]),
    /x/g,
    Buffer.from("abc"),
    { held: Buffer.from("abc") },
  ];
  const kept = memo(echo);
  for (const value of values) {
    await kept(value);
    await settled();
    const [one, two] = [await kept(value), await kept(value)];
    expect(one).toStrictEqual(value);
    expect(two).toStrictEqual(value);
    if (typeof one === "object" && one !== null) expect(two).not.toBe(one);
  }
  expect(counted.calls).toHaveLength(values.length);
  const sums = memo(table);
  await sums(1);
  await settled();
  expect((await sums(1)).buffer.byteLength).toBe(16);
});

test("a caller that changes its result or its arguments changes nothing that is kept", async () => {
  const { waits } = await use();
  const kept = memo(waits);
  const argument = { x: 1 };
  const result = kept(argument);
  argument.x = 2;
  counted.open();
  ((await result).n as { x: number }).x = 3;
  await settled();
  expect(await kept({ x: 1 })).toEqual({ n: { x: 1 } });
  expect(await kept({ x: 2 })).toEqual({ n: { x: 2 } });
  expect(counted.calls).toHaveLength(2);
});

test("a result is used until its time is over", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
  try {
    const { twice } = await use();
    const kept = memo(twice, { ttlMs: 1000 });
    expect(await callsOf(() => kept(1))).toHaveLength(1);
    vi.setSystemTime(1_000_999);
    expect(await callsOf(() => kept(1))).toHaveLength(0);
    vi.setSystemTime(1_001_000);
    expect(await callsOf(() => memo(twice)(1))).toHaveLength(0);
    expect(await callsOf(() => kept(1))).toHaveLength(1);
    expect(await callsOf(() => kept(1))).toHaveLength(0);
  } finally {
    vi.useRealTimers();
  }
});

test("errors are not kept, and come as they were thrown", async () => {
  const { fails } = await use();
  const kept = memo(fails);
  for (let n = 0; n < 2; n++) await expect(kept(1)).rejects.toThrow(new RangeError("no 1"));
  expect(counted.calls).toEqual(["fails 1", "fails 1"]);
});

test("equal calls at the same time are made once, also before the module is there", async () => {
  const { waits } = await use();
  const [one, two] = [memo(waits), memo(waits)];
  const results = [one(1), two(1), one(2), one(1)];
  counted.open();
  const got = await Promise.all(results);
  expect(got).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }, { n: 1 }]);
  expect(new Set(got).size).toBe(4);
  expect(counted.calls.sort()).toEqual(["waits 1", "waits 2"]);
});

test("equal calls at the same time fail together", async () => {
  const { fails } = await use();
  const kept = memo(fails);
  const results = await Promise.allSettled([kept(1), kept(1), kept(1)]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(counted.calls).toEqual(["fails 1"]);
});

test("who is cut off does not cut off others", async () => {
  const { waits } = await use();
  const kept = memo(waits);
  await memo((await use()).twice)(1);
  const [leader, follower] = [new AbortController(), new AbortController()];
  const led = kept.with({ signal: leader.signal })(1);
  const followed = kept.with({ signal: follower.signal })(1);
  const stays = kept(1);
  follower.abort(new Error("follower"));
  await expect(followed).rejects.toThrow("follower");
  leader.abort(new Error("leader"));
  await expect(led).rejects.toThrow("leader");
  counted.open();
  expect(await stays).toEqual({ n: 1 });
  await expect(kept.with({ signal: leader.signal })(1)).rejects.toThrow("leader");
  await expect(kept.with({ deadlineMs: 10_000 })(1)).resolves.toEqual({ n: 1 });
});

test("who waits for another's call does so within its own deadline", async () => {
  const { waits } = await use();
  const kept = memo(waits);
  const slow = kept(1);
  const error: unknown = await kept
    .with({ deadlineMs: 1 })(1)
    .catch((thrown: unknown) => thrown);
  expect(isShoalError(error, "DEADLINE_EXCEEDED")).toBe(true);
  counted.open();
  expect(await slow).toEqual({ n: 1 });
});

test("map() takes what is kept and calls the rest, each once", async () => {
  await use();
  const shoal = opened[0]!;
  const { twice, fails } = shoal.use<Images>("images.ts");
  const kept = memo(twice);
  await kept(2);
  await settled();
  counted.calls = [];
  expect(await shoal.map(kept, [1, 2, 3, 1, 2, 3]).toArray()).toEqual([2, 4, 6, 2, 4, 6]);
  expect(counted.calls).toEqual(["twice 1", "twice 3"]);
  await settled();
  counted.calls = [];
  expect(await shoal.map(kept, [3, 2, 1], { batch: 2 }).toArray()).toEqual([6, 4, 2]);
  expect(await kept(3)).toBe(6);
  expect(counted.calls).toEqual([]);
  const outcomes = await shoal.map(memo(fails), [0, 1, -1, 1], { onError: "collect" }).toArray();
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false]);
  expect(counted.calls).toEqual(["fails 0", "fails 1", "fails -1"]);
  await settled();
  counted.calls = [];
  await expect(shoal.map(memo(fails), [0, -1, 2, -2], { batch: 4 }).toArray()).rejects.toThrow("no 2");
  expect(counted.calls).toEqual(["fails 2"]);
});

const refusal = async (promise: PromiseLike<unknown>): Promise<string> => {
  const error: unknown = await Promise.resolve(promise).catch((thrown: unknown) => thrown);
  expect(isShoalError(error, "VALUE_INVALID")).toBe(true);
  return (error as Error).message;
};

test("what cannot be kept or compared is refused", async () => {
  const { twice, echo, steps } = await use();
  const kept = memo(echo);
  for (let n = 0; n < 2; n++) {
    // before the module is there, and after
    expect(await refusal(kept(move(new Uint8Array(4))) as Promise<unknown>)).toContain("args[0] is moved");
    expect(await refusal(kept(1, { save: () => 1 }) as Promise<unknown>)).toContain("args[1].save: function");
    await kept(1);
  }
  const message = "steps gives a stream: memo() keeps values";
  expect(await refusal(memo(steps)(3) as unknown as Promise<unknown>)).toBe(message);
  expect(await refusal(memo(steps)(3).next())).toBe(message);
  const read = async (): Promise<void> => {
    for await (const step of memo(steps)(3)) expect.unreachable(String(step));
  };
  expect(await refusal(read())).toBe(message);
  expect(() => memo(echo.with({ transfer: [] }))).toThrow("transfer");
  expect(() => memo(twice).with({ transfer: [] })).toThrow("transfer");
  expect(() => memo((() => 1) as never)).toThrow("the function of memo() must be a remote function");
});

test.each([
  ["ttlMs", 0],
  ["ttlMs", "1h"],
  ["bytesMax", 1000],
  ["bytesMax", 1.5e9 + 0.5],
])("the option %s cannot be %s", async (name, value) => {
  const { twice } = await use();
  const error = ((): unknown => {
    try {
      return memo(twice, { [name]: value } as MemoOptions);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(isShoalError(error, "BAD_OPTION")).toBe(true);
  expect((error as Error).message).toContain(name);
});

test("without a cache the function is called, and one warning says so", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void =>
    void (warning.name === "ShoalWarning" && warnings.push(warning));
  process.on("warning", onWarning);
  try {
    fs.mkdirSync(path.join(directory, ".shoal"));
    fs.writeFileSync(path.join(directory, ".shoal/cache"), "a file");
    const kept = memo((await use()).twice);
    expect([await kept(1), await kept(1), await memo((await use()).twice)(1)]).toEqual([2, 2, 2]);
    expect(counted.calls).toHaveLength(3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings.map(({ message }) => message)).toHaveLength(1);
    expect(warnings[0]!.message).toContain(`results are not kept in ${path.join(directory, ".shoal/cache")}`);
  } finally {
    process.off("warning", onWarning);
  }
});

test("a module that cannot be used fails as without memo()", async () => {
  const shoal = await connect({ slots: 1, mode: "inline", directory });
  opened.push(shoal);
  const { resize } = shoal.use<{ resize(): number }>("missing.ts");
  await expect(memo(resize)()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  const { twcie } = shoal.use<{ twcie(): number }>("images.ts");
  await expect(memo(twcie)()).rejects.toMatchObject({ code: "NO_SUCH_FUNCTION" });
});

test.each(["thread", "process"] as const)(
  "slots that are a %s share results with the program",
  async (isolation) => {
    const { pid, nested } = await use({ mode: "slots", isolation });
    const mine = await memo(pid)(1);
    await settled();
    expect(await nested(1)).toBe(mine);
    const theirs = await nested(2);
    await settled();
    expect(await memo(pid)(2)).toBe(theirs);
    expect(await nested(2)).toBe(theirs);
  },
);
