// What a search for input files needs of where they are: to look at a name, and to list what is below it. Directories of
// this machine here, stores in object-tree.ts, both under one set of names in places.ts.

import { accessSync, constants, lstatSync, readdirSync, type Dirent, type Stats } from "node:fs";
import { ShoalError } from "../../errors.ts";
import type { FilePlace, Place } from "../../protocol/place.ts";
import { requireRegular, showName, statOrNull, unreadable, type FileRef } from "./file.ts";
import type { NameEntry } from "./glob.ts";

export interface Look {
  readonly isDirectory: boolean;
  /** The same for the same directory, by whatever name. */
  readonly id: string;
}

/** `name` is what users see, in errors. */
export interface Tree<P extends Place> {
  /** Null: nothing is there. Follows links. INPUT_UNREADABLE. */
  look(name: string, place: P): Promise<Look | null>;
  /** What is directly below a directory. INPUT_UNREADABLE. */
  list(name: string, place: P): Promise<readonly NameEntry[]>;
  /** A file that can be read, as it is now. INPUT_UNREADABLE, INPUT_NOT_A_FILE, INPUT_CHANGED. */
  file(name: string, place: P): Promise<FileRef>;
}

export const gone = (name: string): ShoalError =>
  new ShoalError("INPUT_CHANGED", `${showName(name)} vanished while the input was planned`);

export class DirectoryTree implements Tree<FilePlace> {
  async look(name: string, { path }: FilePlace): Promise<Look | null> {
    const stats = statsOf(name, path);
    return stats === null ? null : { isDirectory: stats.isDirectory(), id: `${stats.dev}:${stats.ino}` };
  }

  async list(name: string, { path }: FilePlace): Promise<readonly NameEntry[]> {
    try {
      return readdirSync(path, { withFileTypes: true }).map(entryOf);
    } catch (error) {
      throw unreadable(name === "" ? "." : name, error);
    }
  }

  async file(name: string, { path }: FilePlace): Promise<FileRef> {
    const stats = statsOf(name, path);
    if (stats === null) throw vanished(name, path);
    requireRegular(name, stats);
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      throw unreadable(name, error);
    }
    return { name, path, size: stats.size, mtimeMs: stats.mtimeMs, ino: stats.ino };
  }
}

const entryOf = (entry: Dirent): NameEntry => ({
  name: entry.name,
  kind: entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other",
});

function statsOf(name: string, path: string): Stats | null {
  try {
    return statOrNull(path);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** A listed name that nothing answers to. */
function vanished(name: string, path: string): ShoalError {
  if (name.includes("\ufffd")) {
    return new ShoalError("INPUT_UNREADABLE", `the name ${showName(name)} is not valid UTF-8 on disk`, {
      hint: "Rename the file.",
    });
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    return new ShoalError("INPUT_UNREADABLE", `${showName(name)} is a symbolic link to nothing`, {
      hint: "Remove the link, or restore what it points to.",
    });
  }
  return gone(name);
}
