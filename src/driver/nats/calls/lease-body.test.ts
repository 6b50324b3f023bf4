// Bodies of leased slots: what is written is read, in order, whatever it is.

import * as fc from "fast-check";
import { serialize } from "node:v8";
import { expect, test } from "vitest";
import { wrapAll } from "../../../data/calls/buffers.ts";
import { writeValue } from "../../../data/calls/values.ts";
import { argsOf, BodyWriter, formOf, readDown, readUp } from "./lease-body.ts";
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
