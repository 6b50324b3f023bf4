// Faults of the machine, made for real: a small file system that is full soon, and system calls that fail. Each says
// whether it works here; a test that needs it is skipped, with the reason, where it does not.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** The reason why it does not work here, or null. */
function whyNot(attempt: () => void): string | null {
  try {
    attempt();
    return null;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: Buffer };
    return (stderr?.toString().trim() || message).split("\n")[0]!;
  }
}

/** A file system in memory of this size, mounted at a directory of the test's. */
export class SmallDisk implements Disposable {
  readonly directory: string;

  constructor(directory: string, size: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory], { stdio: "pipe" });
  }

  /** Room is made. */
  resize(size: string): void {
    execFileSync("mount", ["-o", `remount,size=${size}`, this.directory], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    execFileSync("umount", ["--lazy", this.directory], { stdio: "pipe" });
  }
}

export const whyNoSmallDisk = whyNot(() => {
  if (process.platform !== "linux") throw new Error("not Linux");
  const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-disk-"));
  try {
    using _disk = new SmallDisk(directory, "1m");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

export const whyNoStrace = whyNot(() => {
  if (process.platform !== "linux") throw new Error("not Linux");
  execFileSync("strace", ["-qq", "-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "true"], {
    stdio: "pipe",
  });
});

/** Arguments of strace under which this system call fails: "fdatasync:error=EIO:when=2". Its log names the files. */
export const straceArgs = (log: string, fault: string): string[] => [
  "-f",
  "-qq",
  "-y",
  "-s",
  "0",
  "-o",
  log,
  "-e",
  `trace=${fault.split(":")[0]!}`,
  "-e",
  `inject=${fault}`,
];

/** How often the call was made for each file and by each thread, and how often it failed in all. */
export function callsIn(log: string): {
  readonly perFile: ReadonlyMap<string, number>;
  readonly perThread: ReadonlyMap<string, number>;
  readonly failed: number;
} {
  const text = readFileSync(log, "utf8");
  const perFile = new Map<string, number>();
  const perThread = new Map<string, number>();
  const countIn = (counts: Map<string, number>, key: string): void =>
    void counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const [, thread, file] of text.matchAll(/^(\d+) +\w+\((?:\d+<([^>]*)>)?/gm)) {
    countIn(perThread, thread!);
    if (file !== undefined) countIn(perFile, file);
  }
  return { perFile, perThread, failed: text.match(/\(INJECTED\)/g)?.length ?? 0 };
}
