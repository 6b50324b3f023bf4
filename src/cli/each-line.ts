// The line of `shoal each`: options up to the command, the command up to the first `:::`, then the arguments.
//
// As in GNU parallel, and by hand: what begins with a dash after the command's first word is the command's own.

import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import type { InputSource } from "./api.ts";
import { eachOptions, longFlag, spellings, takesValue } from "./each-options.ts";
import type { EachName, EachValues } from "./each-options.ts";
import { quote } from "./printable.ts";

/** A source of arguments; "stdin" stands for the lines of standard input. */
export type LineSource = Exclude<InputSource, { stream: unknown }> | { stdin: true; isLinked?: boolean };

export interface EachLine {
  readonly values: EachValues;
  /** Empty: the arguments are the commands. */
  readonly command: readonly string[];
  /** Empty: standard input. */
  readonly sources: readonly LineSource[];
}

const separators: ReadonlySet<string> = new Set([":::", ":::+", "::::", "::::+"]);

export function parseEachLine(args: readonly string[]): EachLine {
  const values: Partial<Record<EachName, string | true>> = {};
  const files: string[] = [];
  const set = (name: EachName, value: string | true): void => {
    if (name === "argFile") files.push(value as string);
    else values[name] = value;
  };
  let at = 0;
  while (at < args.length && /^-./.test(args[at]!)) {
    if (args[at] === "--") {
      at++;
      break;
    }
    at += readOption(args, at, set);
  }
  let end = at;
  while (end < args.length && !separators.has(args[end]!)) end++;
  const sources = [...files.map((file) => fileSource(file, false)), ...sourcesOf(args.slice(end))];
  return { values, command: args.slice(at, end), sources };
}

/** Reads the option at `at`, and gives how many arguments it took. */
function readOption(
  args: readonly string[],
  at: number,
  set: (name: EachName, value: string | true) => void,
): number {
  const arg = args[at]!;
  if (!arg.startsWith("--")) return readShort(args, at, set);
  const equals = arg.indexOf("=");
  const typed = equals === -1 ? arg : arg.slice(0, equals);
  const name = spellings.get(typed) ?? abbreviated(typed);
  if (name === undefined) throw unknownOption(typed);
  if (!takesValue(name)) {
    if (equals !== -1) throw bad(`${typed} takes no value; received ${quote(arg)}`, arg);
    set(name, true);
    return 1;
  }
  if (equals !== -1) {
    set(name, arg.slice(equals + 1));
    return 1;
  }
  set(name, valueAt(args, at + 1, typed, name));
  return 2;
}

/** One dash: letters of which only the last may take a value, with or without a space before it: -kj4. */
function readShort(
  args: readonly string[],
  at: number,
  set: (name: EachName, value: string | true) => void,
): number {
  const arg = args[at]!;
  for (let i = 1; i < arg.length; i++) {
    const typed = `-${arg[i]!}`;
    const name = spellings.get(typed);
    if (name === undefined) throw unknownOption(i === 1 ? arg : typed);
    if (!takesValue(name)) {
      set(name, true);
      continue;
    }
    const rest = arg.slice(i + 1).replace(/^=/, "");
    set(name, rest === "" ? valueAt(args, at + 1, typed, name) : rest);
    return rest === "" ? 2 : 1;
  }
  return 1;
}

function valueAt(args: readonly string[], at: number, typed: string, name: EachName): string {
  const value = args[at];
  if (value !== undefined && value !== "--" && !separators.has(value)) return value;
  throw bad(`${typed} needs a value, and nothing follows it`, typed, `${typed}: ${eachOptions[name].about}.`);
}

/** GNU parallel takes the unique beginning of a name; so do we, if it is three letters at least. */
function abbreviated(typed: string): EachName | undefined {
  if (typed.length < 5) return undefined;
  const found = new Set([...spellings].filter(([flag]) => flag.startsWith(typed)).map(([, name]) => name));
  return found.size === 1 ? [...found][0] : undefined;
}

/** What GNU parallel has and we have not, as far as somebody is likely to type it. */
const othersOfParallel: Readonly<Record<string, string>> = {
  "--colsep": "Cut the lines before, or have the command do it.",
  "--link": "Write :::+ instead of ::: before the source that is to go along.",
  "--pipe": "shoal run cuts large files into pieces of their own.",
  "--results": "Redirect in the command: 'cmd {} > out/{#}'; or use --json.",
  "--sshlogin": "shoal each runs jobs on this machine.",
  "-S": "shoal each runs jobs on this machine.",
  "-X": "Give the number of arguments with --max-args.",
  "-m": "Give the number of arguments with --max-args.",
  "-I": "The replacement string is {}.",
  "--line-buffer": "Output is printed when its job has ended.",
  "--ungroup": "Output is printed when its job has ended.",
  "-u": "Output is printed when its job has ended.",
};

function unknownOption(received: string): ShoalError {
  const hint = Object.hasOwn(othersOfParallel, received) ? othersOfParallel[received] : undefined;
  if (hint !== undefined)
    return bad(`GNU parallel's ${received} is not an option of shoal each`, received, hint);
  const near = nearest(
    received,
    [...spellings.keys()].filter((flag) => flag.startsWith("--")),
  );
  return bad(`unknown option ${quote(received)}${near === null ? "" : `; did you mean ${near}?`}`, received);
}

const bad = (
  message: string,
  received: string,
  hint = "shoal each --help lists the options; -- ends them, and the command follows.",
): ShoalError => new ShoalError("BAD_OPTION", message, { hint, details: { received } });

/** The sources from the first separator on. */
function sourcesOf(args: readonly string[]): LineSource[] {
  const sources: LineSource[] = [];
  for (let at = 0; at < args.length;) {
    const separator = args[at]!;
    let end = at + 1;
    while (end < args.length && !separators.has(args[end]!)) end++;
    const values = args.slice(at + 1, end);
    const isLinked = separator.endsWith("+");
    if (separator.startsWith("::::")) {
      if (values.length === 0) throw bad(`no file follows ${separator}`, separator, "Write: … :::: file");
      sources.push(...values.map((file) => fileSource(file, isLinked)));
    } else sources.push({ values, isLinked });
    at = end;
  }
  return sources;
}

const fileSource = (file: string, isLinked: boolean): LineSource =>
  file === "-" ? { stdin: true, isLinked } : { file, isLinked };

/** Refuses options that cannot hold together. */
export function checkLine({ values, sources }: EachLine): void {
  const without = (a: EachName, b: EachName): void => {
    if (values[a] === undefined || values[b] === undefined) return;
    throw bad(`${longFlag(a)} and ${longFlag(b)} are both given; one can hold`, longFlag(b));
  };
  without("resume", "resumeFailed");
  without("resume", "retryFailed");
  without("resumeFailed", "retryFailed");
  without("null", "delimiter");
  without("json", "tag");
  if (sources.filter((source) => "stdin" in source).length > 1) {
    throw bad("standard input is named twice as a source of arguments, and can be read once", "-");
  }
}
