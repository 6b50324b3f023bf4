// Patterns for file names, as in a shell: `*` and `?` within a name, `[a-z]` and `[!a-z]`, `{a,b}`, `**` for any number of
// directories, a backslash before what is meant literally. A name that begins with "." is matched only by a pattern that
// does.
//
// Why not a library: the one that was tried compiles a pattern to one expression over the whole path, in which `**` does
// not match a line end; it leaves out FIFOs and directories that cannot be read, all without a word. Here a pattern is
// matched name by name, directory by directory, and only directories that can matter are listed.

import { ShoalError } from "../../errors.ts";

/** What the search needs of a file system. Names that are not there are no error: nothing is listed, nothing exists. */
export interface Names {
  /** What is in a directory. */
  list(directory: string): Promise<readonly NameEntry[]>;
  exists(path: string): boolean | Promise<boolean>;
  join(directory: string, name: string): string;
}

export interface NameEntry {
  readonly name: string;
  /** A link is "other", whatever it leads to: `**` does not follow links, so that it ends. */
  readonly kind: EntryKind;
}

export type EntryKind = "file" | "directory" | "other";

export interface Match {
  readonly path: string;
  readonly kind: EntryKind;
  /** By `**` alone: all that is below it matches too. */
  readonly isBelowAll: boolean;
}

export const hasMagic = (pattern: string): boolean => /[*?[{\\]/.test(pattern);

/** Gives everything below `base` that matches to `found`; some perhaps twice, in no order. */
export async function matchNames(
  base: string,
  pattern: string,
  names: Names,
  found: (match: Match) => void,
): Promise<void> {
  for (const alternative of expandBraces(pattern)) {
    const segments = alternative.split("/").filter((segment) => segment !== "");
    if (segments.at(-1) === "**") segments.push("*");
    await matchSegments(base, segments, 0, names, found);
  }
}

async function matchSegments(
  directory: string,
  segments: readonly string[],
  at: number,
  names: Names,
  found: (match: Match) => void,
): Promise<void> {
  const segment = segments[at]!;
  const isLast = at === segments.length - 1;
  const reached = (path: string, kind: EntryKind): Promise<void> | undefined => {
    if (!isLast) return matchSegments(path, segments, at + 1, names, found);
    found({ path, kind, isBelowAll: segment === "*" && segments[at - 1] === "**" });
    return undefined;
  };
  if (segment === "**") {
    await matchSegments(directory, segments, at + 1, names, found);
    for (const entry of await names.list(directory)) {
      if (entry.kind !== "directory" || entry.name.startsWith(".")) continue;
      await matchSegments(names.join(directory, entry.name), segments, at, names, found);
    }
    return;
  }
  if (!hasMagic(segment)) {
    const path = names.join(directory, segment);
    if (await names.exists(path)) await reached(path, "other");
    return;
  }
  const matches = nameMatcher(segment);
  for (const entry of await names.list(directory)) {
    if (!matches(entry.name)) continue;
    const below = reached(names.join(directory, entry.name), entry.kind);
    if (below !== undefined) await below;
  }
}

/** Whether a name matches a pattern without slashes and braces. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const expression = new RegExp(`^${expressionOf(pattern)}$`, "su");
  const wantsDot = pattern.startsWith(".") || pattern.startsWith("\\.");
  return (name) => (wantsDot || !name.startsWith(".")) && expression.test(name);
}

function expressionOf(pattern: string): string {
  const characters = [...pattern];
  let expression = "";
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === "*") expression += characters[i - 1] === "*" ? "" : ".*?";
    else if (character === "?") expression += ".";
    else if (character === "\\" && i + 1 < characters.length) expression += literal(characters[++i]!);
    else if (character === "[") {
      const end = endOfClass(characters, i);
      if (end === -1) expression += literal("[");
      else {
        expression += classOf(characters.slice(i + 1, end));
        i = end;
      }
    } else expression += literal(character);
  }
  return expression;
}

/** A "]" that comes first in a class is a member of it. */
function endOfClass(characters: readonly string[], from: number): number {
  let i = from + 1;
  if (characters[i] === "!" || characters[i] === "^") i++;
  for (i++; i < characters.length; i++) if (characters[i] === "]" && characters[i - 1] !== "\\") return i;
  return -1;
}

function classOf(members: readonly string[]): string {
  const isNegated = members[0] === "!" || members[0] === "^";
  let body = "";
  const rest = isNegated ? members.slice(1) : members;
  for (let i = 0; i < rest.length; i++) {
    const first = rest[i] === "\\" && i + 1 < rest.length ? rest[++i]! : rest[i]!;
    const last = rest[i + 1] === "-" && i + 2 < rest.length ? rest[i + 2]! : null;
    // a range the wrong way round matches nothing of its own, as in a shell
    if (last === null) body += literal(first);
    else {
      if (first.codePointAt(0)! <= last.codePointAt(0)!) body += `${literal(first)}-${literal(last)}`;
      i += 2;
    }
  }
  if (body === "") return isNegated ? "." : "(?!)";
  return `[${isNegated ? "^" : ""}${body}]`;
}

const literal = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;

const alternativesMax = 10_000;

/** `a{b,c{d,e}}` is ab, acd, ace. Braces without a comma, or without an end, are literal. */
export function expandBraces(pattern: string): string[] {
  const found = firstBraces(pattern);
  if (found === null) return [pattern];
  const { from, to, commas } = found;
  const tails = expandBraces(pattern.slice(to + 1));
  const result: string[] = [];
  for (let i = 0; i + 1 < commas.length; i++) {
    for (const middle of expandBraces(pattern.slice(commas[i]! + 1, commas[i + 1]))) {
      for (const tail of tails) result.push(pattern.slice(0, from) + middle + tail);
    }
    if (result.length > alternativesMax) {
      throw new ShoalError(
        "INPUT_NOT_FOUND",
        `the braces in ${JSON.stringify(pattern)} stand for more than ${alternativesMax} patterns`,
        { hint: "Use * or a directory." },
      );
    }
  }
  return result;
}

/** The first braces that hold a comma of their own: where they are, and their commas with the braces around them. */
function firstBraces(pattern: string): { from: number; to: number; commas: number[] } | null {
  for (let from = nextOf(pattern, "{", 0); from !== -1; from = nextOf(pattern, "{", from + 1)) {
    const commas = [from];
    let depth = 0;
    for (let i = from; i < pattern.length; i++) {
      const character = pattern[i];
      if (character === "\\") i++;
      else if (character === "{") depth++;
      else if (character === "," && depth === 1) commas.push(i);
      else if (character === "}" && --depth === 0) {
        if (commas.length > 1) return { from, to: i, commas: [...commas, i] };
        break;
      }
    }
  }
  return null;
}

/** Where `character` is next, not after a backslash; -1 if nowhere. */
function nextOf(pattern: string, character: string, from: number): number {
  for (let i = from; i < pattern.length; i++) {
    if (pattern[i] === "\\") i++;
    else if (pattern[i] === character) return i;
  }
  return -1;
}
