// Who a process is, for as long as anyone may ask: a pid alone is given to another process sooner or later.

import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Plain data: it is written into files that outlive the process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the start of the machine to the start of the process, or null where nothing tells them. */
  readonly started: string | null;
  /** The machine's boot that `pid` and `started` belong to, or null. */
  readonly boot: string | null;
  readonly host: string;
  /** For people: when the file was written, in ISO form. */
  readonly since: string;
}

/** "unknown": of another machine or container, whose processes cannot be asked after. */
export type Liveness = "alive" | "dead" | "unknown";

export const thisProcess = (): ProcessIdentity => identityOf(process.pid);

/** Of a process of this machine that runs now. */
export const identityOf = (pid: number): ProcessIdentity => ({
  pid,
  started: statOf(pid)?.started ?? null,
  boot: bootId(),
  host: hostname(),
  since: new Date().toISOString(),
});

export function livenessOf(identity: ProcessIdentity): Liveness {
  if (identity.host !== hostname()) return "unknown";
  if (identity.boot !== bootId()) return "dead";
  const stat = statOf(identity.pid);
  if (stat !== null) {
    // a zombie holds nothing any more, it only waits to be asked for its exit code
    if (stat.state === "Z" || stat.state === "X") return "dead";
    return identity.started === null || identity.started === stat.started ? "alive" : "dead";
  }
  try {
    process.kill(identity.pid, 0);
    return "alive";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "alive" : "dead";
  }
}

/** The identity in parsed JSON of a file that may be damaged, or null. */
export function identityIn(value: unknown): ProcessIdentity | null {
  if (typeof value !== "object" || value === null) return null;
  const { pid, started, boot, host, since } = value as Record<string, unknown>;
  const isText = (field: unknown): field is string | null => field === null || typeof field === "string";
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return null;
  if (typeof host !== "string" || typeof since !== "string") return null;
  return isText(started) && isText(boot) ? { pid: pid as number, started, boot, host, since } : null;
}

/** Fields 3 and 22 of /proc/<pid>/stat (proc(5)); null where there is no such process, or no /proc. */
function statOf(pid: number): { readonly state: string; readonly started: string } | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  // field 2 is the command in parentheses, and may hold spaces and parentheses itself
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0]!, started: fields[19]! };
}

const bootId = (): string | null => readText("/proc/sys/kernel/random/boot_id")?.trim() ?? null;

function readText(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // not Linux, or no such process: the caller has another way
    return null;
  }
}
