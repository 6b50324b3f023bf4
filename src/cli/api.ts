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
  ParameterDescription,
  Progress,
  Report,
  RunOptions,
  Shoal,
} from "../index.ts";
import type * as Public from "../index.ts";

export interface Api extends Pick<typeof Public, "renderReport" | "explainReport" | "reportJson"> {
  readonly connect: (
    options: Public.ConnectOptions,
  ) => Promise<Pick<Public.Shoal, "describe" | "run" | "close">>;
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

/** What `shoal each` uses. */
export type EachApi = Pick<typeof Public, "each" | "EachInputs">;

export const loadEachApi = async (): Promise<EachApi> => await import("../index.ts");

export const loadJobsApi = async (): Promise<JobsApi> => await import("../index.ts");

export const loadApi: LoadApi = async () => await import("../index.ts");
