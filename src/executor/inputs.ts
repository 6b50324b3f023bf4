// The inputs of an attempt, as files that the slot can open.

import type { MapOutput, Meter } from "../data/contract.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type { Ranges } from "../protocol/blocks.ts";
import { blockFile } from "../store/scratch.ts";

export interface InputsRequest {
  readonly assignment: Assignment;
  readonly run: string;
  readonly scratch: string;
  /** RunData.ca. */
  readonly ca: string | null;
  /** Of the inputs of the first stage that is read, the partition; null: only what is beside the blocks. */
  readonly partition: number | null;
  /**
   * What is read of sorted runs, as their bounds tell, once what is beside their blocks is here; null: the first stage that
   * is read has none.
   */
  readonly sorted: ((runs: readonly MapOutput[], bounds: MapOutput) => ReadonlyMap<string, Ranges>) | null;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

export interface LocalInputs {
  /** For each stage that is read, by task. */
  readonly outputs: readonly (readonly MapOutput[])[];
  /** They are not needed any more. */
  release(): void;
}

/** Those of other machines are fetched first; nothing of that is loaded where there are none. */
export async function localInputs(wanted: InputsRequest): Promise<LocalInputs> {
  const { assignment, scratch } = wanted;
  if (assignment.peers !== undefined) return await (await import("./fetch-blocks.ts")).fetchInputs(wanted);
  const outputs = assignment.inputs.map((locations) =>
    locations.map(({ attempt }) => ({ attempt, file: blockFile(scratch, attempt) })),
  );
  return { outputs, release: () => {} };
}
