// Ctrl-C and SIGTERM: the first asks the job to end and clean up, the second ends the process at once.

import { exitCodes } from "./exit-codes.ts";

/** What of a process this needs. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

/** Calls `cancel` at the first signal. Returns what takes the handlers away again. */
export function onSignals(source: SignalSource, cancel: (signal: NodeJS.Signals) => void): () => void {
  let isCancelled = false;
  const listener = (signal: NodeJS.Signals): void => {
    if (isCancelled) {
      source.exit(exitCodes.cancelled);
      return;
    }
    isCancelled = true;
    cancel(signal);
  };
  source.on("SIGINT", listener);
  source.on("SIGTERM", listener);
  return () => {
    source.off("SIGINT", listener);
    source.off("SIGTERM", listener);
  };
}
