// Questions about a job that was left to a cluster: its journal is brought here, and asked like any other.

import { ShoalError } from "../errors.ts";
import { loadClusterApi } from "./api.ts";
import { addressOf } from "./cluster-options.ts";
import type { JobsLine } from "./jobs-line.ts";

export async function askCluster(
  url: string,
  line: JobsLine,
  tell: (line: JobsLine) => Promise<void>,
): Promise<void> {
  const jobs = await (await loadClusterApi()).clusterJobs(addressOf(url));
  try {
    const id = line.argument ?? (await jobs.list())[0]?.id;
    if (id === undefined) throw new ShoalError("RUN_UNKNOWN", "no job was left to this cluster");
    await jobs.ask(id, async (where, run) => tell({ ...line, argument: run, where }));
  } finally {
    await jobs.close();
  }
}
