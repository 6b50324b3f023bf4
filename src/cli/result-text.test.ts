import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonDocument, jsonLine, valueLines } from "./result-text.ts";

// Where control characters and marks are dense.
const unit = fc.oneof(
  fc.nat(0x2070).map((code) => String.fromCharCode(code)),
  fc.constantFrom("🐟", "\ud800", "\u001b"),
);

const text = (chunks: Iterable<string>): string => [...chunks].join("");

describe("valueLines", () => {
  it("has a line of JSON for each record, and one for any other value", () => {
    expect(text(valueLines([["a", 1], { b: "x\ny" }, null, "t"]))).toBe(
      '["a",1]\n{"b":"x\\ny"}\nnull\n"t"\n',
    );
    expect(text(valueLines(42))).toBe("42\n");
    expect(text(valueLines([]))).toBe("");
    expect(text(valueLines(undefined))).toBe("null\n");
  });

  it("writes what JSON lacks as documented", () => {
    expect(jsonLine([NaN, Infinity, -Infinity, 10n ** 20n, undefined])).toBe(
      '["NaN","Infinity","-Infinity","100000000000000000000",null]',
    );
    expect(jsonLine({ m: new Map([["k", 1n]]), s: new Set(["v"]), d: new Date(0), u: undefined })).toBe(
      '{"m":[["k","1"]],"s":["v"],"d":"1970-01-01T00:00:00.000Z"}',
    );
    expect(jsonLine([Buffer.from("hi"), new Uint8Array([1, 2]), new Uint16Array([1])])).toBe(
      '["aGk=","AQI=","AQA="]',
    );
    expect(jsonLine(Buffer.from("hi"))).toBe('"aGk="');
  });

  it("prints nothing that a terminal obeys, and is JSON still", () => {
    fc.assert(
      fc.property(fc.string({ unit }), (value) => {
        const line = jsonLine(value);
        // oxlint-disable-next-line no-control-regex -- what must not come out
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\u2028]/);
        expect(JSON.parse(line)).toBe(value);
      }),
    );
  });

  it("comes in chunks, so that no string holds it all", () => {
    const chunks = [...valueLines(Array.from({ length: 100_000 }, (_, i) => [`word${i}`, i]))];
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(66_000);
    expect(chunks.join("").split("\n")).toHaveLength(100_001);
  });
});

describe("jsonDocument", () => {
  it("is one document, whatever the value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())), (value) => {
        const document = text(jsonDocument({ format: 1, value, left: undefined, after: "x" }));
        expect(document.endsWith("}\n")).toBe(true);
        expect(JSON.parse(document)).toEqual(JSON.parse(JSON.stringify({ format: 1, value, after: "x" })));
      }),
    );
    expect(text(jsonDocument({ value: undefined }))).toBe("{}\n");
    expect(text(jsonDocument({ value: [] }))).toBe('{"value":[]}\n');
  });
});
