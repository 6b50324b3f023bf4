// What a contributor must obey, as checks over source text. Each check takes one file and returns what is wrong with
// it; tidy.test.ts runs all of them over all files, and shows for each that it finds what it looks for.

import path from "node:path";

export interface SourceFile {
  /** Relative to the repository, with "/". */
  readonly name: string;
  readonly text: string;
}

/** The floors of the house, the highest first (DESIGN §8). Imports go to lower floors, or stay in the room. */
export const floors: readonly string[] = [
  "cli",
  "dashboard",
  "index.ts",
  "cluster.ts",
  "lead.ts",
  "connect.ts",
  "model",
  "report",
  "driver",
  "executor",
  "bundle",
  "data",
  "store",
  "protocol",
  "plan",
  "core",
  "errors.ts",
  "base",
];

/** Rooms within `driver/`: they may use the floor's contract and loop, but not each other. */
const driverRooms = ["threads", "nats", "sim"];

/** Rooms that import nothing from Node and use no clock, chance, console or timer. */
const pureRooms = new Set(["base", "core", "plan", "protocol", "report", "errors.ts"]);

/** The room of a source file: the first folder under src, or the file itself. */
export const roomOf = (name: string): string => name.split("/")[1]!;

/** Module specifiers of static imports, re-exports, dynamic imports and type imports. */
export function importsOf(text: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)["']([^"'\n]+)["']/gm;
  return [...withoutComments(text).matchAll(pattern)].map((match) => match[1]!);
}

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " ")).replace(/^\s*\/\/.*$/gm, "");

const isTest = (name: string): boolean => /\.test(-d)?\.ts$/.test(name);

/** Arrows point down only; rooms on one floor do not know each other. */
export function checkImports({ name, text }: SourceFile): string[] {
  if (!name.startsWith("src/") || isTest(name)) return [];
  const from = roomOf(name);
  const problems: string[] = [];
  if (!floors.includes(from)) return [`${name}: the room "${from}" is not in the list of floors`];
  for (const specifier of importsOf(text)) {
    if (!specifier.startsWith(".")) continue;
    const target = path.posix.join(path.posix.dirname(name), specifier);
    const to = roomOf(target);
    if (!target.startsWith("src/")) problems.push(`${name}: imports ${specifier}, which is outside of src`);
    else if (to !== from && floors.indexOf(to) <= floors.indexOf(from))
      problems.push(`${name}: imports ${specifier}: ${from} must not know ${to}`);
    else if (from === "driver" && to === "driver") problems.push(...checkDriverRooms(name, target));
    else if (from === "cli" && to !== "cli" && !["index.ts", "errors.ts", "base"].includes(to)) {
      problems.push(
        `${name}: imports ${specifier}: cli uses the public entry points and the ground floor only`,
      );
    }
  }
  return problems;
}

function checkDriverRooms(name: string, target: string): string[] {
  const [from, to] = [name, target].map((file) => file.split("/")[2]!);
  if (!driverRooms.includes(to!) || from === to) return [];
  return [`${name}: imports ${target}: drivers never import each other, and their floor does not know them`];
}

/** Pure rooms: no Node modules, no packages, no clock, no chance, no console, no timers. */
export function checkPurity({ name, text }: SourceFile): string[] {
  if (!name.startsWith("src/") || isTest(name) || !pureRooms.has(roomOf(name))) return [];
  const problems = importsOf(text)
    .filter((specifier) => !specifier.startsWith("."))
    .map((specifier) => `${name}: a pure room imports ${specifier}`);
  const forbidden =
    /\b(Date\.now|performance\.now|Math\.random|console\.\w+|setTimeout|setInterval|setImmediate|queueMicrotask|process\.\w+|localeCompare)\b|new Date\(\)/g;
  for (const [word] of withoutComments(text).matchAll(forbidden))
    problems.push(`${name}: a pure room uses ${word}`);
  return problems;
}

/** Small rooms: source files up to 400 lines, core up to 300, lines up to 130 columns (code is wrapped at 110 by the formatter). */
export function checkSize({ name, text }: SourceFile): string[] {
  if (!name.startsWith("src/")) return [];
  const lines = text.split("\n");
  const max = name.startsWith("src/core/") ? 300 : 400;
  const problems =
    lines.length - 1 > max && !isTest(name) ? [`${name}: ${lines.length - 1} lines; at most ${max}`] : [];
  lines.forEach((line, i) => {
    if (line.length > 130) problems.push(`${name}:${i + 1}: ${line.length} columns; at most 130`);
  });
  return problems;
}

/** Every source file begins with what it is. */
export function checkHeader({ name, text }: SourceFile): string[] {
  if (!name.startsWith("src/") || isTest(name)) return [];
  const isSmall = text.split("\n").length <= 60;
  return isSmall || /^(#!.*\n)?(\/\/|\/\*\*)/.test(text)
    ? []
    : [`${name}: begins without a comment that says what it is`];
}

/** (What is in template strings is a user's program that the test runs.) Tests wait on conditions or virtual time, never sleep; none is alone or skipped without a reason beside it. */
export function checkTests({ name, text }: SourceFile): string[] {
  if (!isTest(name)) return [];
  const problems: string[] = [];
  text
    .replace(/`[^`]*`/g, (code) => code.replace(/[^\n]/g, " "))
    .split("\n")
    .forEach((line, i) => {
      if (/\bsleep\s*\(|setTimeout\((resolve|r|done|ok)\b|timers\/promises/.test(line))
        problems.push(`${name}:${i + 1}: a test must not sleep`);
      if (/\b(it|test|describe)\.only\b/.test(line)) problems.push(`${name}:${i + 1}: a lone test`);
      if (/\b(it|test|describe)\.(skip|todo)\b/.test(line) && !/\/\/ reason: /.test(line))
        problems.push(`${name}:${i + 1}: skipped without a reason`);
    });
  return problems;
}

/** No swallowed errors: a `catch` block does something or says why not. */
export function checkCatch({ name, text }: SourceFile): string[] {
  if (!name.startsWith("src/") || isTest(name)) return [];
  return [...text.matchAll(/catch\s*(\([^)]*\))?\s*\{\s*\}/g)].map(
    (match) => `${name}:${text.slice(0, match.index).split("\n").length}: an empty catch`,
  );
}

export const checks = { checkImports, checkPurity, checkSize, checkHeader, checkTests, checkCatch };
