// What the command line uses of shoal: the public entry point, loaded only when it is needed. No private doors; below
// it only the ground that everything stands on (errors.ts, base/).

export type {
  JobDescription, JobResult, ParameterDescription, Progress, Report, RunOptions, Shoal,
} from "../index.ts";
import type * as Public from "../index.ts";
import type { reportJson } from "../report/report-json.ts";

export type Connection = Pick<Public.Shoal, "describe" | "run" | "close">;

export interface Api {
  readonly connect: (options: Public.ConnectOptions) => Promise<Connection>;
  readonly renderReport: typeof Public.renderReport;
  readonly explainReport: typeof Public.explainReport;
  readonly reportJson: typeof reportJson;
}

export type LoadApi = () => Promise<Api>;

export const loadApi: LoadApi = async () => {
  const [{ connect, renderReport, explainReport }, { reportJson }] =
    await Promise.all([import("../index.ts"), import("../report/report-json.ts")]);
  return { connect, renderReport, explainReport, reportJson };
};
