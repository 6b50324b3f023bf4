// A failure as text: message, places, the chain of causes, what was kept, and what to do.

import { fileURLToPath } from "node:url";
import { isShoalError, toErrorData } from "../errors.ts";
import type { ErrorData } from "../errors.ts";
import { evidenceLines } from "./certificate-text.ts";
import { noPaint } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { clip, escapeLine, escapeText } from "./printable.ts";

export interface FailureOptions {
  readonly paint?: Paint;
  /** Whole stacks, shoal's own frames too (SHOAL_DEBUG=1). */
  readonly debug?: boolean;
}

const causesMax = 6;
const framesMax = 6;
/** A shorter message that is part of the one above may be so by chance. */
const toldMin = 12;
const messageMax = 4000;
const linesMax = 40;

/** The failure as lines, for standard error. */
export function failureLines(error: unknown, options: FailureOptions = {}): string[] {
  const { paint = noPaint, debug = false } = options;
  const data = toErrorData(error);
  const isOurs = isShoalError(error);
  const [first = "", ...more] = messageLines(data.message);
  const title = isOurs ? `error ${data.code ?? ""}` : "internal error";
  const name = isOurs ? "" : `${escapeLine(data.name)}: `;
  const lines = [`${paint.red(paint.bold(`${title}:`))} ${name}${first}`, ...more.map(indent)];
  lines.push(...placeLines(data).map((line) => paint.dim(indent(line))));
  if (debug || !isOurs) lines.push(...frameLines(data, debug).map((line) => paint.dim(indent(line))));
  lines.push(...evidenceLines(data, false).map((line) => paint.dim(indent(line))));
  lines.push(...causeLines(data, debug, paint));
  const kept = data.details?.["kept"];
  if (typeof kept === "string") lines.push(`${paint.bold("kept:")} ${escapeLine(clip(kept, messageMax))}`);
  const hint = isOurs
    ? data.hint
    : debug
      ? undefined
      : "This is a bug in shoal; please report it with the output of the same command under SHOAL_DEBUG=1.";
  if (hint !== undefined && hint !== "") lines.push(`${paint.cyan("hint:")} ${escapeText(hint)}`);
  return lines;
}

function causeLines(data: ErrorData, debug: boolean, paint: Paint): string[] {
  const lines: string[] = [];
  let above = data.message;
  const isCertified = Array.isArray(data.details?.["certificates"]); // the cause's is among them
  let cause = data.cause;
  for (let depth = 1; cause !== undefined; depth++, cause = cause.cause) {
    const pad = "  ".repeat(depth);
    if (depth > causesMax) {
      lines.push(`${pad}… and further causes`);
      break;
    }
    const name = cause.code === undefined ? cause.name : `error ${cause.code}`;
    const isTold =
      above.includes(`${cause.name}: ${cause.message}`) ||
      (cause.message.length >= toldMin && above.includes(cause.message));
    const [first = "", ...more] = messageLines(cause.message);
    // What the message above has said already is not said again; its frames and properties are news.
    if (!isTold) {
      lines.push(`${pad}${paint.yellow("caused by")} ${escapeLine(name)}: ${first}`);
      lines.push(...more.map((line) => `${pad}  ${line}`));
    }
    const properties = propertyText(cause);
    if (properties !== null) lines.push(`${pad}  ${properties}`);
    const places = [...placeLines(cause), ...frameLines(cause, debug), ...evidenceLines(cause, isCertified)];
    lines.push(...places.map((line) => paint.dim(`${pad}  ${line}`)));
    above = cause.message;
  }
  return lines;
}

function messageLines(message: string): string[] {
  const lines = escapeText(clip(message, messageMax)).split("\n");
  if (lines.length <= linesMax) return lines;
  return [...lines.slice(0, linesMax), `… ${lines.length - linesMax} more lines`];
}

const indent = (line: string): string => `  ${line}`;

/** Places from the details that the message does not name: the program's line, the record. */
function placeLines({ details, message }: ErrorData): string[] {
  const lines: string[] = [];
  const program = details?.["program"] as { file?: unknown; line?: unknown; column?: unknown } | undefined;
  if (typeof program?.file === "string") {
    const place = `${program.file}:${String(program.line)}:${String(program.column)}`;
    if (!message.includes(place)) lines.push(`at ${escapeLine(place)}`);
  }
  const record = details?.["record"] as { file?: unknown; unit?: unknown; at?: unknown } | undefined;
  if (typeof record?.file === "string" && !message.includes(record.file)) {
    lines.push(`at ${escapeLine(`${String(record.unit)} ${String(record.at)} of ${record.file}`)}`);
  }
  return lines;
}

/**
 * An error's own properties, as JSON. Those of the operating system's errors are in their messages already.
 */
function propertyText({ properties }: ErrorData): string | null {
  if (properties === undefined || ("errno" in properties && "syscall" in properties)) return null;
  return escapeLine(clip(JSON.stringify(properties), 500));
}

/** Where shoal's own code lies: as it runs, and as source maps name it. The package is two levels above both. */
const ownDirectories = ["dist", "src"].map((name) =>
  fileURLToPath(new URL(`../../${name}/`, import.meta.url)),
);

function frameLines({ stack, code }: ErrorData, debug: boolean): string[] {
  const lines = (stack ?? "").split("\n").map((line) => line.trim());
  const frames = lines.filter((line) => line.startsWith("at "));
  if (debug) return frames.map(escapeLine);
  if (code !== undefined) return [];
  const isOurs = (frame: string): boolean => ownDirectories.some((directory) => frame.includes(directory));
  const theirs = frames
    .map(pathOf)
    .filter((frame) => !frame.includes("node:") && !frame.includes("<anonymous>") && !isOurs(frame));
  const more = theirs.length > framesMax ? [`… ${theirs.length - framesMax} more frames`] : [];
  return [...theirs.slice(0, framesMax), ...more].map((frame) => escapeLine(clip(frame, 300)));
}

/** "at f (file:///a%20b.ts:1:2)" → "at f (/a b.ts:1:2)". */
const pathOf = (frame: string): string =>
  frame.replace(/file:\/\/[^\s)]+/, (url) => {
    const place = /:\d+:\d+$/.exec(url)?.[0] ?? "";
    try {
      return fileURLToPath(url.slice(0, url.length - place.length)) + place;
    } catch {
      return url;
    }
  });
