import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "../errors.ts";
import type { ShoalError } from "../errors.ts";
import type { ParameterDescription } from "./api.ts";
import { flagOf, kebab, parseParameters } from "./params.ts";

const parameter = (
  name: string,
  value: ParameterDescription["default"],
  type?: ParameterDescription["type"],
): ParameterDescription => ({ name, default: value, type: type ?? (typeof value as "string") });

const parameters: ParameterDescription[] = [
  parameter("input", "books/*.txt"),
  parameter("maxWords", 5),
  parameter("verbose", false),
  parameter("cache", true),
  parameter("words", [], "string[]"),
  parameter("sizes", [1], "number[]"),
  parameter("slots", 3),
  parameter("noCache", false),
  parameter("constructor", "c"),
];

const parse = (...args: string[]): Record<string, unknown> => parseParameters(parameters, args);

function refusal(...args: string[]): ShoalError {
  try {
    parse(...args);
  } catch (error) {
    if (isShoalError(error)) return error;
    throw error;
  }
  throw new Error(`accepted: ${args.join(" ")}`);
}

describe("parseParameters", () => {
  it.each<[string[], Record<string, unknown>]>([
    [[], {}],
    [["--input", "a"], { input: "a" }],
    [["--input=a"], { input: "a" }],
    [["--input="], { input: "" }],
    [["--input", ""], { input: "" }],
    [["--input=-a"], { input: "-a" }],
    [["--input=a=b"], { input: "a=b" }],
    [["--input", "-"], { input: "-" }],
    [["--input", "line\nend 🐟"], { input: "line\nend 🐟" }],
    [["--max-words", "7"], { maxWords: 7 }],
    [["--maxWords", "7"], { maxWords: 7 }],
    [["--max-words", "-7.5e-2"], { maxWords: -0.075 }],
    [["--max-words=+.5"], { maxWords: 0.5 }],
    [["--verbose"], { verbose: true }],
    [["--no-verbose"], { verbose: false }],
    [["--verbose=false"], { verbose: false }],
    [["--verbose=true"], { verbose: true }],
    [["--verbose", "--input", "a"], { verbose: true, input: "a" }],
    [["--no-cache"], { noCache: true }], // a parameter of that very name wins over the negation
    [["--param.cache=false"], { cache: false }],
    [["--words", "a", "--words", "b", "--words=-c"], { words: ["a", "b", "-c"] }],
    [["--sizes", "1", "--sizes", "-2"], { sizes: [1, -2] }],
    [["--param.slots", "9"], { slots: 9 }],
    [["--param.max-words", "9"], { maxWords: 9 }],
    [["--constructor", "x"], { constructor: "x" }],
  ])("%j gives %j", (args, expected) => {
    expect(parse(...args)).toEqual(expected);
  });

  it.each<[string[], string, RegExp]>([
    [["--inptu", "a"], "BAD_OPTION", /unknown option "--inptu"; did you mean --input\?/],
    [["--max-word", "1"], "BAD_OPTION", /did you mean --max-words\?/],
    [["--slot", "1"], "BAD_OPTION", /did you mean --slots\?/],
    [["--zzzzzzzz"], "BAD_OPTION", /^unknown option "--zzzzzzzz"$/],
    [["--__proto__", "1"], "BAD_OPTION", /unknown option "--__proto__"/],
    [["--toString"], "BAD_OPTION", /unknown option "--toString"/],
    [["--param.zzzzzzzz", "1"], "BAD_OPTION", /unknown option "--param.zzzzzzzz"/],
    [["-i", "a"], "BAD_OPTION", /unknown option "-i"/],
    [["--=a"], "BAD_OPTION", /unknown option "--"/],
    [["--json=1"], "BAD_OPTION", /--json takes no value, received "1"/],
    [["--no-json"], "BAD_OPTION", /leave --json out/],
    [["--max-words", "NaN"], "BAD_PARAMETER", /--max-words must be a finite number, received "NaN"/],
    [["--max-words", ""], "BAD_PARAMETER", /finite number, received ""/],
    [["--max-words="], "BAD_PARAMETER", /finite number, received ""/],
    [["--max-words", "Infinity"], "BAD_PARAMETER", /received "Infinity"/],
    [["--max-words", "1e999"], "BAD_PARAMETER", /received "1e999"/],
    [["--max-words", "0x10"], "BAD_PARAMETER", /received "0x10"/],
    [["--max-words", "5 "], "BAD_PARAMETER", /received "5 "/],
    [["--max-words", "five"], "BAD_PARAMETER", /received "five"/],
    [["--sizes", "1,2"], "BAD_PARAMETER", /--sizes must be a finite number, received "1,2"/],
    [["--input"], "BAD_PARAMETER", /--input needs a value, and nothing follows it/],
    [
      ["--input", "--verbose"],
      "BAD_PARAMETER",
      /"--verbose" follows, and a value that begins with "-" is written --input=--verbose/,
    ],
    [["--max-words"], "BAD_PARAMETER", /needs a number/],
    [["--input", "a", "--input=b"], "BAD_PARAMETER", /--input is given twice, as "a" and "b"/],
    [["--verbose", "--no-verbose"], "BAD_PARAMETER", /given twice, as "true" and "false"/],
    [["--verbose=maybe"], "BAD_PARAMETER", /true or false, received "maybe"/],
    [["--no-verbose=true"], "BAD_PARAMETER", /takes no value/],
    [["--verbose", "false"], "BAD_PARAMETER", /"false" belongs to no parameter/],
    [["--input", "a.txt", "b.txt"], "BAD_PARAMETER", /"b.txt" belongs to no parameter/],
    [["--"], "BAD_PARAMETER", /"--" belongs to no parameter/],
    [["--no-input"], "BAD_OPTION", /unknown option "--no-input"/],
    [["--input\u001b[2J"], "BAD_OPTION", /unknown option "--input\\e\[2J"/],
    [["--max-words", "x".repeat(100_000)], "BAD_PARAMETER", /received "x{99}…"$/],
  ])("%j is refused", (args, code, message) => {
    const error = refusal(...args);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it("says what to do when the shell expanded a pattern, or a boolean got a value", () => {
    expect(refusal("--input", "a.txt", "b.txt").hint).toContain("Quote patterns");
    expect(refusal("--input=a.txt", "b.txt").hint).toContain("Quote patterns");
    expect(refusal("--verbose", "false").hint).toContain("--name=false");
  });

  it("sends a name that is shoal's own to --param", () => {
    expect(parameters.map(({ name }) => flagOf(name))).toEqual([
      "--input",
      "--max-words",
      "--verbose",
      "--cache",
      "--words",
      "--sizes",
      "--param.slots",
      "--no-cache",
      "--constructor",
    ]);
  });

  it("makes an object of a parameter named like a prototype's member", () => {
    const given = parseParameters([parameter("__proto__", "x")], ["--__proto__", "y"]);
    expect(Object.getOwnPropertyDescriptor(given, "__proto__")?.value).toBe("y");
  });

  it("either takes a line or refuses it with a ShoalError, whatever it is", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "--input",
        "--max-words",
        "--no-",
        "--param.",
        "--verbose=",
        "-",
        "--",
        "=",
        "--sizes",
        "5",
        "--sizes=",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (args) => {
        try {
          const given = parse(...args);
          for (const [name, value] of Object.entries(given)) {
            const { type } = parameters.find((parameter) => parameter.name === name)!;
            expect(Array.isArray(value)).toBe(type.endsWith("[]"));
            for (const item of [value].flat()) expect(typeof item).toBe(type.replace("[]", ""));
          }
        } catch (error) {
          if (!isShoalError(error)) throw error;
          expect(error.code).toMatch(/^BAD_(OPTION|PARAMETER)$/);
          expect(error.message.length).toBeLessThan(400);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("kebab", () => {
  it.each([
    ["maxWords", "max-words"],
    ["URLPath", "url-path"],
    ["a1B", "a1-b"],
    ["snake_case", "snake-case"],
    ["x", "x"],
  ])("%s is %s", (name, expected) => expect(kebab(name)).toBe(expected));
});
