// An output directory appears whole or not at all: the checks before any work, and the transaction that swaps the new
// output in. On the client's side; slots only write the files that output-paths.ts names.
//
//   planOutput ──► begin ──► attempts write and are discarded ──► commit: assemble, moveOldAside, moveNewIn ──► done
//                    ▲                                       ├──► abort
//                    └──────── the same run goes on ─────────┴──► suspend, or a crash
//
// A crash on any line leaves the old output or the new one in place, but for one: between the two renames of a swap
// (moveOldAside, moveNewIn) nothing is in place, and the old output lies in staging; the next planOutput of the same
// directory puts it back. rename(2) cannot swap two directories without a flag that node does not offer.
//
// Owner of: the staging directory, the output directory's contents. Never deletes what it did not make, but for an old
// output that is this job's own, or for which `overwrite` was said.

import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isShoalError, ShoalError } from "../errors.ts";
import type { FilePlace } from "../protocol/place.ts";
import { syncDirectory, writeSynced, writeWhole } from "./durable.ts";
import { checkTarget, requireReplaceable, type OutputRequest } from "./output-check.ts";
import { keepParts, moveParts, publishedFiles, type FinishedPart, type PartMove } from "./output-keep.ts";
import {
  attemptDirectory,
  markerFile,
  markerFormat,
  newDirectory,
  oldDirectory,
  ownerFile,
  partName,
  stagedPart,
  stagingPrefix,
} from "./output-paths.ts";
import { liveStagings, recoverStaging, removeStaging, sweepStagings } from "./output-staging.ts";
import type { Output } from "./outputs.ts";
import { thisProcess } from "./process.ts";

export { partName, stagedPart } from "./output-paths.ts";
export type { OutputRequest } from "./output-check.ts";
export type { FinishedPart } from "./output-keep.ts";

/**
 * Checks, before any work, that `output` can become the job's output: OUTPUT_INVALID, OUTPUT_NOT_EMPTY, OUTPUT_BUSY.
 * Makes missing parents. Cleans up after other runs with the same output that are over, and restores what they had put
 * aside.
 */
export async function planOutput(output: string, request: OutputRequest): Promise<OutputPlan> {
  const directory = await checkTarget(output, request);
  await sweepStagings(directory, request.continues ?? null);
  const occupant = await requireReplaceable(directory, request);
  return { directory, request, hadOutput: occupant !== "missing" && occupant !== "empty" };
}

export interface OutputPlan {
  /** Absolute, without symbolic links. */
  readonly directory: string;
  readonly request: OutputRequest;
  /** Something is there now, and will be replaced. */
  readonly hadOutput: boolean;
}

export interface Winner {
  readonly attempt: string;
  /** The part that the attempt wrote. */
  readonly part: number;
}

export class OutputTransaction implements Output {
  /** The output directory. */
  readonly directory: string;
  /** Absolute. Goes to the slots as text; they build paths in it with `stagedPart`. */
  readonly staging: string;
  private readonly plan: OutputPlan;
  private readonly run: string;
  private published: readonly string[] | null = null;

  private constructor(plan: OutputPlan, run: string) {
    this.directory = plan.directory;
    this.staging = join(dirname(plan.directory), `${stagingPrefix(basename(plan.directory))}${run}`);
    this.plan = plan;
    this.run = run;
  }

  /** Makes the staging directory of `run`, or takes over the one that is there. OUTPUT_INVALID, OUTPUT_BUSY. */
  static async begin(plan: OutputPlan, run: string): Promise<OutputTransaction> {
    const transaction = new OutputTransaction(plan, run);
    const { staging, directory } = transaction;
    try {
      await mkdir(staging, { recursive: plan.request.continues === run });
      const write = plan.request.continues === run ? writeWhole : writeSynced;
      await write(join(staging, ownerFile), JSON.stringify(thisProcess()));
      await mkdir(join(staging, "attempts"), { recursive: true });
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new ShoalError(
        "OUTPUT_INVALID",
        `cannot write beside the output directory ${directory}: ${reason}`,
        { cause },
      );
    }
    // of two that planned at the same time, each sees the other now
    const others = (await liveStagings(directory)).filter((path) => path !== staging);
    if (others.length === 0) return transaction;
    await transaction.abort();
    throw new ShoalError("OUTPUT_BUSY", `another run writes to ${directory}`, {
      details: { staging: others },
    });
  }

  /**
   * Keeps these parts, which earlier processes of the run have finished, and deletes all else that they wrote. Returns the
   * attempts of the parts that are there. If all `count` parts of the output have been published, they are kept as that:
   * nothing is left to commit.
   */
  async keep(parts: readonly FinishedPart[], count: number): Promise<ReadonlySet<string>> {
    if (parts.length === count) this.published = await publishedFiles(this.directory, this.run, parts);
    if (this.published !== null) return new Set(parts.map(({ attempt }) => attempt));
    return await keepParts(this.staging, parts);
  }

  /**
   * Takes parts that another run of the job had finished, under new names, and deletes what is left of that run. Returns
   * the attempts of the parts that were there.
   */
  async takeFrom(run: string, moves: readonly PartMove[]): Promise<ReadonlySet<string>> {
    const from = new OutputTransaction(this.plan, run).staging;
    const taken = await moveParts(from, this.staging, moves);
    await removeStaging(this.directory, run).catch(() => {}); // what is left is swept by the next planOutput
    return taken;
  }

  /** Leaves the staging directory as it is, for the same run to go on with. Never throws. */
  async suspend(): Promise<void> {
    const released = JSON.stringify({ ...thisProcess(), released: true });
    await writeWhole(join(this.staging, ownerFile), released).catch(() => {}); // free anyway when this process ends
  }

  get stagingPlace(): FilePlace {
    return { kind: "file", path: this.staging };
  }

  /** Names of the files that were published; none before the commit. */
  get files(): readonly string[] {
    return this.published ?? [];
  }

  /** For people: what the output directory holds if the run ends now. */
  get keeps(): string {
    if (this.published !== null) return `the new output is in ${this.directory}`;
    return this.plan.hadOutput
      ? `the old output in ${this.directory} is as it was`
      : `nothing was written to ${this.directory}`;
  }

  /** The file that `attempt` writes part `part` in. */
  attemptFile(attempt: string, part: number): string {
    return stagedPart(this.staging, attempt, part);
  }

  /** Deletes what an attempt wrote. Never throws: what is left goes with the staging directory. */
  async discard(attempt: string): Promise<void> {
    await rm(attemptDirectory(this.staging, attempt), { recursive: true, force: true }).catch(() => {});
  }

  /**
   * Publishes the winners' files, and nothing else, as part-00000 and so on; `meta` is kept in the marker. On failure
   * (OUTPUT_FAILED, or OUTPUT_NOT_EMPTY if something was put there meanwhile) the old output is in place. Nothing
   * happens if an earlier process of the run has published it.
   */
  async commit(winners: readonly Winner[], meta: Readonly<Record<string, unknown>> = {}): Promise<void> {
    if (this.published !== null) return await this.abort();
    try {
      const files = await this.assemble(winners, meta);
      await this.moveOldAside();
      await this.moveNewIn();
      this.published = files;
    } catch (cause) {
      if (isShoalError(cause)) throw cause;
      const reason = (cause as Error).message;
      throw new ShoalError("OUTPUT_FAILED", `cannot publish the output ${this.directory}: ${reason}`, {
        cause,
      });
    }
  }

  /** First step of commit: the new output, complete and durable, beside the old one. */
  async assemble(winners: readonly Winner[], meta: Readonly<Record<string, unknown>>): Promise<string[]> {
    const directory = newDirectory(this.staging);
    const files = winners.map(({ part }) => partName(part)).sort();
    const twice = files.find((name, i) => name === files[i + 1]);
    if (twice !== undefined)
      throw new ShoalError("INTERNAL", `two attempts were to be committed as ${twice}`);
    await mkdir(directory);
    for (const { attempt, part } of winners) {
      await rename(stagedPart(this.staging, attempt, part), join(directory, partName(part)));
    }
    const marker = { ...meta, format: markerFormat, job: this.plan.request.job, run: this.run, files };
    await writeSynced(join(directory, markerFile), `${JSON.stringify(marker, null, 1)}\n`);
    await syncDirectory(directory);
    return files;
  }

  /** Second step: if an old output is in the way, it goes to staging. Looks again whether it may. */
  async moveOldAside(): Promise<void> {
    const occupant = await requireReplaceable(this.directory, this.plan.request);
    // an empty directory is in nobody's way: rename replaces it
    if (occupant !== "missing" && occupant !== "empty")
      await rename(this.directory, oldDirectory(this.staging));
  }

  /** Third step: from here on the new output is the output. */
  async moveNewIn(): Promise<void> {
    try {
      await rename(newDirectory(this.staging), this.directory);
    } catch (error) {
      await recoverStaging(this.staging, this.directory);
      throw error;
    }
    try {
      await syncDirectory(dirname(this.directory));
    } catch (error) {
      // It is there, and may not be after a crash of the machine: nobody is to believe it now.
      await rename(this.directory, newDirectory(this.staging));
      await recoverStaging(this.staging, this.directory);
      throw error;
    }
    await this.abort();
  }

  /** Removes the staging directory, after restoring the old output if that is there. Never throws. Idempotent. */
  async abort(): Promise<void> {
    try {
      if (!(await recoverStaging(this.staging, this.directory))) return;
      await rm(this.staging, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // what is left is swept by the next planOutput of this directory
    }
  }
}
