// The public list: explicit, nothing else.

// The methods of Dataset, and their types.
import "./data/sinks.ts";
import "./data/sinks/list.ts";
import "./plan/operators.ts";
import "./plan/operators/list.ts";

export { connect, type ConnectOptions } from "./connect.ts";
export { read } from "./data/sources.ts";
export { errorCodes, isShoalError, ShoalError, type ErrorCode } from "./errors.ts";
export { taskContext, type TaskContext } from "./executor/context.ts";
export { job } from "./model/job.ts";
export { mapReduce, type MapReduceDefinition, type MapReduceParameters } from "./model/map-reduce.ts";
export { Shoal, type JobRef, type JobResult, type RunOptions } from "./model/shoal.ts";
export { Dataset, type Sink } from "./plan/dataset.ts";
export type { Job } from "./plan/job.ts";
export type { ShuffleOptions } from "./plan/operator.ts";
export type { JobDescription, ParameterDescription } from "./protocol/run.ts";
export type { Progress } from "./report/observer.ts";
export { explain as explainReport } from "./report/explain.ts";
export { renderReport, type RenderOptions } from "./report/render.ts";
export { reportJson, type ReportJson } from "./report/report-json.ts";
export type { Report } from "./report/report.ts";
