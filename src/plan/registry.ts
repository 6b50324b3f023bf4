// Jobs that the program in a slot has defined while it was loaded. Only present in slots: the executor puts a registry
// in place before it imports the bundle, and `job()` adds to it. In other threads `job()` finds none and does nothing.

import type { Job } from "./job.ts";

export interface Registry {
  readonly jobs: Job[];
  /** Resolves when the program, run in a slot as a module, has come to the point where it uses Shoal itself. */
  readonly reachedUse: Promise<void>;
  /** Called by the inert Shoal that `connect()` gives while a program is loaded in a slot. */
  useReached(): void;
}

const place: unique symbol = Symbol.for("shoal.registry") as never;
type Global = { [place]?: Registry | undefined };

export const currentRegistry = (): Registry | undefined => (globalThis as Global)[place];

/** Puts a new registry in place, and returns it. */
export function openRegistry(): Registry {
  let useReached = (): void => {};
  const reachedUse = new Promise<void>((resolve) => (useReached = resolve));
  const registry: Registry = { jobs: [], reachedUse, useReached: () => useReached() };
  (globalThis as Global)[place] = registry;
  return registry;
}

export function closeRegistry(): void {
  (globalThis as Global)[place] = undefined;
}
