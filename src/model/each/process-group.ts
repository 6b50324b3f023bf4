// A process group: who of it is still there, signals for all of them, and their end when this process ends.
//
// Owner of: the list of groups that must not outlive this process.

import { readdirSync, readFileSync } from "node:fs";

/** Whether there was anybody to get it. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // EPERM: somebody is there who has become another user.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * Whether anybody of it still runs. Those that are dead and only wait to be reaped do not count: where the first process of
 * a container reaps nobody, they stay for good.
 */
export function isGroupAlive(group: number): boolean {
  return signalGroup(group, 0) && (process.platform !== "linux" || hasLiveMember(group));
}

function hasLiveMember(group: number): boolean {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return true; // Nobody can tell; the signal says that there is somebody.
  }
  return names.some((name) => /^\d+$/.test(name) && isLiveMember(name, group));
}

function isLiveMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc(5): pid (name) state ppid pgrp …; a name may hold anything, parentheses too.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(pgrp) === group && state !== "Z" && state !== "X";
  } catch {
    return false; // It has ended since.
  }
}

const guarded = new Set<number>();

/** A process that ends by itself, whatever made it, takes the group with it. (One that is killed cannot.) */
export function guardGroup(group: number): void {
  if (guarded.size === 0) process.on("exit", killGuarded);
  guarded.add(group);
}

export function unguardGroup(group: number): void {
  guarded.delete(group);
  if (guarded.size === 0) process.off("exit", killGuarded);
}

function killGuarded(): void {
  for (const group of guarded) signalGroup(group, "SIGKILL");
}
