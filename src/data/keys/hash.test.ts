import { describe, expect, it } from "vitest";
import { encodeKey } from "./coded.ts";
import { hashNumber, hashText, partitionOf } from "./hash.ts";
import { codedKey, numberKey, textKey } from "./key.ts";

describe("the hash of keys", () => {
  it("never changes: outputs made by one version are found by the next", () => {
    expect(["", "a", "the", "😀", "x".repeat(1000)].map((text) => hashText(text))).toMatchInlineSnapshot(`
      [
        2872998923,
        444641715,
        3305589240,
        1787143206,
        1841099346,
      ]
    `);
    expect([0, -0, 1, -1, 0.1, NaN, 2 ** 53].map(hashNumber)).toMatchInlineSnapshot(`
      [
        91794203,
        3617693630,
        3462479881,
        2353710478,
        539386221,
        3091431033,
        2673332689,
      ]
    `);
    expect(
      [
        [textKey, "the"],
        [numberKey, 7],
        [codedKey, encodeKey([1, "a"])],
      ].map(([form, key]) => partitionOf(form as 0, key as string, 1000)),
    ).toMatchInlineSnapshot(`
        [
          240,
          886,
          62,
        ]
      `);
  });

  it("spreads words and numbers evenly", () => {
    const word = (i: number): string => `word${i}`;
    const kilo = (i: number): number => i * 1024;
    for (const partitions of [2, 7, 64, 100]) {
      for (const [form, keyOf] of [
        [textKey, word],
        [numberKey, (i: number) => i],
        [numberKey, kilo],
      ] as const) {
        const counts = Array.from({ length: partitions }, () => 0);
        for (let i = 0; i < 100_000; i++) counts[partitionOf(form, keyOf(i), partitions)]!++;
        const share = 100_000 / partitions;
        // Six standard deviations of an even distribution.
        for (const count of counts) expect(Math.abs(count - share)).toBeLessThan(6 * Math.sqrt(share));
      }
    }
  });
});
