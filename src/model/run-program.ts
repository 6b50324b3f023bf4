// A job whose program and parameters are known: its input cut, then run.

import type { PreparedJob, PrepareRequest } from "../protocol/run.ts";
import { runJob, type JobRunRequest } from "./job-run.ts";
import type { JobResult } from "./shoal.ts";
import { unlessAborted } from "./unless-aborted.ts";

export async function runProgram(
  request: Omit<JobRunRequest, "prepared" | "prepare">,
): Promise<JobResult<unknown>> {
  const { settings, program, parameters, options } = request;
  const prepare = async (splitBytes: number | null): Promise<PreparedJob> => {
    const asked: PrepareRequest = {
      parameters,
      partitions: options.partitions ?? null,
      splitBytes,
      mounts: settings.mounts,
    };
    const answer = settings.driver.call(program, "prepare", asked);
    return (await unlessAborted(options.signal, answer)) as PreparedJob;
  };
  const prepared = await prepare(options.splitBytes ?? null);
  return await runJob({ ...request, prepared, prepare });
}
