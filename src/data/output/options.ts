// The output parameter of the sinks that write files, checked when the plan is built.

import { ShoalError } from "../../errors.ts";

export function outputOf(call: string, output: unknown): string {
  if (typeof output === "string" && output !== "") return output;
  const received = typeof output === "string" ? "an empty string" : output === null ? "null" : typeof output;
  throw new ShoalError(
    "PLAN_INVALID",
    `${call}() expects the path of the output directory, received ${received}`,
  );
}
