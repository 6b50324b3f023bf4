// The public list: explicit, nothing else.

// The methods of Dataset, and their types.
import "./data/sinks.ts";
import "./data/sinks/list.ts";
import "./plan/operators.ts";
import "./plan/operators/list.ts";

export {
  clusterJobs,
  drainWorker,
  startWorker,
  workers,
  type WorkerHandle,
  type WorkerInfo,
  type WorkerOptions,
} from "./cluster.ts";
export { connect, type ConnectOptions } from "./connect.ts";
export { move } from "./data/calls/moved.ts";
export { shared } from "./data/calls/shared.ts";
export { read } from "./data/sources.ts";
export { errorCodes, isShoalError, ShoalError, type ErrorCode } from "./errors.ts";
export { callContext, type CallContext } from "./executor/call-context.ts";
export { taskContext, type TaskContext } from "./executor/context.ts";
export { each, type EachInput, type EachRun } from "./model/each/each.ts";
export { EachInputs, type InputOptions, type InputSource } from "./model/each/inputs.ts";
export type { EachOptions, EachProgress } from "./model/each/options.ts";
export type { EachOutput } from "./model/each/output-file.ts";
export type { EachResult, EachSummary } from "./model/each/result.ts";
export type { Inputs } from "./model/calls/item-source.ts";
export type { MapOptions, MapOutcome, MapResults } from "./model/calls/map.ts";
export type { MapProgress } from "./model/calls/map-progress.ts";
export { memo, type MemoOptions } from "./model/calls/memo.ts";
export type { CallOptions } from "./model/calls/options.ts";
export { any, hedge, race, type Attempt, type HedgeOptions } from "./model/calls/race.ts";
export type { Remote, RemoteFunction } from "./model/calls/remote.ts";
export type { CallFigures, DrainResult } from "./driver/call-plane.ts";
export { loadConfig, type ShoalConfig } from "./model/config.ts";
export { job } from "./model/job.ts";
export { jobs, type JobInfo, type StateOptions } from "./model/jobs.ts";
export { initCluster, type ClusterFiles, type InitOptions } from "./model/cluster-init.ts";
export {
  startCluster,
  stopCluster,
  type LocalCluster,
  type LocalClusterOptions,
} from "./model/local-cluster.ts";
export { mapReduce, type MapReduceDefinition, type MapReduceParameters } from "./model/map-reduce.ts";
export type { ClusterJobs, SubmittedInfo, SubmittedResult } from "./model/submitted/cluster-jobs.ts";
export { whatIf, type WhatIfOptions } from "./model/what-if.ts";
export { events, reportOf, why, type TaskOptions } from "./model/why.ts";
export { Shoal, type JobRef, type JobResult, type RunOptions, type SubmitOptions } from "./model/shoal.ts";
export { Dataset, type Sink } from "./plan/dataset.ts";
export type { Job } from "./plan/job.ts";
export type { ShuffleOptions } from "./plan/operator.ts";
export type { JobDescription, ParameterDescription } from "./protocol/run.ts";
export type { Progress } from "./report/observer.ts";
export { explain as explainReport } from "./report/explain.ts";
export { renderReport, type RenderOptions } from "./report/render.ts";
export type { MountSettings, MountTarget, StoreOptions, StoreTarget } from "./store/mounts.ts";
export { reportJson, type ReportJson } from "./report/report-json.ts";
export type { Report } from "./report/report.ts";
export { storyText } from "./report/story-text.ts";
export type { StoryLine } from "./report/story.ts";
export { renderWhatIf } from "./report/what-if-text.ts";
export type { Prediction, WhatIf } from "./report/what-if.ts";
export { renderWhy } from "./report/why-text.ts";
export type { Explanation, Finding, FindingCode } from "./report/why.ts";
