// An output in a store appears whole or not at all for whoever looks for its marker, as in a directory. A store has no
// rename, so the commit is one object that is created once; what it says is carried out by whoever comes first, the
// writer, or after a crash the next one that plans an output there.
//
//   attempts write .shoal-<run>/<attempt>/ ──► .shoal-commit.json created (decided: the winners, the run)
//     ──► marker and old parts deleted ──► winners copied, by the store ──► marker ──► staging, .shoal-commit.json deleted
//
// Whatever is done twice on the way ends the same. The staging goes before the commit's record does: who is late with the
// copies of a commit that is carried out finds nothing to copy. Who is late with the deletion of the old marker deletes the
// new one, and makes it again; only if it dies in between is the output, whole, without a marker: no store that is relied
// on deletes by condition. Readers of ours refuse a prefix with a commit's record.
//
// Owner of: everything below the prefix that names.ts names.

import { inTurns } from "../../base/in-turns.ts";
import { isShoalError, ShoalError } from "../../errors.ts";
import type { ObjectPlace, Place } from "../../protocol/place.ts";
import { placeText } from "../mounts.ts";
import { invalid, requireOwn, type OutputRequest } from "../output-check.ts";
import type { FinishedPart, PartMove } from "../output-keep.ts";
import { markerIn, occupantFrom, type Marker, type Occupant } from "../output-marker.ts";
import { markerFile, markerFormat, partName } from "../output-paths.ts";
import type { Winner } from "../output.ts";
import type { Output } from "../outputs.ts";
import { identityIn, livenessOf, thisProcess } from "../process.ts";
import {
  attemptKey,
  commitKey,
  commitName,
  keyBelow,
  markerKey,
  ownerKey,
  partKey,
  stagedKey,
  stagingKey,
  stagingName,
} from "./names.ts";
import type { ObjectStore } from "./object-store.ts";
import { isUrl } from "./schemes.ts";
import { storeOf } from "./stores.ts";

const copiesAtOnce = 8;

/** What a commit has decided. */
interface Commit {
  readonly format: 1;
  readonly run: string;
  readonly job: string;
  readonly winners: readonly Winner[];
  /** All that is there goes, whatever it is; else only parts. */
  readonly overwrite: boolean;
}

/** A winner's file and the part that it becomes. */
interface Copy {
  readonly key: string;
  readonly part: number;
  readonly bytes: number;
}

export class ObjectOutput implements Output {
  readonly directory: string;
  readonly stagingPlace: Place;
  private readonly store: ObjectStore;
  private readonly key: string;
  private readonly staging: string;
  private readonly run: string;
  private readonly request: OutputRequest;
  private published: readonly string[] | null = null;
  private hadOutput = false;

  private constructor(place: ObjectPlace, request: OutputRequest, run: string) {
    this.key = place.key.replace(/\/+$/, "");
    this.directory = placeText({ ...place, key: this.key });
    this.store = storeOf(place);
    this.staging = stagingKey(this.key, run);
    this.stagingPlace = { ...place, key: this.staging };
    this.run = run;
    this.request = request;
  }

  static async begin(place: ObjectPlace, request: OutputRequest, run: string): Promise<ObjectOutput> {
    const output = new ObjectOutput(place, request, run);
    output.requireOutside();
    await output.requireCommits();
    await output.carryOutWhatIsDecided();
    await output.sweep();
    const occupant = await output.occupant();
    requireOwn(output.directory, occupant, request);
    output.hadOutput = occupant.kind !== "empty";
    await output.store.write(ownerKey(output.staging), JSON.stringify(thisProcess()));
    await output.requireCreatesOnce();
    return output;
  }

  get files(): readonly string[] {
    return this.published ?? [];
  }

  get keeps(): string {
    if (this.published !== null) return `the new output is in ${this.directory}`;
    return this.hadOutput
      ? `the old output in ${this.directory} is as it was`
      : `nothing was written to ${this.directory}`;
  }

  async keep(parts: readonly FinishedPart[], count: number): Promise<ReadonlySet<string>> {
    const all = new Set(parts.map(({ attempt }) => attempt));
    if (parts.length === count && (await this.isPublished(parts))) return all;
    await this.abandonUploads(this.staging);
    const staged = await this.staged(this.staging);
    const kept = new Map<string, string>();
    for (const { attempt, part, bytes } of parts) {
      const key = stagedKey(this.staging, attempt, part);
      if (staged.get(key) === bytes) kept.set(key, attempt);
    }
    await this.store.delete([...staged.keys()].filter((key) => !kept.has(key)));
    return new Set(kept.values());
  }

  async takeFrom(run: string, moves: readonly PartMove[]): Promise<ReadonlySet<string>> {
    const from = stagingKey(this.key, run);
    const staged = await this.staged(from);
    const taken = new Set<string>();
    await inTurns(moves, copiesAtOnce, async ({ from: old, attempt, part }) => {
      const key = stagedKey(from, old.attempt, old.part);
      if (staged.get(key) !== old.bytes) return;
      if (await this.store.copy(key, stagedKey(this.staging, attempt, part), old.bytes)) taken.add(attempt);
    });
    await this.deleteStaging(from).catch(() => {}); // what is left is swept by the next one that begins
    return taken;
  }

  async discard(attempt: string): Promise<void> {
    await this.deleteBelow(attemptKey(this.staging, attempt)).catch(() => {}); // goes with the staging
  }

  async commit(winners: readonly Winner[]): Promise<void> {
    if (this.published !== null) return await this.abort();
    try {
      requireOwn(this.directory, await this.occupant(), this.request);
      const { job, overwrite } = this.request;
      const commit: Commit = { format: 1, run: this.run, job, winners, overwrite };
      if (!(await this.store.create(commitKey(this.key), JSON.stringify(commit)))) {
        const other = await this.decided();
        if (other?.run !== this.run) {
          throw new ShoalError("OUTPUT_BUSY", `another run puts its output into ${this.directory}`);
        }
      }
      await this.carryOutWhatIsDecided();
      this.published = winners.map(({ part }) => partName(part)).sort();
    } catch (cause) {
      if (isShoalError(cause)) throw cause;
      const text = `cannot publish the output ${this.directory}: ${(cause as Error).message}`;
      throw new ShoalError("OUTPUT_FAILED", text, { cause });
    }
  }

  async suspend(): Promise<void> {
    const released = JSON.stringify({ ...thisProcess(), released: true });
    await this.store.write(ownerKey(this.staging), released).catch(() => {}); // free when this process has ended
  }

  async abort(): Promise<void> {
    await this.deleteStaging(this.staging).catch(() => {}); // swept by the next one that begins
  }

  private requireOutside(): void {
    if (this.key === "") throw invalid(this.directory, "is a whole bucket; name a prefix in it");
    for (const root of this.request.roots) {
      if (!isUrl(root)) continue;
      const input = root.replace(/\/+$/, "");
      if (isWithin(this.directory, input)) throw invalid(this.directory, `is inside the input ${input}`);
      if (isWithin(input, this.directory)) throw invalid(this.directory, `holds the input ${input}`);
    }
  }

  /** The commit is the creation of one object: before any work, since it cannot be done without. */
  private async requireCommits(): Promise<void> {
    if ((await this.store.abilities()).output) return;
    const scheme = this.directory.slice(0, this.directory.indexOf(":"));
    const why = "does not create objects once, or not copy them, so that nothing could be committed there";
    throw invalid(this.directory, `is in a store that ${why}; ${scheme}: is for input`);
  }

  /** Some servers take a creation for a write, and say nothing: what is there already is tried to be created. */
  private async requireCreatesOnce(): Promise<void> {
    const text = JSON.stringify({ ...thisProcess(), second: true });
    if (!(await this.store.create(ownerKey(this.staging), text))) return;
    await this.abort();
    throw invalid(
      this.directory,
      "is in a store that creates an object twice, so that two could commit there",
    );
  }

  /** Deletes stagings of runs that are over. OUTPUT_BUSY if a living process of this machine has one. */
  private async sweep(): Promise<void> {
    const { directories } = await this.store.list(`${this.key}/`, false);
    for (const directory of directories) {
      const staging = directory.slice(0, -1);
      const [, run] = stagingName.exec(staging.slice(this.key.length + 1)) ?? [];
      if (run === undefined || run === this.run || run === this.request.continues) continue;
      const owner = parsed(await this.store.readText(ownerKey(staging)));
      const identity = identityIn(owner);
      if (identity === null) continue;
      const isReleased = (owner as { released?: unknown }).released === true;
      const liveness = isReleased ? "dead" : livenessOf(identity);
      if (liveness === "alive") {
        const { pid, since } = identity;
        const text = `process ${pid} has been writing to ${this.directory} since ${since}`;
        throw new ShoalError("OUTPUT_BUSY", text, { details: { target: this.directory, pid, since } });
      }
      if (liveness === "dead") await this.deleteStaging(staging);
    }
  }

  private async occupant(): Promise<Occupant> {
    const prefix = `${this.key}/`;
    const { objects, directories } = await this.store.list(prefix, false);
    const files = [...objects.keys()].map((key) => key.slice(prefix.length));
    const below = directories.map((directory) => directory.slice(prefix.length, -1));
    const names = [
      ...files.filter((name) => name !== "" && name !== commitName),
      ...below.filter((name) => !stagingName.test(name)),
    ];
    return occupantFrom(names, names.includes(markerFile) ? await this.marker() : null);
  }

  private async marker(): Promise<Marker | null> {
    const text = await this.store.readText(markerKey(this.key));
    return text === null ? null : markerIn(text);
  }

  private async isPublished(parts: readonly FinishedPart[]): Promise<boolean> {
    const marker = await this.marker();
    if (marker?.run !== this.run || marker.files.length !== parts.length) return false;
    const { objects } = await this.store.list(`${this.key}/`, false);
    if (!parts.every(({ part, bytes }) => objects.get(partKey(this.key, part))?.size === bytes)) return false;
    this.published = marker.files;
    return true;
  }

  private async decided(): Promise<Commit | null> {
    const text = await this.store.readText(commitKey(this.key));
    const commit = parsed(text) as Commit | null;
    if (text === null || (commit?.format === 1 && Array.isArray(commit.winners))) return commit;
    throw new ShoalError(
      "STATE_NEWER",
      `${this.directory} has a commit that this version of shoal cannot read`,
    );
  }

  /**
   * Also that of another run that was cut off: it is decided, and nobody else may do it. Several may be at it at once, each
   * at any step, or stopped there: the staging goes last, so what is gone from it since was put in place by another.
   */
  private async carryOutWhatIsDecided(): Promise<void> {
    const commit = await this.decided();
    if (commit === null) return;
    const staging = stagingKey(this.key, commit.run);
    const staged = await this.staged(staging);
    const mark = await this.store.readText(markerKey(this.key));
    if (mark === null || markerIn(mark)?.run !== commit.run) {
      const keys = commit.winners.map(({ attempt, part }) => stagedKey(staging, attempt, part));
      const missing = keys.find((key) => !staged.has(key));
      if (missing !== undefined && !(await this.isDecidedFor(commit.run))) return; // and more has come since
      if (missing !== undefined) throw lost(this.directory, missing);
      // The marker goes first: from then on nothing here is an output.
      if (mark !== null) await this.store.delete([markerKey(this.key)]);
      const copies = commit.winners.map(({ part }, i) => ({
        key: keys[i]!,
        part,
        bytes: staged.get(keys[i]!)!,
      }));
      await this.putInPlace(commit, copies);
    }
    await this.deleteStaging(staging);
    if (await this.isDecidedFor(commit.run)) await this.store.delete([commitKey(this.key)]);
  }

  private async putInPlace({ run, job, overwrite }: Commit, copies: readonly Copy[]): Promise<void> {
    const files = copies.map(({ part }) => partName(part)).sort();
    await this.clear(files, overwrite);
    await inTurns(copies, copiesAtOnce, async ({ key, part, bytes }) => {
      const to = partKey(this.key, part);
      if (await this.store.copy(key, to, bytes)) return;
      if ((await this.store.info(to))?.size === bytes) return; // by another, who has deleted the staging since
      throw (await this.isDecidedFor(run)) ? lost(this.directory, key) : busy(this.directory);
    });
    await this.mark({ format: markerFormat, job, run, files });
  }

  private async isDecidedFor(run: string): Promise<boolean> {
    return (await this.decided())?.run === run;
  }

  private async mark(marker: Marker): Promise<void> {
    const now = await this.decided();
    const isOver = now !== null && now.run !== marker.run;
    const text = `${JSON.stringify(marker, null, 1)}\n`;
    if (!isOver && (await this.store.create(markerKey(this.key), text))) return;
    if ((await this.marker())?.run === marker.run) return;
    throw busy(this.directory);
  }

  /** Parts that are replaced need not be deleted. */
  private async clear(files: readonly string[], isAll: boolean): Promise<void> {
    const prefix = `${this.key}/`;
    const { objects } = await this.store.list(prefix, isAll);
    const isOurs = (name: string): boolean =>
      name === commitName || name === markerFile || stagingName.test(name.split("/")[0]!);
    const goes = (name: string): boolean =>
      (isAll ? !isOurs(name) : /^part-\d+$/.test(name)) && !files.includes(name);
    await this.store.delete([...objects.keys()].filter((key) => goes(key.slice(prefix.length))));
  }

  /** Sizes of what attempts have written, by key. */
  private async staged(staging: string): Promise<Map<string, number>> {
    const { objects } = await this.store.list(`${staging}/`, true);
    const staged = new Map([...objects].map(([key, { size }]) => [key, size]));
    staged.delete(ownerKey(staging));
    return staged;
  }

  /** The owner's name last: what is without one is not swept. Uploads that nobody will end go first, with their parts. */
  private async deleteStaging(staging: string): Promise<void> {
    await this.abandonUploads(staging);
    await this.store.delete([...(await this.staged(staging)).keys()]);
    await this.store.delete([ownerKey(staging)]);
  }

  /** What is left of them costs space, and nothing else: not every right to write comes with that to list them. */
  private async abandonUploads(staging: string): Promise<void> {
    await this.store.abandonUploads(`${staging}/`).catch(() => {}); // the bucket's lifecycle rule ends them
  }

  private async deleteBelow(key: string): Promise<void> {
    const { objects } = await this.store.list(keyBelow(key, ""), true);
    await this.store.delete([...objects.keys()]);
  }
}

const isWithin = (url: string, prefix: string): boolean => url === prefix || url.startsWith(`${prefix}/`);

function parsed(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const busy = (directory: string): ShoalError =>
  new ShoalError("OUTPUT_BUSY", `another run has put its output into ${directory} meanwhile`);

const lost = (directory: string, key: string): ShoalError =>
  new ShoalError("OUTPUT_FAILED", `cannot publish the output ${directory}: ${key} is gone`, {
    hint: "Run the same command with --fresh.",
  });
