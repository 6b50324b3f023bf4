// What the command line uses of shoal: the public entry point, loaded only when it is needed. No private doors; below
// it only the ground that everything stands on (errors.ts, base/).

export type {
  EachOptions,
  EachOutput,
  EachProgress,
  EachResult,
  EachRun,
  EachSummary,
  Explanation,
  InputSource,
  JobInfo,
  StoryLine,
  JobDescription,
  JobResult,
  ClusterJobs,
  ParameterDescription,
  Progress,
  Report,
  RunOptions,
  Shoal,
  SubmittedInfo,
  SubmittedResult,
  WorkerInfo,
} from "../index.ts";
import type * as Public from "../index.ts";

export interface Api extends Pick<
  typeof Public,
  "renderReport" | "explainReport" | "reportJson" | "loadConfig" | "clusterJobs" | "reportOf"
> {
  /** To this machine, or to a cluster. */
  readonly connect: (
    options: Public.ConnectOptions,
    cluster?: string,
  ) => Promise<Pick<Public.Shoal, "describe" | "run" | "submit" | "close">>;
}

export type LoadApi = () => Promise<Api>;

/** What the commands use that ask about jobs, and run none. */
export type JobsApi = Pick<
  typeof Public,
  | "jobs"
  | "why"
  | "events"
  | "reportOf"
  | "whatIf"
  | "renderWhy"
  | "renderWhatIf"
  | "storyText"
  | "renderReport"
  | "explainReport"
  | "reportJson"
>;

/** What the commands about clusters use. */
export type ClusterApi = Pick<
  typeof Public,
  "startWorker" | "workers" | "drainWorker" | "startCluster" | "stopCluster" | "clusterJobs" | "initCluster"
>;

export const loadClusterApi = async (): Promise<ClusterApi> => await import("../index.ts");

/** What `shoal each` uses. */
export type EachApi = Pick<typeof Public, "each" | "EachInputs">;

export const loadEachApi = async (): Promise<EachApi> => await import("../index.ts");

export const loadJobsApi = async (): Promise<JobsApi> => await import("../index.ts");

export const loadApi: LoadApi = async () => {
  const { connect, ...api } = await import("../index.ts");
  const { renderReport, explainReport, reportJson, loadConfig, clusterJobs, reportOf } = api;
  return {
    loadConfig,
    clusterJobs,
    reportOf,
    renderReport,
    explainReport,
    reportJson,
    connect: (options, cluster) => (cluster === undefined ? connect(options) : connect(cluster, options)),
  };
};
