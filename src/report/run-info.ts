// What a report must know of a run that is not in its log.

export interface StageInfo {
  readonly name: string;
  readonly tasks: number;
  /** Bytes of input that the stage's tasks read from a source, or null for stages that read a shuffle. */
  readonly inputBytes: number | null;
}

export interface RunInfo {
  readonly job: string;
  readonly slots: number;
  readonly stages: readonly StageInfo[];
  readonly inputFiles: number;
  readonly inputBytes: number;
  /** When the run began, on the log's clock: the start of the process for the command line, of `run()` elsewhere. */
  readonly startedAt: number;
}
