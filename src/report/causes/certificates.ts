// Death certificates in errors, and how they read. They have travelled: nothing of them is taken for granted.

import type { ErrorData } from "../../errors.ts";
import { formatBytes, formatDuration } from "../../base/units.ts";
import type { DeathCertificate, MemorySample } from "../../protocol/death-certificate.ts";
import { chainOf, stackLines } from "./attempts.ts";

/** The certificate of the slot that ended under the attempt, if there is one. */
export function certificateIn(error: ErrorData | undefined): DeathCertificate | null {
  for (const { details } of chainOf(error)) {
    const found = details?.["certificate"] as Partial<DeathCertificate> | null | undefined;
    if (typeof found !== "object" || found === null || typeof found.slot !== "number") continue;
    return {
      attempt: null,
      exitCode: null,
      signal: null,
      outOfMemory: null,
      stack: null,
      isolation: "thread",
      ...found,
      slot: found.slot,
      doing: String(found.doing ?? "something"),
      memory: Array.isArray(found.memory) ? found.memory.filter(isSample) : [],
      lastLines: Array.isArray(found.lastLines) ? found.lastLines.map(String) : [],
    };
  }
  return null;
}

const isSample = (value: unknown): value is MemorySample =>
  (["at", "heapBytes", "bufferBytes", "rssBytes"] as const).every(
    (key) => typeof (value as Partial<MemorySample> | null)?.[key] === "number",
  );

const causes = {
  heap: "its JavaScript heap was full",
  buffers: "its buffers were too large",
  rss: "the process used too much memory",
};

/** A certificate as lines: how it ended, what it did, its memory, its last words, where it was. */
export function certificateLines(certificate: DeathCertificate): string[] {
  const { isolation, slot, doing, exitCode, signal, outOfMemory, memoryLimit, memory, lastLines, stack } =
    certificate;
  const how = signal !== null ? ` by ${signal}` : exitCode !== null ? ` with exit code ${exitCode}` : "";
  const limit = memoryLimit === undefined ? "" : ` (limit ${formatBytes(memoryLimit.limitBytes)})`;
  const why = outOfMemory === null ? "" : `: ${causes[outOfMemory] ?? outOfMemory}${limit}`;
  return [
    `death certificate: the ${isolation} of slot ${slot} ended${how}${why}`,
    `  it was doing ${doing}`,
    ...memoryLines(memory),
    ...(lastLines.length > 0 ? ["  its last lines:", ...lastLines.map((line) => `    ${line}`)] : []),
    ...(typeof stack === "string" ? ["  where it was:", ...stackLines(stack)] : []),
  ];
}

function memoryLines(memory: readonly MemorySample[]): string[] {
  const first = memory[0];
  const last = memory.at(-1);
  if (first === undefined || last === undefined) return [];
  const parts = [
    ["heap", "heapBytes"],
    ["buffers", "bufferBytes"],
    ["process", "rssBytes"],
  ] as const;
  const text = parts
    .map(([name, key]) => `${name} ${formatBytes(first[key])} → ${formatBytes(last[key])}`)
    .join(", ");
  return [`  memory in its last ${formatDuration(last.at - first.at)}: ${text}`];
}
