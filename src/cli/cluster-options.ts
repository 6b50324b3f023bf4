// Values of the options that the commands about clusters share.

import { readFileSync } from "node:fs";
import { ShoalError } from "../errors.ts";
import type { JobsLine } from "./jobs-line.ts";
import { quote } from "./printable.ts";

/** An address, or `@file`: what is in that file, so that a password is on no command line. BAD_OPTION. */
export function addressOf(typed: string): string {
  if (!typed.startsWith("@")) return typed;
  try {
    return readFileSync(typed.slice(1), "utf8").trim();
  } catch (cause) {
    throw new ShoalError(
      "BAD_OPTION",
      `--cluster: ${quote(typed.slice(1))} cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** The cluster that is asked: --cluster, even ""; else SHOAL_CLUSTER, unless --state names what is here. */
export function clusterMeant(
  { cluster, state }: { readonly cluster?: string | undefined; readonly state?: string | undefined },
  env: NodeJS.ProcessEnv,
): string | undefined {
  return cluster ?? (state === undefined ? env["SHOAL_CLUSTER"] || undefined : undefined);
}

/** Of --cluster, or else of the environment's SHOAL_CLUSTER. BAD_OPTION if neither names one. */
export function clusterOf(typed: string | undefined, env: NodeJS.ProcessEnv): string {
  const url = clusterMeant({ cluster: typed }, env);
  if (url !== undefined && url !== "") return addressOf(url);
  throw new ShoalError("BAD_OPTION", "no cluster is named", {
    hint: "Write --cluster nats://host:port, or set SHOAL_CLUSTER; `shoal up` starts a cluster on this machine.",
  });
}

export function wholeOf(
  { text }: JobsLine,
  name: "slots" | "call-slots" | "workers" | "port",
  min: number,
  max: number,
): number | undefined {
  const typed = text[name];
  if (typed === undefined) return undefined;
  const value = /^\d{1,9}$/.test(typed) ? Number(typed) : NaN;
  if (value >= min && value <= max) return value;
  throw new ShoalError(
    "BAD_OPTION",
    `--${name} must be a whole number from ${min} to ${max}, received ${quote(typed)}`,
    { details: { option: `--${name}`, received: typed } },
  );
}
