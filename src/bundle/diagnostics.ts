// esbuild's messages as one ShoalError that names file, line and column, shows the line, and says what to do.

import fs from "node:fs";
import path from "node:path";
import type { Location, Message } from "esbuild";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import { packageName } from "./native-addons.ts";
import { runtimeModule } from "./runtime-module.ts";

const errorsShown = 5;
const lineShown = 100;

export interface DiagnosticContext {
  readonly base: string;
  readonly runtimeExports: readonly string[];
}

interface Diagnostic {
  readonly text: string;
  readonly place: { readonly file: string; readonly line: number; readonly column: number } | null;
  readonly excerpt: readonly string[];
  /** A package that npm could install. */
  readonly missingPackage: string | null;
}

/** The error for a failed build. `errors` as esbuild gives them; at most five are shown. */
export function bundleFailed(errors: readonly Message[], context: DiagnosticContext): ShoalError {
  const all = errors.map((error) => diagnose(error, context));
  const lines = [`the program cannot be bundled: ${all.length === 1 ? "1 error" : `${all.length} errors`}`];
  for (const { place, text, excerpt } of all.slice(0, errorsShown)) {
    const where = place === null ? "" : `${place.file}:${place.line}:${place.column}: `;
    lines.push(`  ${where}${text}`, ...excerpt.map((line) => `    ${line}`));
  }
  if (all.length > errorsShown) lines.push(`  … and ${all.length - errorsShown} more`);
  const packages = [...new Set(all.flatMap(({ missingPackage }) => missingPackage ?? []))];
  return new ShoalError("BUNDLE_FAILED", lines.join("\n"), {
    ...(packages.length === 0 ? {} : { hint: `npm install ${packages.join(" ")}` }),
    details: {
      errors: all.slice(0, errorsShown).map(({ text, place }) => ({ text, ...place })),
      total: all.length,
      missingPackages: packages,
    },
  });
}

/** What an import asked for, if a message of esbuild says that it was not found. */
export const unresolvedIn = (text: string): string | undefined =>
  /^Could not resolve "(.*)"/s.exec(text)?.[1];

function diagnose(message: Message, context: DiagnosticContext): Diagnostic {
  const { location } = message;
  const unresolved = unresolvedIn(message.text);
  const noExport = /^No matching export in "(.*)" for import "(.*)"$/s.exec(message.text);
  let text = message.text;
  let missingPackage: string | null = null;
  if (unresolved !== undefined) {
    ({ text, missingPackage } = describeUnresolved(unresolved, location, context.base));
  } else if (noExport?.[1] === runtimeModule) {
    const near = nearest(noExport[2]!, context.runtimeExports);
    text = `"shoal" has no export named "${noExport[2]}"${near === null ? "" : `; did you mean "${near}"?`}`;
  }
  if (location === null) return { text, missingPackage, place: null, excerpt: [] };
  const column = columnOf(location);
  return {
    text,
    missingPackage,
    place: { file: path.resolve(context.base, location.file), line: location.line, column: column + 1 },
    excerpt: excerpt(location, column),
  };
}

const packagePattern = /^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i;

function describeUnresolved(
  specifier: string,
  location: Location | null,
  base: string,
): { text: string; missingPackage: string | null } {
  const text = `cannot find "${specifier}"`;
  if (/^\.{0,2}\//.test(specifier)) {
    const from = location === null ? base : path.dirname(path.resolve(base, location.file));
    const near = nearestFile(path.resolve(from, specifier));
    if (near === null) return { text, missingPackage: null };
    const relative = path.relative(from, near).split(path.sep).join("/");
    const suggestion = relative.startsWith(".") ? relative : `./${relative}`;
    return { text: `${text}; did you mean "${suggestion}"?`, missingPackage: null };
  }
  const name = packageName(specifier);
  if (!packagePattern.test(name)) {
    return { text: `${text}: is it in the paths of tsconfig.json?`, missingPackage: null };
  }
  return { text: `${text}: try npm install ${name}`, missingPackage: name };
}

function nearestFile(wanted: string): string | null {
  try {
    const directory = path.dirname(wanted);
    const name = nearest(path.basename(wanted), fs.readdirSync(directory).sort());
    return name === null ? null : path.join(directory, name);
  } catch {
    return null; // No such directory: nothing to suggest.
  }
}

/**
 * The location's column, which esbuild counts in bytes of UTF-8, in UTF-16 units from 0, as editors and
 * stacks do.
 */
const columnOf = ({ lineText, column }: Location): number =>
  Buffer.from(lineText).subarray(0, column).toString().length;

function excerpt({ line, lineText }: Location, column: number): string[] {
  const start = lineText.length <= lineShown ? 0 : Math.max(0, column - lineShown / 2);
  const shown = lineText.slice(start, start + lineShown);
  const gutter = String(line);
  // Tabs stay, so that the caret stands right.
  const before = lineText.slice(start, column).replace(/[^\t]/g, " ");
  return [`${gutter} | ${shown}`, `${" ".repeat(gutter.length)} | ${before}^`];
}
