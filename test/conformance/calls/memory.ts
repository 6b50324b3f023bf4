// Memory that is moved, and memory that is shared.

import { expect } from "vitest";
import { move } from "../../../src/data/calls/moved.ts";
import { shared } from "../../../src/data/calls/shared.ts";
import { rejection, type World } from "./world.ts";

export function memory(world: World): void {
  const { it } = world;

  it("move() empties the buffer here; it arrives there, and comes back moved", async () => {
    const { fill, sumOf } = world.fns;
    for (const size of [8, 10_000]) {
      const bytes = new Uint8Array(size).fill(1);
      const { buffer } = bytes;
      const filled = await fill(move(bytes), 3);
      expect(buffer.byteLength).toBe(0);
      expect(bytes.length).toBe(0);
      expect(filled).toStrictEqual(new Uint8Array(size).fill(3));
      expect(await sumOf(move(filled))).toBe(3 * size);
      expect(filled.length).toBe(0);
    }
  });

  it("move() takes objects that hold buffers, and part of a buffer goes with the whole", async () => {
    const { sumsOf, sumOf } = world.fns;
    const parts = { left: new Uint8Array(10).fill(1), right: new Uint8Array(1000).fill(2) };
    expect(await sumsOf(move(parts))).toBe(2010);
    expect([parts.left.length, parts.right.length]).toEqual([0, 0]);
    const whole = new Uint8Array([1, 2, 3, 4]);
    expect(await sumOf(move(whole.subarray(1, 3)))).toBe(5);
    expect(whole.length).toBe(0);
  });

  it("the option `transfer` moves buffers among the arguments", async () => {
    const { sumsOf } = world.fns;
    const parts = { left: new Uint8Array(10).fill(1), right: new Uint8Array(10).fill(2) };
    const { buffer } = parts.left;
    expect(await sumsOf.with({ transfer: [buffer] })(parts)).toBe(30);
    expect([parts.left.length, parts.right.length]).toEqual([0, 10]);
  });

  it("what was moved before is refused", async () => {
    const { sumOf } = world.fns;
    const bytes = new Uint8Array(1000).fill(1);
    const moved = move(bytes);
    const first = sumOf(moved);
    expect(() => move(bytes)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
    expect(await rejection(sumOf(moved))).toMatchObject({
      code: "VALUE_INVALID",
      message: expect.stringMatching(/^args\[0\] .*moved/) as string,
    });
    expect(await first).toBe(1000);
  });

  it("what cannot be sent, and what cannot be sent back, fails its call, and the slot goes on", async () => {
    const { sumOf, echo, returnsMoved } = world.fns;
    const bytes = new Uint8Array(1000);
    await echo(move(bytes));
    for (const [buffer, message] of [
      [bytes.buffer, /^transfer\[0\] .*moved/],
      ["x" as never, /^transfer\[0\] must be an ArrayBuffer, received string/],
    ] as const) {
      const error = await rejection(sumOf.with({ transfer: [buffer] })(new Uint8Array(1)));
      expect(error).toMatchObject({
        code: "VALUE_INVALID",
        message: expect.stringMatching(message) as string,
      });
    }
    expect(await rejection(sumOf(bytes))).toMatchObject({
      code: "VALUE_INVALID",
      message: expect.stringMatching(/^args\[0\]: memory that was moved away/) as string,
    });
    for (const how of ["plain", "inside", "moved"])
      expect(await rejection(returnsMoved(how))).toMatchObject({
        code: "VALUE_INVALID",
        message: expect.stringMatching(/^the result.* moved/) as string,
      });
    expect(await sumOf(new Uint8Array(2000).fill(1))).toBe(2000);
  });

  it("small Buffers, which share memory with others, are copied instead of moved", async () => {
    const other = Buffer.from("other");
    const small = Buffer.from("abc");
    expect(await world.fns.sumOf(move(small))).toBe(97 + 98 + 99);
    expect(other.toString()).toBe("other");
  });

  it("move() of nothing that can be moved is refused at once", () => {
    expect(() => move({ a: 1 })).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
    return Promise.resolve();
  });

  it("shared() arrives without a copy: what one slot writes is seen by others, and here", async () => {
    const { store, echo, isShared } = world.fns;
    const numbers = shared(new Int32Array(1000));
    expect(numbers).toBeInstanceOf(Int32Array);
    expect(await isShared(numbers)).toBe(true);
    await Promise.all(Array.from({ length: 100 }, (_, n) => store(numbers, n, n + 1)));
    expect([...numbers.subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    const back = await echo(numbers);
    back[999] = 7;
    expect(numbers[999]).toBe(7);
    expect((await echo({ numbers, pad: "x".repeat(1000) })).numbers.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("shared() data are right in every slot, in whatever way they get there", async () => {
    const bytes = shared(new Uint8Array(100_000).fill(1));
    const { sumOf } = world.fns;
    expect(await Promise.all([sumOf(bytes), sumOf(bytes), sumOf(bytes.subarray(10, 20))])).toEqual([
      100_000, 100_000, 10,
    ]);
    expect(bytes.length).toBe(100_000);
  });
}
