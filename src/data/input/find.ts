// From what a user wrote (paths, directories, globs, file: URLs) to the list of input files, in a fixed order: the
// patterns in the order given, the files of one pattern by the UTF-8 bytes of their names, each file once.
//
// A literal path wins over its reading as a glob, so that `app/[id]/page.ts` names a file. A directory is read with
// all below it, but for names that begin with "." or "_".

import { isAbsolute, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ShoalError } from "../../errors.ts";
import { noMounts, type MountTable } from "../../protocol/place.ts";
import { isUrl } from "../../store/mounts.ts";
import { showName, type FileRef } from "./file.ts";
import { hasMagic, matchNames, type NameEntry, type Names } from "./glob.ts";
import { compareUtf8 } from "./order.ts";
import { Places } from "./places.ts";

export interface FoundInput {
  readonly files: readonly FileRef[];
  /** What must not hold the output: directories that are read as such, and single files. Absolute, or URLs of stores. */
  readonly roots: readonly string[];
}

/**
 * INPUT_NOT_FOUND for a pattern without a file, INPUT_NOT_A_FILE, INPUT_UNREADABLE, STORE_FAILED. Relative to `directory`.
 */
export async function findInput(
  patterns: readonly string[],
  directory: string,
  mounts: MountTable = noMounts,
): Promise<FoundInput> {
  if (patterns.length === 0)
    throw new ShoalError("INPUT_NOT_FOUND", "no input was given: the list of patterns is empty");
  const finder = new Finder(directory, mounts);
  for (const pattern of patterns) await finder.add(pattern);
  return { files: [...finder.files.values()], roots: [...finder.roots] };
}

/** Files looked at before others get a turn. */
const filesPerTurn = 1024;

class Finder {
  /** By path: in the order of the first place. */
  readonly files = new Map<string, FileRef>();
  readonly roots = new Set<string>();
  private readonly directory: string;
  private readonly places: Places;
  private looked = 0;

  constructor(directory: string, mounts: MountTable) {
    this.directory = directory;
    this.places = new Places(directory, mounts);
  }

  async add(pattern: string): Promise<void> {
    const path = pathOf(pattern);
    const found = path === "" ? null : await this.places.look(path);
    const names = new Set<string>();
    if (found === null) await this.glob(path, pattern, names);
    else if (found.isDirectory) await this.walk(path, names, new Set());
    else names.add(path);
    if (found?.isDirectory === true && names.size === 0) {
      throw new ShoalError(
        "INPUT_NOT_FOUND",
        `the directory ${JSON.stringify(pattern)} holds no files (names that begin with "." or "_" are skipped); ` +
          `looked in ${this.places.textOf(path)}`,
        { details: { pattern, directory: this.directory } },
      );
    }
    if (found !== null) this.roots.add(this.places.textOf(path));
    for (const name of [...names].sort(compareUtf8)) await this.take(name, found === null);
  }

  private async take(name: string, isRoot: boolean): Promise<void> {
    const path = this.places.textOf(name);
    if (isRoot) this.roots.add(path);
    if (this.files.has(path)) return;
    this.files.set(path, await this.places.file(name));
    if (++this.looked % filesPerTurn === 0) await nextTurn();
  }

  /** Adds the names of all files below `name`. `above` are the directories that hold it, against loops of links. */
  private async walk(name: string, names: Set<string>, above: Set<string>): Promise<void> {
    const { id } = (await this.places.look(name)) ?? (await this.missing(name));
    if (above.has(id)) return;
    above.add(id);
    for (const entry of await this.list(name)) {
      if (entry.name.startsWith(".") || entry.name.startsWith("_")) continue;
      const child = childOf(name, entry.name);
      const isDirectory =
        entry.kind === "directory" || (entry.kind === "other" && (await this.places.isDirectory(child)));
      if (isDirectory) await this.walk(child, names, above);
      else names.add(child);
    }
    above.delete(id);
  }

  /** The existing directories that the pattern begins with are taken literally; the rest is matched below them. */
  private async glob(path: string, pattern: string, names: Set<string>): Promise<void> {
    const [root, rest] = rootOf(path);
    const segments = rest.split("/");
    let base = root;
    let at = 0;
    for (; at < segments.length - 1; at++) {
      const next = childOf(base, segments[at]!);
      if (!(await this.places.isDirectory(next))) break;
      base = next;
    }
    const below = segments.slice(at).join("/");
    const directories = new Set<string>();
    if (hasMagic(below)) {
      const found: {
        readonly name: string;
        readonly isDirectory: boolean | null;
        readonly isBelowAll: boolean;
      }[] = [];
      await matchNames(base, below, this.names(), ({ path: name, kind, isBelowAll }) => {
        found.push({ name, isDirectory: kind === "other" ? null : kind === "directory", isBelowAll });
      });
      for (const { name, isDirectory, isBelowAll } of found) {
        if (!(isDirectory ?? (await this.places.isDirectory(name)))) names.add(name);
        else if (!isBelowAll) directories.add(name);
      }
    }
    // a directory that matches is read as a directory, as when the shell had expanded the pattern
    for (const name of directories) await this.walk(name, names, new Set());
    if (names.size > 0) return;
    throw new ShoalError(
      "INPUT_NOT_FOUND",
      `no file matches ${JSON.stringify(pattern)} in ${this.directory}`,
      { details: { pattern, directory: this.directory } },
    );
  }

  /** Of a name that was listed: whoever is asked for its file says why there is nothing. */
  private async missing(name: string): Promise<never> {
    await this.places.file(name);
    throw new ShoalError("INPUT_CHANGED", `${showName(name)} changed while the input was planned`);
  }

  private async list(name: string): Promise<readonly NameEntry[]> {
    if (++this.looked % filesPerTurn === 0) await nextTurn();
    return await this.places.list(name);
  }

  /** Directories are listed once for all alternatives of a pattern. */
  private names(): Names {
    const listed = new Map<string, readonly NameEntry[]>();
    return {
      list: async (directory) => {
        const known = listed.get(directory);
        if (known !== undefined) return known;
        const entries = (await this.places.isDirectory(directory)) ? await this.list(directory) : [];
        listed.set(directory, entries);
        return entries;
      },
      exists: async (path) => (await this.places.look(path)) !== null,
      join: childOf,
    };
  }
}

/** What a name begins with that is no directory of its own, and the rest: "/" or "s3://bucket" or nothing. */
function rootOf(path: string): readonly [root: string, rest: string] {
  const [bucket] = (isUrl(path) ? /^[^:]+:\/\/[^/]*\/?/.exec(path) : null) ?? [];
  if (bucket !== undefined) return [bucket.replace(/\/$/, ""), path.slice(bucket.length)];
  return isAbsolute(path) ? ["/", path.slice(1)] : ["", path];
}

/** `directory` may be "", a name with or without slashes at its end, or "/". */
function childOf(directory: string, name: string): string {
  if (directory === "") return name;
  if (directory === ".") return name;
  const head = directory.replace(/\/+$/, "");
  return head === "" ? join("/", name) : `${head}/${name}`;
}

function pathOf(pattern: string): string {
  if (!pattern.startsWith("file:")) return pattern;
  try {
    return fileURLToPath(pattern);
  } catch (cause) {
    throw new ShoalError("INPUT_NOT_FOUND", `${JSON.stringify(pattern)} is no file: URL of this machine`, {
      cause,
    });
  }
}
