import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, hasEscapes, textOf } from "./bytes.ts";
import { portableCommand, shellQuote } from "./quoting.ts";
import { fill, parseTemplate } from "./replacement.ts";

/** What a shell's printf gets as its arguments, as bytes. */
function received(command: string): Buffer[] {
  const { stdout, stderr, status } = spawnSync("sh", ["-c", command]);
  expect(stderr.toString()).toBe("");
  expect(status).toBe(0);
  const words: Buffer[] = [];
  for (let at = 0; at < stdout.length;) {
    const end = stdout.indexOf(0, at);
    words.push(stdout.subarray(at, end));
    at = end + 1;
  }
  return words;
}

/** Anything but a NUL: quotes, newlines, emoji, what shells expand, and bytes that are no UTF-8. */
const argument = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({
      unit: fc.constantFrom(
        "'",
        '"',
        "\\",
        "\n",
        " ",
        "$",
        "`",
        "!",
        "*",
        "~",
        "-",
        "\t",
        "\r",
        "é",
        "💀",
        "a",
      ),
      maxLength: 8,
    }),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => textOf(Buffer.from(bytes))),
    fc.constantFrom(
      "",
      "'",
      "''",
      "it's",
      "-n",
      "--",
      "~root",
      "$HOME",
      "`id`",
      "$(id)",
      "a\n",
      "\n",
      "!!",
      "=x",
      "a=b",
      "#",
      "💀",
      "\u{1f480}\udc80",
    ),
  )
  .map((text) => text.replaceAll("\0", ""));

test("what the shell receives is the argument, whatever it holds", () => {
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 40 }), (args) => {
      const command = portableCommand(`printf '%s\\0' ${args.map(shellQuote).join(" ")}`);
      expect(received(command)).toEqual(args.map(bytesOf));
    }),
    { numRuns: 40 },
  );
});

test("and so it is through a template, as shell syntax or as words", () => {
  fc.assert(
    fc.property(argument, argument, (a, b) => {
      const filling = { args: [a, b], seq: 7, slot: 2 };
      const expected = [a, `x${b}y`, "7", a, b].map((text) => bytesOf(text));
      const shell = parseTemplate("printf '%s\\0' {1} x{2}y {#} {}");
      expect(received(fill(shell, filling))).toEqual(expected);
      const words = parseTemplate(["printf", "%s\\0", "{1}", "x{2}y", "{#}", "{}"]);
      expect(received(fill(words, filling))).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});

test("a raw command with bytes that are no UTF-8 is run as it is", () => {
  const raw = `printf '%s\\0' '${textOf(Buffer.from([0x63, 0xe9]))}' 'it'\\''s'`;
  const command = fill(parseTemplate("{}"), { args: [raw], seq: 1, slot: 1 });
  expect(received(command)).toEqual([Buffer.from([0x63, 0xe9]), Buffer.from("it's")]);
});

describe("bytes", () => {
  test("come back from their text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(bytesOf(textOf(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("that are UTF-8 are the text itself", () => {
    for (const text of ["", "é", "💀x", "\ufeffa", "a\ud7ffb"]) expect(textOf(Buffer.from(text))).toBe(text);
    expect(textOf(Buffer.from([0x61, 0xff, 0xc3, 0xa9]))).toBe("a\udcffé");
    expect(hasEscapes("💀")).toBe(false); // its second half alone would be one
  });
});

test.each([
  ["a/b-c_d.e+1", "a/b-c_d.e+1"],
  ["", "''"],
  ["a b", "'a b'"],
  ["it's", `'it'"'"'s'`],
  ["'", `"'"`],
  ["~x", "'~x'"],
  ["''", `"'"''"'"`],
  ["a:b@c%d,e", "'a:b@c%d,e'"],
])("shellQuote(%j) is %j, as GNU parallel has it", (text, quoted) => {
  expect(shellQuote(text)).toBe(quoted);
});
