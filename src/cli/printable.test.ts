import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clip, escapeLine, escapeOutput, escapeText, quote } from "./printable.ts";

// oxlint-disable-next-line no-control-regex -- what must not come out
const anyControl = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

// Where control characters and marks are dense.
const unit = fc.oneof(
  fc.nat(0x2070).map((code) => String.fromCharCode(code)),
  fc.constantFrom("🐟", "\ud800", "\u001b"),
);

describe("escaping", () => {
  it("shows control characters instead of obeying them", () => {
    expect(escapeLine("a\nb\tc\r\u001b[2J\u0000\u009b1m\u202eevil")).toBe(
      "a\\nb\\tc\\r\\e[2J\\0\\x9b1m\\u202eevil",
    );
    expect(escapeText("a\r\nb\tc\u0007\r")).toBe("a\nb\tc\\x07\\r");
    expect(escapeLine("naïve 🐟 →")).toBe("naïve 🐟 →");
  });

  it("leaves colours to what user code prints, and nothing else", () => {
    expect(escapeOutput("\u001b[1;31mred\u001b[0m\n\u001b[2Jcleared\u001b]0;title\u0007")).toBe(
      "\u001b[1;31mred\u001b[0m\n\\e[2Jcleared\\e]0;title\\x07",
    );
  });

  it("lets no control character through, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        expect(escapeLine(text)).not.toMatch(anyControl);
        expect(escapeText(text).replace(/[\n\t]/g, "")).not.toMatch(anyControl);
        expect(escapeOutput(text).replace(/[\n\t]/g, "")).not.toMatch(anyControl);
      }),
    );
  });
});

describe("clip", () => {
  it("keeps what fits and cuts between characters", () => {
    expect(clip("four", 4)).toBe("four");
    expect(clip("fives", 4)).toBe("fiv…");
    expect(clip("🐟🐟🐟🐟", 4)).toBe("🐟🐟🐟🐟");
    expect(clip("🐟🐟🐟🐟🐟", 4)).toBe("🐟🐟🐟…");
    expect(quote("x".repeat(1000))).toBe(`"${"x".repeat(99)}…"`);
  });
});
