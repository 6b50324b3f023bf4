// Bodies of leased slots: what is written is read, in order, whatever it is.

import * as fc from "fast-check";
import { serialize } from "node:v8";
import { expect, test } from "vitest";
import { wrapAll } from "../../../data/calls/buffers.ts";
import { writeValue } from "../../../data/calls/values.ts";
import { argsOf, BodyWriter, formOf, readDown, readUp, invokeOf } from "./lease-body.ts";
import { SharedCopies, type Waiter } from "./shared-copies.ts";
import { PieceReader, toPieces, type Down, type Up } from "./lease-wire.ts";

const ticket = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const value = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constant(undefined),
  fc.dictionary(fc.string(), fc.integer()),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

const down: fc.Arbitrary<Down> = fc.oneof(
  fc.record({
    kind: fc.constant("invoke" as const),
    ticket,
    target: fc.nat(1000),
    form: fc.constantFrom("call", "each", "until"),
    args: fc.array(value, { maxLength: 4 }).map((args) => wrapAll(args, { isMove: false, buffers: [] })),
  }),
  fc.record({ kind: fc.constant("take-back" as const), ticket }),
  fc.record({ kind: fc.constant("abort-call" as const), ticket, reason: fc.string() }),
  fc.constant({ kind: "end-slot" as const }),
);

interface SharedArgs {
  readonly table: Uint8Array;
  readonly same: Uint8Array;
  readonly bytes: Uint8Array;
  readonly numbers: readonly Float64Array[];
}

const large = [100_000, 70_000].map((bytes) => new SharedArrayBuffer(bytes));
const memoryOf = (number: number): SharedArrayBuffer => large[number - 1]!;

/** What the worker reads; calls that came as bytes as the messages that they were. */
function readAll(body: Uint8Array): Down[] {
  const read: Down[] = [];
  readDown(
    body,
    (message) => read.push(message),
    (call) => {
      const { ticket, target } = call;
      read.push({ kind: "invoke", ticket, target, form: formOf(call), args: argsOf(call) });
    },
    (call) => read.push(invokeOf(call, memoryOf)),
  );
  return read;
}

test("what the client says arrives in order, in pieces of any size", () => {
  fc.assert(
    fc.property(fc.array(down, { maxLength: 40 }), fc.integer({ min: 30, max: 2000 }), (said, bytesMax) => {
      const writer = new BodyWriter();
      for (const message of said) writer.message(message);
      const reader = new PieceReader();
      let body: Uint8Array | null = null;
      for (const piece of toPieces(writer.take(), bytesMax)) body = reader.take(piece);
      expect(readAll(body!)).toEqual(said);
      expect(writer.size).toBe(0);
    }),
  );
});

test("a ticket that fills the memory to the last byte, and the one after it, are where they belong", () => {
  const writer = new BodyWriter();
  const said = Array.from({ length: 500 }, (_, n): Down => ({ kind: "take-back", ticket: n + 1 }));
  for (const message of said) writer.message(message);
  expect(readAll(writer.take())).toEqual(said);
});

test("what a slot says arrives in order: results as bytes, and messages", () => {
  const up = fc.oneof(
    fc.record({ kind: fc.constantFrom("taken-back" as const, "kept" as const), ticket }),
    fc.record({
      kind: fc.constant("returned" as const),
      ticket,
      value,
      runMicros: fc.option(fc.nat(2 ** 31 - 1)),
    }),
    fc.record({ kind: fc.constant("blocked" as const), ticket }),
  );
  const memory = Buffer.alloc(1000);
  const to = { bytes: memory, view: new DataView(memory.buffer, memory.byteOffset, memory.length) };
  fc.assert(
    fc.property(fc.array(up, { maxLength: 40 }), (said) => {
      const writer = new BodyWriter();
      for (const message of said) {
        const end = message.kind === "returned" ? writeValue(to, message.value, 0, 240) : -1;
        if (message.kind === "returned" && end >= 0)
          writer.result(message.ticket, message.runMicros, memory.subarray(0, end));
        else writer.message(message);
      }
      const heard: Up[] = [];
      readUp(writer.take(), (message) => heard.push(message));
      expect(heard).toEqual(said);
    }),
  );
});

test("a small call takes a few bytes, where a message takes several times as many", () => {
  const call = { kind: "invoke", ticket: 1, target: 1, form: "call", args: [1] } as const;
  const writer = new BodyWriter();
  writer.message(call);
  expect(writer.take().length * 3).toBeLessThan(serialize(call).length);
});

test("what cannot be sent is refused, and leaves no trace", () => {
  const writer = new BodyWriter();
  const args = [() => {}];
  expect(() => writer.message({ kind: "invoke", ticket: 1, target: 1, form: "call", args })).toThrow();
  expect(writer.size).toBe(0);
});

test("of large shared memory only which it is travels; of all else what v8.serialize gives", () => {
  new Uint8Array(large[0]!)[7] = 3;
  const table = new Uint8Array(large[0]!, 7, 10);
  const args: [SharedArgs, ...unknown[]] = [
    { table, numbers: [new Float64Array(large[1]!, 8)], bytes: new Uint8Array([1, 2]), same: table },
    Buffer.from("abc"),
    new Int16Array([5]),
    new Uint8Array(new SharedArrayBuffer(4)).fill(9),
  ];
  const writer = new BodyWriter((memory) => large.indexOf(memory) + 1);
  const said = { kind: "invoke", ticket: 7, target: 1, form: "call", args } as const;
  writer.message(said);
  writer.message({ kind: "take-back", ticket: 7 });
  const body = writer.take();
  expect(body.length).toBeLessThan(1000);
  const [read, next] = readAll(body) as [{ args: unknown[] }, Down];
  const [got, buffer, ...small] = read.args as [SharedArgs, Buffer, Int16Array, Uint8Array];
  expect(got.table).toEqual(table);
  expect([got.table.buffer, got.same, got.numbers[0]!.buffer]).toEqual([large[0], got.table, large[1]]);
  expect([got.table.buffer === large[0], got.numbers[0]!.buffer === large[1]]).toEqual([true, true]);
  expect(got.numbers[0]!.length).toBe(8749);
  expect(buffer).toEqual(Buffer.from("abc"));
  expect(small.flatMap((view) => [...view])).toEqual([5, 9, 9, 9, 9]);
  expect(next).toEqual({ kind: "take-back", ticket: 7 });
  const refers: (readonly number[])[] = [];
  readDown(
    body,
    () => {},
    () => {},
    (call) => refers.push(call.refers),
  );
  expect(refers).toEqual([[1, 2]]);
});

test("shared memory at a worker: asked for once, by another lease when the one that asked has ended", () => {
  const copies = new SharedCopies();
  const said: string[] = [];
  const lease = (name: string): Waiter => ({
    want: (number: number) => void said.push(`${name} wants ${number}`),
    sharedCame: () => void said.push(`${name} goes on`),
    waitsFor: () => true,
  });
  const [a, b, c] = [lease("a"), lease("b"), lease("c")];
  for (const one of [a, b, c]) copies.begin("client", one);
  copies.want("client", 1, a);
  copies.want("client", 1, b);
  expect(said).toEqual(["a wants 1"]);
  copies.end("client", a);
  expect(said.splice(0)).toEqual(["a wants 1", "b wants 1"]);
  copies.put("client", 1, Uint8Array.of(1, 2, 3));
  expect(said.splice(0)).toEqual(["b goes on", "c goes on"]);
  expect([...new Uint8Array(copies.get("client", 1)!)]).toEqual([1, 2, 3]);
  expect(copies.get("another", 1)).toBeNull();
  copies.drop("client", 1);
  expect(copies.get("client", 1)).toBeNull();
  copies.put("client", 2, Uint8Array.of(1));
  for (const one of [b, c]) copies.end("client", one);
  copies.begin("client", a);
  expect(copies.get("client", 2), "the client had left").toBeNull();
});
