// What an error knows of the end of a slot, or of an attempt whose time was up, as lines: the death certificates in
// its details, and the stack.

import type { ErrorData } from "../errors.ts";
import { formatBytes, formatDuration } from "../base/units.ts";
import { clip, escapeLine } from "./printable.ts";

const printedMax = 5;
const framesMax = 6;
const bars = "▁▂▃▄▅▆▇█";
const barsMax = 30;

/** A death certificate as it comes in `details`; nothing is taken for granted of what has travelled. */
interface Certificate {
  readonly isolation?: unknown;
  readonly slot?: unknown;
  readonly doing?: unknown;
  readonly exitCode?: unknown;
  readonly signal?: unknown;
  readonly outOfMemory?: unknown;
  readonly memoryLimit?: { readonly limitBytes?: unknown };
  readonly memory?: unknown;
  readonly lastLines?: unknown;
  readonly stack?: unknown;
}

/** Of one error, without its causes. `isTold`: the certificates of this error were printed above. */
export function evidenceLines({ details }: ErrorData, isTold: boolean): string[] {
  const { certificate, certificates, stack } = details ?? {};
  const all = Array.isArray(certificates) ? certificates : [certificate];
  const found = isTold
    ? []
    : all.filter((one): one is Certificate => typeof one === "object" && one !== null);
  return [...found.flatMap(certificateLines), ...stackLines(stack)];
}

function certificateLines(certificate: Certificate): string[] {
  const { isolation, slot, doing, memory, lastLines, stack } = certificate;
  const printed = Array.isArray(lastLines) ? lastLines.slice(-printedMax).map(String) : [];
  return [
    `slot ${String(slot)}'s ${String(isolation)} ended while it did ${line(doing)}: ${howItEnded(certificate)}`,
    ...curveLines(memory),
    ...(printed.length === 0 ? [] : ["  it printed last:", ...printed.map((text) => `    ${line(text)}`)]),
    ...stackLines(stack).map((text) => `  ${text}`),
  ];
}

function howItEnded({ exitCode, signal, outOfMemory, memoryLimit }: Certificate): string {
  const how =
    typeof signal === "string"
      ? line(signal)
      : typeof exitCode === "number"
        ? `exit code ${exitCode}`
        : "it was not to be started";
  if (typeof outOfMemory !== "string") return how;
  const limit = memoryLimit?.limitBytes;
  return `out of memory (${line(outOfMemory)}${typeof limit === "number" ? `, limit ${formatBytes(limit)}` : ""}; ${how})`;
}

interface Sample {
  readonly at: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly rssBytes: number;
}

const isSample = (value: unknown): value is Sample =>
  (["at", "heapBytes", "bufferBytes", "rssBytes"] as const).every(
    (key) => typeof (value as Partial<Sample> | null)?.[key] === "number",
  );

/** "memory ▁▂▅▇█ process 245 MiB → 1.71 GiB, heap 8.75 MiB → 7.20 MiB, buffers … in 3.02 s". */
function curveLines(memory: unknown): string[] {
  const samples = Array.isArray(memory) ? memory.filter(isSample) : [];
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return [];
  const change = (name: string, key: "rssBytes" | "heapBytes" | "bufferBytes"): string =>
    `${name} ${formatBytes(first[key])} → ${formatBytes(last[key])}`;
  const figures = [
    change("process", "rssBytes"),
    change("heap", "heapBytes"),
    change("buffers", "bufferBytes"),
  ].join(", ");
  return [
    `  memory ${sparkline(samples.map(({ rssBytes }) => rssBytes))} ${figures}, in ${formatDuration(last.at - first.at)}`,
  ];
}

function sparkline(values: readonly number[]): string {
  const step = Math.max(1, values.length / barsMax);
  const shown = Array.from(
    { length: Math.min(values.length, barsMax) },
    (_, i) => values[Math.floor(i * step)]!,
  );
  const most = Math.max(...shown, 1);
  return shown
    .map((value) => bars[Math.min(bars.length - 1, Math.floor((value / most) * bars.length))])
    .join("");
}

function stackLines(stack: unknown): string[] {
  if (typeof stack !== "string" || stack === "") return [];
  const frames = stack
    .split("\n")
    .map((frame) => frame.trim())
    .filter((frame) => frame.startsWith("at "));
  const more = frames.length > framesMax ? [`  … ${frames.length - framesMax} more frames`] : [];
  return ["it was here:", ...frames.slice(0, framesMax).map((frame) => `  ${line(frame)}`), ...more];
}

const line = (value: unknown): string => escapeLine(clip(String(value), 300));
