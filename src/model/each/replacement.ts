// Replacement strings, as GNU parallel has them: {} {.} {/} {//} {/.} {#} {%} {1} {1.} {-1} …
//
// A command is parsed once and filled for each job. It is a string of shell syntax, or words that are all quoted.

import { portableCommand, shellQuote } from "./quoting.ts";

/** What is left of an argument: all, "." without extension, "/" the last name, "//" the directory. */
export type ArgumentForm = "" | "." | "/" | "//" | "/.";

type Part =
  | { readonly kind: "text"; readonly text: string }
  /** `index`: from 1, or from the end if negative; 0 for all arguments. */
  | { readonly kind: "argument"; readonly index: number; readonly form: ArgumentForm }
  | { readonly kind: "seq" | "slot" };

export interface Template {
  readonly parts: readonly Part[];
  /** Whether arguments are put in as they are, as shell syntax. */
  readonly isRaw: boolean;
  /** Whether the command depends on the slot that it runs in. */
  readonly usesSlot: boolean;
}

/** What a command is filled with. */
export interface Filling {
  readonly args: readonly string[];
  readonly seq: number;
  readonly slot: number;
}

const pattern = /\{(?:(-?\d{1,9})?(\.|\/\/|\/\.|\/)?|([#%]))\}/g;

/**
 * A command without any replacement string gets the arguments at its end; an empty one is the arguments. A string that
 * begins with a replacement string is not quoted at all: `… ::: "echo a" "echo b"`.
 */
export function parseTemplate(command: string | readonly string[]): Template {
  const isShell = typeof command === "string";
  const words = isShell ? [partsOf(command, String)] : command.map((word) => wordParts(word));
  const parts = words.flatMap((word, i) => (i === 0 ? word : [text(" "), ...word]));
  if (!parts.some(({ kind }) => kind !== "text")) {
    if (parts.length > 0) parts.push(text(" "));
    parts.push({ kind: "argument", index: 0, form: "" });
  }
  const isRaw = isShell && parts[0]!.kind !== "text";
  return { parts, isRaw, usesSlot: parts.some(({ kind }) => kind === "slot") };
}

const text = (content: string): Part => ({ kind: "text", text: content });

const wordParts = (word: string): Part[] => (word === "" ? [text("''")] : partsOf(word, shellQuote));

function partsOf(command: string, literal: (text: string) => string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const match of command.matchAll(pattern)) {
    if (match.index > at) parts.push(text(literal(command.slice(at, match.index))));
    const [whole, index = "0", form = "", counter] = match;
    if (counter !== undefined) parts.push({ kind: counter === "#" ? "seq" : "slot" });
    else parts.push({ kind: "argument", index: Number(index), form: form as ArgumentForm });
    at = match.index + whole.length;
  }
  if (at < command.length) parts.push(text(literal(command.slice(at))));
  return parts;
}

/** The command of one job, as `sh -c` takes it. */
export function fill({ parts, isRaw }: Template, filling: Filling): string {
  let command = "";
  for (const part of parts) command += partText(part, isRaw, filling);
  return portableCommand(command);
}

function partText(part: Part, isRaw: boolean, { args, seq, slot }: Filling): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "seq":
      return String(seq);
    case "slot":
      return String(slot);
    case "argument": {
      const words = chosen(args, part.index).map((arg) => transform(arg, part.form));
      return (isRaw ? words : words.map(shellQuote)).join(" ");
    }
  }
}

/** All arguments, or the one of that number; none where there are fewer. */
function chosen(args: readonly string[], index: number): readonly string[] {
  if (index === 0) return args;
  const arg = args[index > 0 ? index - 1 : args.length + index];
  return arg === undefined ? [] : [arg];
}

/** What a form leaves of an argument. It goes by the name alone; no file is looked at. */
export function transform(arg: string, form: ArgumentForm): string {
  switch (form) {
    case "":
      return arg;
    case ".":
      return arg.replace(/\.[^/.]*$/, "");
    case "/":
      return arg.slice(arg.lastIndexOf("/") + 1);
    case "/.":
      return transform(transform(arg, "/"), ".");
    case "//":
      return directoryOf(arg);
  }
}

/** As dirname(1). */
function directoryOf(arg: string): string {
  const name = withoutSlashes(arg);
  if (name === "") return arg === "" ? "." : "/";
  const end = name.lastIndexOf("/");
  if (end === -1) return ".";
  return withoutSlashes(name.slice(0, end)) || "/";
}

/** Without those at its end. */
function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === "/") end--;
  return path.slice(0, end);
}
