// The job's parameters on the command line: their names and values, by the types that their defaults give
// them.
//
//   --input books/a.txt   --input=books/a.txt      a value; with `=` it may begin with `-`
//   --max-words 5         --maxWords 5             camelCase names in kebab-case too
//   --verbose             --no-verbose             booleans; also --verbose=false
//   --input a --input b                            parameters that are lists: once for each item
//   --param.slots 5                                the job's parameter, where shoal's own option has the same
// name

import { ShoalError } from "../errors.ts";
import { nearest } from "../base/near.ts";
import type { ParameterDescription } from "./api.ts";
import { ownNames } from "./own-options.ts";
import { clip, escapeLine, quote } from "./printable.ts";

export type ParameterValue = string | number | boolean | string[] | number[];

/** "maxWords" → "max-words". */
export const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();

/** How a parameter is typed: "--max-words", or "--param.slots" where shoal has an option of that name. */
export const flagOf = (name: string): string => {
  const flag = `--${kebab(name)}`;
  return ownNames.includes(flag) ? `--param.${name}` : flag;
};

/** The parameters that `args` (what is left of the command line after the job's file) give. */
export function parseParameters(
  parameters: readonly ParameterDescription[],
  args: readonly string[],
): Record<string, ParameterValue> {
  const reader = new ParameterReader(parameters, args);
  while (!reader.isDone) reader.next();
  return Object.fromEntries(reader.values);
}

interface Match {
  readonly parameter: ParameterDescription;
  /** `--no-verbose`. */
  readonly isNegated: boolean;
}

class ParameterReader {
  readonly values = new Map<string, ParameterValue>();
  private readonly parameters: readonly ParameterDescription[];
  private readonly args: readonly string[];
  private at = 0;

  constructor(parameters: readonly ParameterDescription[], args: readonly string[]) {
    this.parameters = parameters;
    this.args = args;
  }

  get isDone(): boolean {
    return this.at >= this.args.length;
  }

  next(): void {
    const arg = this.args[this.at++]!;
    if (!arg.startsWith("-") || arg === "-" || arg === "--") throw this.unexpected(arg);
    const equals = arg.indexOf("=");
    const flag = equals === -1 ? arg : arg.slice(0, equals);
    const inline = equals === -1 ? null : arg.slice(equals + 1);
    const match = this.match(flag);
    if (match === null) throw this.unknown(flag, inline);
    const { parameter, isNegated } = match;
    if (parameter.type === "boolean") this.set(parameter, flag, booleanOf(flag, inline, isNegated));
    else this.set(parameter, flag, valueOf(parameter, flag, inline ?? this.value(parameter, flag)));
  }

  private match(flag: string): Match | null {
    if (!flag.startsWith("--")) return null;
    const name = flag.startsWith("--param.") ? flag.slice("--param.".length) : flag.slice(2);
    const isOwn = ownNames.includes(flag);
    const parameter = isOwn ? undefined : this.named(name);
    if (parameter !== undefined) return { parameter, isNegated: false };
    const positive = /^no-(.+)$/.exec(name)?.[1];
    if (positive === undefined || ownNames.includes(`--${positive}`)) return null;
    const negated = this.named(positive);
    return negated?.type === "boolean" ? { parameter: negated, isNegated: true } : null;
  }

  private named(name: string): ParameterDescription | undefined {
    return (
      this.parameters.find((parameter) => parameter.name === name) ??
      this.parameters.find((parameter) => kebab(parameter.name) === name)
    );
  }

  /** The next argument as a value. What begins with `-` is none, but for a number where one is wanted. */
  private value(parameter: ParameterDescription, flag: string): string {
    const next = this.args[this.at];
    const isNumber = parameter.type.startsWith("number");
    const what = isNumber ? "a number" : "a value";
    if (next === undefined) throw bad(flag, `${flag} needs ${what}, and nothing follows it`);
    if (next.startsWith("-") && next !== "-" && !(isNumber && numberPattern.test(next))) {
      const written = `${flag}=${clip(escapeLine(next), 40)}`;
      throw bad(
        flag,
        `${flag} needs ${what}; ${quote(next)} follows, and a value that begins with "-" is` +
          ` written ${written}`,
      );
    }
    this.at++;
    return next;
  }

  private set(parameter: ParameterDescription, flag: string, value: string | number | boolean): void {
    const { name } = parameter;
    const earlier = this.values.get(name);
    if (parameter.type.endsWith("[]")) {
      if (earlier === undefined) this.values.set(name, [value] as ParameterValue);
      else (earlier as (string | number | boolean)[]).push(value);
    } else if (earlier === undefined) {
      this.values.set(name, value);
    } else {
      throw bad(
        flag,
        `${flag} is given twice, as ${quote(String(earlier))} and ${quote(String(value))}`,
        `It takes one value; a parameter takes several if its default is an array.`,
      );
    }
  }

  private unexpected(arg: string): ShoalError {
    const previous = this.args[this.at - 2];
    const hint =
      previous?.startsWith("-") === false || this.hasValue(previous)
        ? "Quote patterns such as 'books/*.txt', so that the shell does not expand them into several arguments."
        : "Parameters are written --name value; booleans --name, --no-name or --name=false.";
    const message = `${quote(arg)} belongs to no parameter`;
    return new ShoalError("BAD_PARAMETER", message, { hint, details: { received: arg } });
  }

  private hasValue(previous: string | undefined): boolean {
    return previous !== undefined && previous.includes("=") && !/=(true|false)$/.test(previous);
  }

  private unknown(flag: string, inline: string | null): ShoalError {
    const own = ownNames.find((name) => flag === name || flag === `--no-${name.slice(2)}`);
    if (own !== undefined) {
      return new ShoalError(
        "BAD_OPTION",
        inline === null
          ? `${flag} does not exist; leave ${own} out instead`
          : `${own} takes no value, received ${quote(inline)}`,
        { details: { option: flag } },
      );
    }
    const flags = this.parameters.map((parameter) => flagOf(parameter.name));
    const near = nearest(flag, [...flags, ...ownNames]);
    if (near !== null) {
      return new ShoalError("BAD_OPTION", `unknown option ${quote(flag)}; did you mean ${near}?`, {
        hint: "--help after the job's file lists its parameters.",
        details: { option: flag, near },
      });
    }
    const theirs = flags.slice(0, 20).join(", ") || "none";
    return new ShoalError("BAD_OPTION", `unknown option ${quote(flag)}`, {
      hint: `The job's parameters: ${theirs}. Options of shoal: ${ownNames.join(", ")}.`,
      details: { option: flag },
    });
  }
}

const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i;

function valueOf(parameter: ParameterDescription, flag: string, text: string): string | number {
  if (!parameter.type.startsWith("number")) return text;
  const value = numberPattern.test(text) ? Number(text) : NaN;
  if (Number.isFinite(value)) return value;
  throw bad(flag, `${flag} must be a finite number, received ${quote(text)}`);
}

function booleanOf(flag: string, inline: string | null, isNegated: boolean): boolean {
  if (inline === null) return !isNegated;
  if (!isNegated && (inline === "true" || inline === "false")) return inline === "true";
  throw bad(
    flag,
    isNegated
      ? `${flag} takes no value, received ${quote(inline)}`
      : `${flag} must be true or false, received ${quote(inline)}`,
  );
}

const bad = (option: string, message: string, hint?: string): ShoalError =>
  new ShoalError("BAD_PARAMETER", message, { details: { option }, ...(hint === undefined ? {} : { hint }) });
