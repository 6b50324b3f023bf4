// map() as users have it: the built package, two threads.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shoal as built } from "../../../test/kit/built.ts";
import { until } from "../../../test/kit/processes.ts";
import type { Shoal } from "../shoal.ts";
import type { MapOptions } from "./map.ts";
import type { MapProgress } from "./map-progress.ts";
import type { Remote } from "./remote.ts";

type Module = typeof import("../../../test/fixtures/map-module.ts");

const dir = mkdtempSync(path.join(os.tmpdir(), "shoal-map-"));
let shoal: Shoal;
let fns: Remote<Module>;
let files = 0;

beforeAll(async () => {
  shoal = (await built.connect({ slots: 2, stateDir: path.join(dir, "state") })) as unknown as Shoal;
  fns = shoal.use<Module>(new URL("../../../test/fixtures/map-module.ts", import.meta.url));
});
afterAll(async () => {
  await shoal.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = (): string => path.join(dir, `file-${++files}`);
const linesOf = (name: string): string[] =>
  existsSync(name) ? readFileSync(name, "utf8").split("\n").slice(0, -1) : [];
const numbers = (to: number): number[] => Array.from({ length: to }, (_, n) => n);
const squares = (to: number): number[] => numbers(to).map((n) => n * n);
const idle = (): boolean => {
  const { running, waiting } = shoal.callFigures()!;
  return running + waiting === 0;
};

/** Counts what is taken from an endless input, and whether it was closed. */
class Endless {
  taken = 0;
  isClosed = false;

  *sync(): Generator<number, void, undefined> {
    try {
      for (;;) yield this.taken++;
    } finally {
      this.isClosed = true;
    }
  }

  async *async(): AsyncGenerator<number, void, undefined> {
    yield* this.sync();
  }
}

async function rejection(promise: Promise<unknown>): Promise<any> {
  const nothing = Symbol("nothing");
  const error: unknown = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (error === nothing) throw new Error("expected a rejection, and it did not come");
  return error;
}

describe("results", () => {
  test.each([
    {},
    { batch: 1 },
    { batch: 7 },
    { batch: 4096 },
    { concurrency: 1 },
    { concurrency: 100 },
  ] as MapOptions[])("are in the order of the inputs, with %j", async (options) => {
    expect(await shoal.map(fns.square, numbers(2000), options).toArray()).toEqual(squares(2000));
    expect(await shoal.map(fns.squareLater, numbers(300), options).toArray()).toEqual(squares(300));
  });

  test("wait for the first, if they are ordered; come as completed, if not", async () => {
    for (const ordered of [true, false]) {
      const gate = file();
      const got: number[] = [];
      const results = shoal.map(fns.waits, [{ n: 0, gate }, { n: 1 }, { n: 2 }, { n: 3 }], {
        ordered,
        batch: 1,
      });
      if (ordered) {
        const first = results.next();
        await until("all but the first have run", () => shoal.callFigures()!.running === 1);
        writeFileSync(gate, "");
        got.push((await first).value!);
      }
      for await (const n of results) if (got.push(n) === 3) writeFileSync(gate, "");
      expect(ordered ? got : [...got.slice(0, 3).sort(), got[3]]).toEqual(
        ordered ? [0, 1, 2, 3] : [1, 2, 3, 0],
      );
    }
  });

  test("no inputs, no results; and a map is over once", async () => {
    expect(await shoal.map(fns.square, []).toArray()).toEqual([]);
    const results = shoal.map(fns.square, [2]);
    expect(await results.toArray()).toEqual([4]);
    expect(await results.toArray()).toEqual([]);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test("may be asked for ahead, and by next() and toArray() in turn", async () => {
    const results = shoal.map(fns.square, numbers(100), { batch: 8 });
    const asked = await Promise.all(numbers(20).map(() => results.next()));
    expect(asked.map(({ value }) => value)).toEqual(squares(20));
    expect(await results.next()).toEqual({ done: false, value: 400 });
    expect(await results.toArray()).toEqual(squares(100).slice(21));
    expect(await Promise.all([results.next(), results.next()])).toEqual(
      Array(2).fill({ done: true, value: undefined }),
    );
  });

  test("may be Buffers' sizes: items arrive as they were", async () => {
    const items = [Buffer.from("small"), new Uint8Array(3), Buffer.alloc(5000)];
    expect(await shoal.map(fns.sizeOf, items).toArray()).toEqual(["Buffer 5", "Uint8Array 3", "Buffer 5000"]);
  });

  test("callContext is there for each item", async () => {
    const names = numbers(5).map((n) => `nameOfCall ${n} false`);
    expect(await shoal.map(fns.nameOfCall, numbers(5), { batch: 5 }).toArray()).toEqual(names);
  });

  test("forEach waits for what it calls, one after the other, and counts", async () => {
    let running = 0;
    const seen: [number, number][] = [];
    const count = await shoal.map(fns.square, numbers(50)).forEach(async (square, index) => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      seen.push([index, square]);
    });
    expect(count).toBe(50);
    expect(seen).toEqual(numbers(50).map((n) => [n, n * n]));
  });

  test("forEach that throws ends the map and closes the input", async () => {
    const input = new Endless();
    const error = await rejection(
      shoal.map(fns.square, input.sync()).forEach((square) => {
        if (square === 100) throw new Error("enough");
      }),
    );
    expect(error.message).toBe("enough");
    expect(input.isClosed).toBe(true);
  });
});

describe("inputs", () => {
  test("of all kinds: sets, maps, generators, async iterables, web streams", async () => {
    expect(await shoal.map(fns.square, new Set([1, 2, 3])).toArray()).toEqual([1, 4, 9]);
    expect(await shoal.map(fns.square, new Map([["a", 2]]).values()).toArray()).toEqual([4]);
    expect(
      await shoal
        .map(
          fns.square,
          (async function* () {
            yield 2;
            yield 3;
          })(),
        )
        .toArray(),
    ).toEqual([4, 9]);
    expect(await shoal.map(fns.square, ReadableStream.from([4, 5])).toArray()).toEqual([16, 25]);
  });

  test("what is no input is refused at once, with what it is", () => {
    for (const [inputs, what] of [
      ["text", "string"],
      [5, "number"],
      [null, "null"],
      [undefined, "undefined"],
      [{}, "object"],
    ] as const)
      expect(() => shoal.map(fns.square, inputs as never)).toThrow(
        expect.objectContaining({
          code: "BAD_OPTION",
          message: `the inputs of map() must be an iterable, an async iterable or a ReadableStream, received ${what}`,
        }),
      );
  });

  test.each(["sync", "async"] as const)(
    "endless, %s: taken as results are read, and closed when nobody reads on",
    async (kind) => {
      const input = new Endless();
      const results = shoal.map(fns.square, input[kind](), { batch: 4, concurrency: 3 });
      await new Promise((resolve) => setImmediate(resolve));
      expect(input.taken).toBe(0);
      let read = 0;
      for await (const square of results) {
        expect(square).toBe(read * read);
        read++;
        // Three batches of four under way or unread, the one that is read, and one item that was asked for early.
        expect(input.taken).toBeLessThanOrEqual(Math.ceil(read / 4) * 4 + 3 * 4 + 1);
        if (read === 30) await until("all that may be done ahead is done", idle);
        if (read === 50) break;
      }
      expect(input.isClosed).toBe(true);
      expect(input.taken).toBeLessThanOrEqual(52 + 12 + 1);
      await until("nothing runs any more", idle);
    },
  );

  test("a web stream that is left is cancelled", async () => {
    let cancelled: unknown = null;
    let next = 0;
    const stream = new ReadableStream<number>(
      {
        pull: (controller) => controller.enqueue(next++),
        cancel: () => void (cancelled = true),
      },
      { highWaterMark: 0 },
    );
    for await (const square of shoal.map(fns.square, stream, { batch: 2 })) if (square > 100) break;
    expect(cancelled).toBe(true);
  });

  test("a slow one: an item does not wait for a batch to fill", async () => {
    let readResult = (): void => {};
    async function* slow(): AsyncGenerator<number> {
      for (let n = 0; n < 20; n++) {
        const read = new Promise<void>((resolve) => (readResult = resolve));
        yield n;
        await read; // The next item comes when the result of this one has been read.
      }
    }
    const got: number[] = [];
    for await (const square of shoal.map(fns.square, slow(), { batch: 100 })) {
      got.push(square);
      readResult();
    }
    expect(got).toEqual(squares(20));
  });

  test("one that gives nothing more does not keep who leaves", async () => {
    async function* stuck(): AsyncGenerator<number> {
      yield 3;
      await new Promise(() => {});
    }
    const got: number[] = [];
    for await (const square of shoal.map(fns.square, stuck())) {
      got.push(square);
      break;
    }
    expect(got).toEqual([9]);
  });

  test("one that throws: what was taken before it comes first", async () => {
    function* sync(): Generator<number> {
      yield* numbers(10);
      throw new Error("the input is damaged");
    }
    async function* async(): AsyncGenerator<number> {
      yield* sync();
    }
    for (const inputs of [sync, async]) {
      for (const batch of [1, 4, 100]) {
        const got: number[] = [];
        const error = await rejection(
          shoal.map(fns.square, inputs(), { batch }).forEach((square) => got.push(square)),
        );
        expect(error.message).toBe("the input is damaged");
        expect(got).toEqual(squares(10));
      }
    }
  });

  test("one whose end fails: the error that ended the map is the one that is told", async () => {
    function* input(): Generator<number> {
      try {
        yield* numbers(100);
      } finally {
        // oxlint-disable-next-line no-unsafe-finally -- that is the point
        throw new Error("the end fails");
      }
    }
    const error = await rejection(shoal.map(fns.failsFrom7, input(), { batch: 1 }).toArray());
    expect(error.message).toBe("7 is too much");
    const results = shoal.map(fns.square, input(), { batch: 1 });
    await results.next();
    expect((await rejection(results.return())).message).toBe("the end fails");
  });
});

describe("items that fail", () => {
  test.each([1, 5, 100])("throw: the results before it come first, in batches of %i", async (batch) => {
    const got: number[] = [];
    const input = new Endless();
    const error = await rejection(
      shoal.map(fns.failsFrom7, input.sync(), { batch }).forEach((n) => got.push(n)),
    );
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe("7 is too much");
    expect(error.stack).toContain("map-module.ts:");
    expect(got).toEqual(numbers(7));
    expect(input.isClosed).toBe(true);
  });

  test("throw: nothing of its batch is called after it", async () => {
    const log = file();
    const items = numbers(20).map((n) => ({ n, log }));
    const error = await rejection(shoal.map(fns.failsTwice, items, { batch: 20 }).toArray());
    expect(error.message).toBe("0, try 1");
    expect(linesOf(log)).toEqual(["0"]);
  });

  test("skip leaves them out", async () => {
    const even = ["0", "2", "4", "6", "8"];
    expect(await shoal.map(fns.failsAtOdd, numbers(10), { onError: "skip", batch: 3 }).toArray()).toEqual(
      even,
    );
    expect(await shoal.map(fns.failsAtOdd, [1, 3, 5], { onError: "skip", batch: 1 }).toArray()).toEqual([]);
  });

  test("collect gives outcomes with their places", async () => {
    const outcomes = await shoal.map(fns.failsAtOdd, numbers(4), { onError: "collect", batch: 3 }).toArray();
    expect(outcomes).toMatchObject([
      { ok: true, index: 0, value: "0" },
      { ok: false, index: 1, error: { message: "1 is odd" } },
      { ok: true, index: 2, value: "2" },
      { ok: false, index: 3, error: { message: "3 is odd" } },
    ]);
    const [, second] = outcomes;
    expect(second!.ok ? null : second!.error).toBeInstanceOf(RangeError);
  });

  test("retries: only what failed is called again", async () => {
    const log = file();
    const items = numbers(12).map((n) => ({ n, log }));
    expect(await shoal.map(fns.failsTwice, items, { retries: 2, batch: 6 }).toArray()).toEqual(numbers(12));
    const calls = numbers(12).flatMap((n) => Array(n % 3 === 0 ? 3 : 1).fill(`${n}`) as string[]);
    expect(linesOf(log).sort()).toEqual(calls.sort());
    const other = file();
    const outcomes = await shoal
      .map(
        fns.failsTwice.with({ retries: 1 }),
        [
          { n: 3, log: other },
          { n: 4, log: other },
        ],
        { onError: "collect" },
      )
      .toArray();
    expect(outcomes).toMatchObject([
      { ok: false, error: { message: "3, try 2" } },
      { ok: true, value: 4 },
    ]);
  });

  test("an item that cannot travel is named by its place in the input; others are not harmed", async () => {
    const inputs = (): unknown[] => [1, 2, 3, 4, 5, { user: { save: () => {} } }, 7];
    const map = (options: MapOptions) => shoal.map(fns.square as never, inputs(), { batch: 2, ...options });
    const got: unknown[] = [];
    const error = await rejection(map({}).forEach((square) => got.push(square)));
    expect(error).toMatchObject({ code: "VALUE_INVALID" });
    expect(error.message).toMatch(/^items\[5\]\.user\.save: function/);
    expect(got).toEqual([1, 4, 9, 16]);
    expect(await map({ onError: "skip" }).toArray()).toEqual([1, 4, 9, 16, 25, 49]);
    expect((await map({ onError: "collect" }).toArray())[5]).toMatchObject({
      ok: false,
      index: 5,
      error: { code: "VALUE_INVALID" },
    });
  });

  test("a result that cannot travel, and a stream, fail their item", async () => {
    const outcomes = await shoal.map(fns.returnsFunctionAt3, numbers(5), { onError: "collect" }).toArray();
    expect(
      outcomes.map((outcome) => (outcome.ok ? outcome.value : (outcome.error as Error).message.slice(0, 16))),
    ).toEqual([0, 1, 2, "the result.save:", 4]);
    const error = await rejection(shoal.map(fns.streams as never, [1]).toArray());
    expect(error).toMatchObject({ code: "VALUE_INVALID" });
    expect(error.message).toContain("a moved value or a stream");
  });

  test("a call that is lost as a whole fails its items, not the map", async () => {
    const outcomes = await shoal.map(fns.exitsAt5, numbers(8), { onError: "collect", batch: 2 }).toArray();
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true, true, false, false, true, true]);
    expect(await shoal.map(fns.exitsAt5, numbers(8), { onError: "skip", batch: 1 }).toArray()).toEqual([
      0, 1, 2, 3, 4, 6, 7,
    ]);
    expect(await rejection(shoal.map(fns.exitsAt5, numbers(8)).toArray())).toMatchObject({
      code: "USER_ERROR",
    });
  });

  test("what every batch would meet ends the map, whatever onError says", async () => {
    const absent = (fns as unknown as Record<string, typeof fns.square>)["sqare"]!;
    const error = await rejection(shoal.map(absent, new Endless().sync(), { onError: "skip" }).toArray());
    expect(error).toMatchObject({ code: "NO_SUCH_FUNCTION", hint: "Did you mean square?" });
  });
});

describe("signals", () => {
  test("aborting ends the map, what is under way, and the input", async () => {
    const log = file();
    const controller = new AbortController();
    const input = new Endless();
    function* items() {
      for (const n of input.sync()) yield { n, log };
    }
    const got: number[] = [];
    const reason = new Error("changed my mind");
    const options = { signal: controller.signal, batch: 50, concurrency: 4 };
    const error = await rejection(
      shoal.map(fns.saysLater, items(), options).forEach((n) => {
        got.push(n);
        if (n === 10) controller.abort(reason);
      }),
    );
    expect(error).toBe(reason);
    expect(input.isClosed).toBe(true);
    await until("nothing runs any more", idle);
    const said = linesOf(log).length;
    expect(said).toBeLessThan(200); // what was under way did not go on to its end
    expect(await shoal.map(fns.square, [1]).toArray()).toEqual([1]);
    expect(linesOf(log)).toHaveLength(said);
  });

  test("bound to the function, and aborted before: as given in the options", async () => {
    const controller = new AbortController();
    const input = new Endless();
    const results = shoal.map(fns.square.with({ signal: controller.signal }), input.sync());
    expect(await results.next()).toEqual({ done: false, value: 0 });
    controller.abort(new Error("bound"));
    // What has been read from its batch comes, then the end.
    expect((await rejection(results.toArray().then(() => results.toArray()))).message).toBe("bound");
    expect(input.isClosed).toBe(true);
    const other = new Endless();
    const before = shoal.map(fns.square, other.sync(), { signal: controller.signal });
    expect((await rejection(before.toArray())).message).toBe("bound");
    expect(other.taken).toBe(0);
  });
});

describe("options", () => {
  test("batch: so many items a call; concurrency: so many calls under way or unread", async () => {
    const { submitted } = shoal.callFigures()!;
    let most = 0;
    const results = shoal.map(
      fns.saysLater,
      numbers(60).map((n) => ({ n, log: file() })),
      { batch: 5, concurrency: 3 },
    );
    for await (const _ of results) {
      const { running, waiting } = shoal.callFigures()!;
      most = Math.max(most, running + waiting);
    }
    expect(shoal.callFigures()!.submitted - submitted).toBe(12);
    expect(most).toBeLessThanOrEqual(3);
  });

  test("batches grow by themselves", async () => {
    const { submitted } = shoal.callFigures()!;
    expect(await shoal.map(fns.square, numbers(100_000)).forEach(() => {})).toBe(100_000);
    expect(shoal.callFigures()!.submitted - submitted).toBeLessThan(5000);
  });

  test("progress: how many of how many, and how long it takes still", async () => {
    const told: MapProgress[] = [];
    const onProgress = (progress: MapProgress): void => void told.push(progress);
    await shoal.map(fns.failsAtOdd, numbers(100), { onProgress, onError: "skip", batch: 10 }).toArray();
    const last = told.at(-1)!;
    expect(last).toMatchObject({ done: 100, failed: 50, total: 100, etaMs: 0 });
    expect(last.itemsPerSecond).toBeGreaterThan(0);
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b));
    told.length = 0;
    await shoal.map(fns.square, numbers(30).values(), { onProgress, total: 40 }).toArray();
    expect(told.at(-1)).toMatchObject({
      done: 30,
      failed: 0,
      total: 40,
      etaMs: expect.any(Number) as number,
    });
    expect(told.at(-1)!.etaMs).toBeGreaterThan(0);
    told.length = 0;
    await shoal.map(fns.square, numbers(30).values(), { onProgress }).toArray();
    expect(told.at(-1)).toMatchObject({ done: 30, total: null, etaMs: null });
  });

  test.each([
    [{ concurrency: 0 }, "concurrency must be an integer from 1 to 10000, received 0"],
    [{ concurrency: 10_001 }, "concurrency must be an integer from 1 to 10000, received 10001"],
    [{ batch: 1.5 }, "batch must be an integer from 1 to 4096, received 1.5"],
    [{ batch: 4097 }, "batch must be an integer from 1 to 4096, received 4097"],
    [{ total: -1 }, "total must be an integer of 0 or more, received -1"],
    [{ onError: "ignore" }, 'onError must be "throw", "skip" or "collect", received "ignore"'],
    [
      { resume: "a/b" },
      'resume must be a name of letters, digits, dots, dashes and underscores, up to 100, received "a/b"',
    ],
    [
      { resume: ".." },
      'resume must be a name of letters, digits, dots, dashes and underscores, up to 100, received ".."',
    ],
    [{ retries: 1001 }, "retries must be an integer from 0 to 1000, received 1001"],
    [
      { deadlineMs: NaN },
      "deadlineMs must be a number of milliseconds above 0 and up to 2147483647, received NaN",
    ],
    [{ signal: 1 }, "signal must be an AbortSignal, received 1"],
  ])("%j is refused at once", (options, message) => {
    expect(() => shoal.map(fns.square, [1], options as never)).toThrow(
      expect.objectContaining({ code: "BAD_OPTION", message }),
    );
  });

  test("a function that is not remote is refused, with what it is", () => {
    const local = ((n: number): number => n) as never;
    expect(() => shoal.map(local, [1])).toThrow(
      expect.objectContaining({
        code: "VALUE_INVALID",
        message: "the function of map() must be a remote function, received a function of this thread",
      }),
    );
  });
});
