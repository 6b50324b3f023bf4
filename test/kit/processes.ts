// For tests with real processes: who is whose child, who is still there, and waiting until something is so.

import { readdirSync, readFileSync } from "node:fs";

/** Resolves as soon as `isSo`; rejects after `ms` with what was waited for. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  ms = 30_000,
): Promise<void> {
  const giveUpAt = performance.now() + ms;
  await new Promise<void>((resolve, reject) => {
    let isAsking = false;
    const look = async (): Promise<void> => {
      if (isAsking) return;
      isAsking = true;
      const isOver = await isSo();
      isAsking = false;
      if (!isOver && performance.now() < giveUpAt) return;
      clearInterval(timer);
      if (isOver) resolve();
      else reject(new Error(`waited ${ms} ms in vain until ${what}`));
    };
    const timer = setInterval(
      () =>
        void look().catch((error: unknown) => {
          clearInterval(timer);
          reject(error as Error);
        }),
      10,
    );
  });
}

/** Whether the process runs or could: it is there, and no zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** The processes of the slots that an agent has now. Linux only. */
export function slotProcesses(agent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const isChild = new RegExp(`^PPid:\\s*${agent}$`, "m").test(
          readFileSync(`/proc/${pid}/status`, "utf8"),
        );
        return isChild && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("slot.js");
      } catch {
        return false; // It has ended since.
      }
    });
}
