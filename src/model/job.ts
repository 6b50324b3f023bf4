// `job` and `mapReduce`: how a user defines a job.

import { ShoalError } from "../errors.ts";
import { firstUserFrame } from "../bundle/frames.ts";
import { isSimpleParameter } from "../plan/parameters.ts";
import type { Sink } from "../plan/dataset.ts";
import { jobBrand, type Job, type Parameters, type Widen } from "../plan/job.ts";
import { currentRegistry } from "../plan/registry.ts";

/** How many jobs each file has defined so far, in this thread. */
const defined = new Map<string, number>();

/**
 * Defines a job: its parameters with their defaults, and the plan, a pure function of the parameters.
 *
 * The plan runs on this side and in every slot, which check that they built the same one: it must not depend on the
 * clock, chance or the environment. Errors: PLAN_INVALID for defaults that cannot be parameters.
 *
 * @example
 * export default job({ input: "books/*.txt", output: "counts" }, ({ input, output }) =>
 *   read.lines(input)
 *     .flatMap((line) => line.toLowerCase().match(/[a-z]+/g) ?? [])
 *     .countByValue()
 *     .write.tsv(output));
 */
export function job<const P extends Parameters, R>(
  defaults: P,
  plan: (parameters: Widen<P>) => Sink<R>,
): Job<Widen<P>, R> {
  if (typeof plan !== "function") {
    throw new ShoalError(
      "PLAN_INVALID",
      `job() expects (defaults, plan), received ${typeof plan} as the plan`,
    );
  }
  for (const [name, value] of Object.entries(defaults ?? {})) {
    if (isSimpleParameter(value)) continue;
    throw new ShoalError(
      "PLAN_INVALID",
      `the default of parameter "${name}" must be a string, number, boolean, or ` +
        `an array of strings or of numbers; received ${value === null ? "null" : typeof value}`,
    );
  }
  const file = firstUserFrame(new Error().stack ?? "")?.file ?? null;
  const index = file === null ? 0 : (defined.get(file) ?? 0);
  if (file !== null) defined.set(file, index + 1);
  const definition: Job<Widen<P>, R> = {
    [jobBrand]: true,
    defaults: Object.freeze({ ...defaults }) as unknown as Widen<P>,
    plan,
    origin: { file, index },
  };
  currentRegistry()?.jobs.push(definition as unknown as Job);
  return definition;
}
