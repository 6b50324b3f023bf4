// The program that runs in slots for users: loads the bundle, builds the plan, answers "describe" and "prepare", and
// runs attempts (attempt.ts).
//
// User code runs here and nowhere else: never in the agent, never in the client's thread on behalf of a job.

import { createHash } from "node:crypto";
import { basename, extname } from "node:path";
import { sourceNamed } from "../data/sources.ts";
import { ShoalError } from "../errors.ts";
import { compile, fingerprintText, resolvePartitions, type Plan } from "../plan/compile.ts";
import { isJob, type Job, type JobOrigin } from "../plan/job.ts";
import { parameterType } from "../plan/parameters.ts";
import { closeRegistry, openRegistry } from "../plan/registry.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type {
  AssignmentPayload,
  JobDescription,
  PreparedJob,
  PrepareRequest,
  RunData,
} from "../protocol/run.ts";
import { runAttempt } from "./attempt.ts";
import { loadBundle } from "./load.ts";
import type { Program } from "./program.ts";

export interface JobProgramData {
  /** The bundle's file. */
  readonly bundle: string;
  /** The file that the job's name comes from. */
  readonly entry: string;
  /** Which job of the bundle; null for the default export, or the only one. */
  readonly origin: JobOrigin | null;
  /** URL of the module whose exports the bundle's `import … from "shoal"` gets. */
  readonly runtime: string;
  /** Relative paths of the job are relative to this directory. */
  readonly directory: string;
}

const runtimePlace: unique symbol = Symbol.for("shoal.runtime") as never;

/** See Program. Loading starts at once; what fails in it is thrown by the first use. */
export function createProgram(data: JobProgramData): Program {
  const loading = loadJob(data);
  loading.catch(() => {}); // reported by the first call or run that waits for it
  let known: { readonly run: string; readonly plan: Plan } | null = null;

  const planOf = (job: Job, run: RunData): Plan => {
    if (known?.run === run.job) return known.plan;
    const plan = buildPlan(job, run.parameters);
    if (fingerprint(plan) !== run.fingerprint) {
      throw new ShoalError(
        "PLAN_DIFFERS",
        `${data.entry}: the plan that this slot built is not the one that the job started with`,
      );
    }
    known = { run: run.job, plan };
    return plan;
  };

  return {
    async run(assignment: Assignment, host) {
      const job = await loading;
      const { run, split } = assignment.payload as AssignmentPayload;
      return await runAttempt(
        { assignment, run, split, fns: planOf(job, run).fns, directory: data.directory },
        host,
      );
    },
    async call(method, argument) {
      const job = await loading;
      if (method === "describe") return describe(job, data);
      if (method === "prepare") return await prepare(job, argument as PrepareRequest, data.directory);
      throw new ShoalError("INTERNAL", `unknown call "${method}"`);
    },
  };
}

async function loadJob(data: JobProgramData): Promise<Job> {
  (globalThis as { [runtimePlace]?: unknown })[runtimePlace] ??= await import(data.runtime);
  const registry = openRegistry();
  try {
    // A program that defines its job and also runs it stops here at the point where it would use Shoal.
    const loaded = await Promise.race([loadBundle(data.bundle), registry.reachedUse.then(() => ({}))]);
    return selectJob(data, loaded, registry.jobs);
  } finally {
    closeRegistry();
  }
}

function selectJob(
  data: JobProgramData,
  loaded: Readonly<Record<string, unknown>>,
  jobs: readonly Job[],
): Job {
  const { origin } = data;
  if (origin !== null) {
    const same = jobs.filter(
      (job) =>
        job.origin.index === origin.index && (job.origin.file === origin.file || job.origin.file === null),
    );
    if (same[0] !== undefined) return same[0];
  } else if (isJob(loaded["default"])) {
    return loaded["default"];
  }
  if (jobs.length === 1) return jobs[0]!;
  const names = Object.keys(loaded).filter((name) => isJob(loaded[name]));
  const found =
    "default" in loaded ? `its default export is ${kindOf(loaded["default"])}` : "it has no default export";
  throw new ShoalError(
    "NOT_A_JOB",
    `${data.entry} is not a job's file: ${found}` +
      (names.length > 0
        ? `; jobs are exported as ${names.join(", ")}`
        : jobs.length > 1
          ? `, and it defines ${jobs.length} jobs`
          : ""),
  );
}

const kindOf = (value: unknown): string =>
  value === null ? "null" : typeof value === "object" ? "an object that is no job" : `a ${typeof value}`;

function describe(job: Job, data: JobProgramData): JobDescription {
  const file = job.origin.file ?? data.entry;
  const name =
    basename(data.entry, extname(data.entry)) + (job.origin.index > 0 ? `#${job.origin.index + 1}` : "");
  return {
    name,
    file,
    parameters: Object.entries(job.defaults).map(([parameter, value]) => ({
      name: parameter,
      type: parameterType(value),
      default: value,
    })),
  };
}

function buildPlan(job: Job, parameters: Readonly<Record<string, unknown>>): Plan {
  let sink: unknown;
  try {
    sink = job.plan(Object.freeze(structuredClone(parameters)));
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    throw new ShoalError(
      "USER_ERROR",
      `the plan failed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  return compile(sink);
}

const fingerprint = ({ stages, fns }: Plan): string =>
  createHash("sha256")
    .update(fingerprintText(stages))
    .update("\0")
    .update(fns.map(String).join("\0"))
    .digest("hex");

async function prepare(job: Job, request: PrepareRequest, directory: string): Promise<PreparedJob> {
  const plan = buildPlan(job, request.parameters);
  const first = plan.stages[0]!.input;
  if (first.kind !== "source") throw new ShoalError("INTERNAL", "the first stage reads no source");
  const source = sourceNamed(first.source);
  if (source === undefined) throw new ShoalError("PLAN_INVALID", `unknown source read.${first.source}`);
  const { splitBytes, mounts } = request;
  const cut = await source.split(first.options, { splitBytes, directory, mounts });
  return {
    fingerprint: fingerprint(plan),
    stages: resolvePartitions(plan.stages, cut.bytes, request.partitions),
    splits: cut.splits,
    inputFiles: cut.files,
    inputBytes: cut.bytes,
    inputRoots: cut.roots,
  };
}
