// The contract of an output while a run is at work on it, and the choice between its two kinds: a directory of this
// machine (output.ts), a prefix in a store (objects/output.ts).

import type { Place } from "../protocol/place.ts";
import type { OutputRequest } from "./output-check.ts";
import type { FinishedPart, PartMove } from "./output-keep.ts";
import { OutputTransaction, planOutput, type Winner } from "./output.ts";

/** All or nothing: the old output or the new one, whatever dies. Attempts write where only they can. */
export interface Output {
  /** An absolute path, or the URL of a store. */
  readonly directory: string;
  /** Where attempts put their files: travels to the slots. */
  readonly stagingPlace: Place;
  /** Names of the files that were published; none before the commit. */
  readonly files: readonly string[];
  /** For people: what the output holds if the run ends now. */
  readonly keeps: string;
  /** See OutputTransaction.keep. */
  keep(parts: readonly FinishedPart[], count: number): Promise<ReadonlySet<string>>;
  /** See OutputTransaction.takeFrom. */
  takeFrom(run: string, moves: readonly PartMove[]): Promise<ReadonlySet<string>>;
  /** Deletes what an attempt wrote. Never throws. */
  discard(attempt: string): Promise<void>;
  /** Publishes the winners' files, and nothing else. OUTPUT_FAILED, OUTPUT_NOT_EMPTY, OUTPUT_BUSY. */
  commit(winners: readonly Winner[]): Promise<void>;
  /** Leaves the staging as it is, for the same run to go on with. Never throws. */
  suspend(): Promise<void>;
  /** Removes the staging. Never throws. */
  abort(): Promise<void>;
}

/** Checks that there can be an output, and begins it. OUTPUT_INVALID, OUTPUT_NOT_EMPTY, OUTPUT_BUSY, STORE_REFUSED. */
export async function beginOutput(place: Place, request: OutputRequest, run: string): Promise<Output> {
  if (place.kind === "file") return await OutputTransaction.begin(await planOutput(place.path, request), run);
  const { ObjectOutput } = await import("./objects/output.ts");
  return await ObjectOutput.begin(place, request, run);
}
