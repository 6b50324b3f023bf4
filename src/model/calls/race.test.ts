import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isShoalError } from "../../errors.ts";
import { any, hedge, race, type Attempt } from "./race.ts";

/** An attempt that is settled from here. */
class Hand<T> {
  signal: AbortSignal | null = null;
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly attempt: Attempt<T> = (signal) => {
    this.signal = signal;
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };

  get isCancelled(): boolean {
    return this.signal!.aborted && isShoalError(this.signal!.reason, "CANCELLED");
  }
}

const hands = (count: number): Hand<string>[] => Array.from({ length: count }, () => new Hand<string>());
const attemptsOf = (some: readonly Hand<string>[]): Attempt<string>[] => some.map(({ attempt }) => attempt);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// What the losers reject with is told to nobody, and must not end the program.
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
beforeEach(() => void process.on("unhandledRejection", onUnhandled));
afterEach(async () => {
  await turn();
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

describe("race", () => {
  test("the first that settles decides, and the others are aborted", async () => {
    const [a, b, c] = hands(3) as [Hand<string>, Hand<string>, Hand<string>];
    const result = race(attemptsOf([a, b, c]));
    await turn();
    b.resolve("b");
    expect(await result).toBe("b");
    expect([a.isCancelled, c.isCancelled]).toEqual([true, true]);
  });

  test("an error decides as well", async () => {
    const [a, b] = hands(2) as [Hand<string>, Hand<string>];
    const result = race(attemptsOf([a, b]));
    await turn();
    a.reject(new RangeError("a"));
    await expect(result).rejects.toThrow("a");
    expect(b.isCancelled).toBe(true);
  });

  test("of none, and one that throws before it gives a promise", async () => {
    await expect(race([])).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: "attempts must be one or more, received 0",
    });
    const [a] = hands(1) as [Hand<string>];
    const throwing: Attempt<string> = () => {
      throw new Error("at once");
    };
    await expect(race([a.attempt, throwing])).rejects.toThrow("at once");
    expect(a.isCancelled).toBe(true);
  });
});

describe("any", () => {
  test("the first that succeeds decides, whatever failed before", async () => {
    const [a, b, c] = hands(3) as [Hand<string>, Hand<string>, Hand<string>];
    const result = any(attemptsOf([a, b, c]));
    await turn();
    a.reject(new Error("a"));
    await turn();
    c.resolve("c");
    expect(await result).toBe("c");
    expect(b.isCancelled).toBe(true);
  });

  test("if none does: all their errors", async () => {
    const [a, b] = hands(2) as [Hand<string>, Hand<string>];
    const result = any(attemptsOf([a, b]));
    await turn();
    b.reject(new Error("b"));
    a.reject(new Error("a"));
    await expect(result).rejects.toMatchObject({ errors: [{ message: "a" }, { message: "b" }] });
  });
});

describe("hedge", () => {
  /** Attempts of one hedge, in the order of their beginnings. */
  function hedged(options: Parameters<typeof hedge>[1]): { result: Promise<string>; begun: Hand<string>[] } {
    const begun: Hand<string>[] = [];
    const result = hedge<string>((signal) => {
      const hand = new Hand<string>();
      begun.push(hand);
      return hand.attempt(signal);
    }, options);
    return { result, begun };
  }

  test("one attempt is enough if it is quick", async () => {
    const { result, begun } = hedged({ afterMs: 60_000 });
    begun[0]!.resolve("first");
    expect(await result).toBe("first");
    expect(begun).toHaveLength(1);
  });

  test("a second begins when the first is slow; the first that succeeds wins, the other is aborted", async () => {
    for (const winner of [0, 1]) {
      const { result, begun } = hedged({ afterMs: 0 });
      while (begun.length < 2) await turn();
      begun[winner]!.resolve(`attempt ${winner}`);
      expect(await result).toBe(`attempt ${winner}`);
      expect(begun[1 - winner]!.isCancelled).toBe(true);
    }
  });

  test("when one fails the next begins at once; if all do, the first error is told", async () => {
    const { result, begun } = hedged({ afterMs: 60_000, attempts: 3 });
    const told = expect(result).rejects.toThrow("attempt 0");
    for (let n = 0; n < 3; n++) {
      expect(begun).toHaveLength(n + 1);
      begun[n]!.reject(new Error(`attempt ${n}`));
      await turn();
    }
    await told;
  });

  test("one that fails while another runs does not end it", async () => {
    const { result, begun } = hedged({ afterMs: 0, attempts: 2 });
    while (begun.length < 2) await turn();
    begun[0]!.reject(new Error("first"));
    await turn();
    begun[1]!.resolve("second");
    expect(await result).toBe("second");
  });

  test("its signal ends all attempts, with its reason", async () => {
    const controller = new AbortController();
    const { result, begun } = hedged({ afterMs: 60_000, signal: controller.signal });
    const reason = new Error("too late");
    controller.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(begun[0]!.signal!.aborted).toBe(true);
    await expect(hedge(() => Promise.resolve(1), { afterMs: 1, signal: controller.signal })).rejects.toBe(
      reason,
    );
  });

  test("an attempt that throws before it gives a promise fails like others, the delayed one too", async () => {
    let calls = 0;
    const result = hedge<string>(
      () => {
        calls++;
        throw new Error(`call ${calls}`);
      },
      { afterMs: 0, attempts: 3 },
    );
    await expect(result).rejects.toThrow("call 1");
    await turn();
    expect(calls).toBe(3);
  });

  test.each([
    [{ afterMs: -1 }, "afterMs must be a number of milliseconds from 0 to 2147483647, received -1"],
    [{ afterMs: NaN }, "afterMs must be a number of milliseconds from 0 to 2147483647, received NaN"],
    [{ afterMs: 1, attempts: 0 }, "attempts must be an integer from 1 to 100, received 0"],
    [{ afterMs: 1, attempts: 101 }, "attempts must be an integer from 1 to 100, received 101"],
  ])("%j is refused", async (options, message) => {
    await expect(hedge(() => Promise.resolve(1), options)).rejects.toMatchObject({
      code: "BAD_OPTION",
      message,
    });
  });
});
