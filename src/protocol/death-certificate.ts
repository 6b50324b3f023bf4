// What is known of a slot that ended under an attempt. Plain data: it travels in the error's `details.certificate`,
// and so into the report and the journal.

export interface MemorySample {
  /** Milliseconds on the log's clock. */
  readonly at: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
  /** Of the process: all threads together under thread isolation. */
  readonly rssBytes: number;
}

export interface DeathCertificate {
  readonly isolation: "thread" | "process";
  readonly slot: number;
  readonly attempt: string | null;
  /** What it was doing, for people: "t7.2 of read.lines → map, 1,032 records in, for 4.2 s". */
  readonly doing: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Which limit it ran into, or null if memory was not the cause as far as is known. */
  readonly outOfMemory: "heap" | "buffers" | "rss" | null;
  /**
   * The limit of Shoal's that it ran into, and what was in use. A guess: threads share one process, and which of
   * them took the memory could not be measured. Absent if there was none, or if the system ended it.
   */
  readonly memoryLimit?: {
    readonly limitBytes: number;
    readonly usedBytes: number;
    readonly isGuess: boolean;
  };
  /** Oldest first, at most 60. */
  readonly memory: readonly MemorySample[];
  /** Its last lines of output, at most 20. */
  readonly lastLines: readonly string[];
  /** The JavaScript stack at its last sign of life, where it could be taken. */
  readonly stack: string | null;
}
