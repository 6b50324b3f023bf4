// Functions that are called by name: loads the bundle that has them, in a slot.

import { readFile } from "node:fs/promises";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import type { TargetRef } from "../protocol/calls.ts";
import { loadBundle } from "./load.ts";

export type UserFunction = (...args: readonly unknown[]) => unknown;

const runtimePlace: unique symbol = Symbol.for("shoal.runtime") as never;

/**
 * The function that `ref` names. Throws NO_SUCH_FUNCTION if the module exports none of that name; USER_ERROR if it throws
 * while it loads.
 */
export async function loadFunction(ref: TargetRef): Promise<UserFunction> {
  const holder = globalThis as { [runtimePlace]?: unknown };
  // A program that does not import shoal starts sooner without it.
  if (holder[runtimePlace] === undefined && (await readFile(ref.bundle, "utf8")).includes("shoal.runtime"))
    holder[runtimePlace] = await import(ref.runtime);
  const exports = await loadBundle(ref.bundle);
  const found = exports[ref.name];
  if (typeof found === "function") return found as UserFunction;
  const names = Object.keys(exports).filter((name) => typeof exports[name] === "function");
  const near = nearest(ref.name, names);
  const what = ref.name in exports ? `exports ${ref.name}, which is no function` : `exports no ${ref.name}`;
  const others = names.length === 0 ? "it exports no functions" : `its functions are ${names.join(", ")}`;
  throw new ShoalError("NO_SUCH_FUNCTION", `${ref.module} ${what}; ${others}`, {
    ...(near === null ? {} : { hint: `Did you mean ${near}?` }),
    details: { module: ref.module, name: ref.name, functions: names },
  });
}
