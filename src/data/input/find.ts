// From what a user wrote (paths, directories, globs, file: URLs) to the list of input files, in a fixed order: the
// patterns in the order given, the files of one pattern by the UTF-8 bytes of their names, each file once.
//
// A literal path wins over its reading as a glob, so that `app/[id]/page.ts` names a file. A directory is read with
// all below it, but for names that begin with "." or "_".

import { accessSync, constants, lstatSync, readdirSync, type Dirent, type Stats } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ShoalError } from "../../errors.ts";
import { requireRegular, showName, statOrNull, unreadable, type FileRef } from "./file.ts";
import { hasMagic, matchNames, type NameEntry, type Names } from "./glob.ts";
import { compareUtf8 } from "./order.ts";

export interface FoundInput {
  readonly files: readonly FileRef[];
  /** What must not hold the output: directories that are read as such, and single files. Absolute. */
  readonly roots: readonly string[];
}

/** INPUT_NOT_FOUND for a pattern without a file, INPUT_NOT_A_FILE, INPUT_UNREADABLE. Relative to `directory`. */
export async function findInput(patterns: readonly string[], directory: string): Promise<FoundInput> {
  if (patterns.length === 0)
    throw new ShoalError("INPUT_NOT_FOUND", "no input was given: the list of patterns is empty");
  const finder = new Finder(directory);
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
  private looked = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  async add(pattern: string): Promise<void> {
    const path = pathOf(pattern);
    const stats = path === "" ? null : lookAt(path, this.absolute(path));
    const names = new Set<string>();
    if (stats === null) await this.glob(path, pattern, names);
    else if (stats.isDirectory()) await this.walk(path, names, new Set());
    else names.add(path);
    if (stats?.isDirectory() === true && names.size === 0) {
      throw new ShoalError(
        "INPUT_NOT_FOUND",
        `the directory ${JSON.stringify(pattern)} holds no files (names that begin with "." or "_" are skipped); ` +
          `looked in ${this.absolute(path)}`,
        { details: { pattern, directory: this.directory } },
      );
    }
    if (stats !== null) this.roots.add(this.absolute(path));
    for (const name of [...names].sort(compareUtf8)) await this.take(name, stats === null);
  }

  private async take(name: string, isRoot: boolean): Promise<void> {
    const path = this.absolute(name);
    if (isRoot) this.roots.add(path);
    if (this.files.has(path)) return;
    const stats = lookAt(name, path) ?? vanished(name, path);
    requireRegular(name, stats);
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      throw unreadable(name, error);
    }
    this.files.set(path, { name, path, size: stats.size, mtimeMs: stats.mtimeMs, ino: stats.ino });
    if (++this.looked % filesPerTurn === 0) await nextTurn();
  }

  /** Adds the names of all files below `name`. `above` are the directories that hold it, against loops of links. */
  private async walk(name: string, names: Set<string>, above: Set<string>): Promise<void> {
    const path = this.absolute(name);
    const { dev, ino } = lookAt(name, path) ?? vanished(name, path);
    const id = `${dev}:${ino}`;
    if (above.has(id)) return;
    above.add(id);
    for (const entry of await this.list(name)) {
      if (entry.name.startsWith(".") || entry.name.startsWith("_")) continue;
      const child = childOf(name, entry.name);
      const isDirectory = entry.isSymbolicLink()
        ? (lookAt(child, this.absolute(child)) ?? vanished(child, this.absolute(child))).isDirectory()
        : entry.isDirectory();
      if (isDirectory) await this.walk(child, names, above);
      else names.add(child);
    }
    above.delete(id);
  }

  /** The existing directories that the pattern begins with are taken literally; the rest is matched below them. */
  private async glob(path: string, pattern: string, names: Set<string>): Promise<void> {
    const segments = path.split("/");
    let base = isAbsolute(path) ? "/" : "";
    let at = isAbsolute(path) ? 1 : 0;
    for (; at < segments.length - 1; at++) {
      const next = childOf(base, segments[at]!);
      if (lookAt(next, this.absolute(next))?.isDirectory() !== true) break;
      base = next;
    }
    const rest = segments.slice(at).join("/");
    const directories = new Set<string>();
    if (hasMagic(rest)) {
      await matchNames(base, rest, this.names(), ({ path: name, kind, isBelowAll }) => {
        const isDirectory =
          kind === "directory" ||
          (kind === "other" && lookAt(name, this.absolute(name))?.isDirectory() === true);
        if (!isDirectory) names.add(name);
        else if (!isBelowAll) directories.add(name);
      });
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

  private async list(name: string): Promise<Dirent[]> {
    if (++this.looked % filesPerTurn === 0) await nextTurn();
    try {
      return readdirSync(this.absolute(name), { withFileTypes: true });
    } catch (error) {
      throw unreadable(name === "" ? "." : name, error);
    }
  }

  /** Directories are listed once for all alternatives of a pattern. */
  private names(): Names {
    const listed = new Map<string, readonly NameEntry[]>();
    return {
      list: async (directory) => {
        const known = listed.get(directory);
        if (known !== undefined) return known;
        const isDirectory = lookAt(directory, this.absolute(directory))?.isDirectory() === true;
        const entries = isDirectory ? (await this.list(directory)).map(entryOf) : [];
        listed.set(directory, entries);
        return entries;
      },
      exists: (path) => lookAt(path, this.absolute(path)) !== null,
      join: childOf,
    };
  }

  private absolute(name: string): string {
    return resolve(this.directory, name);
  }
}

const entryOf = (entry: Dirent): NameEntry => ({
  name: entry.name,
  kind: entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other",
});

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

function lookAt(name: string, path: string): Stats | null {
  try {
    return statOrNull(path);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** A listed name that nothing answers to. */
function vanished(name: string, path: string): never {
  if (name.includes("\ufffd")) {
    throw new ShoalError("INPUT_UNREADABLE", `the name ${showName(name)} is not valid UTF-8 on disk`, {
      hint: "Rename the file.",
    });
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    throw new ShoalError("INPUT_UNREADABLE", `${showName(name)} is a symbolic link to nothing`, {
      hint: "Remove the link, or restore what it points to.",
    });
  }
  throw new ShoalError("INPUT_CHANGED", `${showName(name)} vanished while the input was planned`);
}
