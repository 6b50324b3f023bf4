// All names of the input: files and objects, under the mounts that are set. A directory above a mount's prefix is there,
// and lists it, whether or not this machine has one.

import path from "node:path";
import type { MountTable, Place } from "../../protocol/place.ts";
import { isUrl, mountsBelow, placeOf, placeText } from "../../store/mounts.ts";
import type { FileRef } from "./file.ts";
import type { NameEntry } from "./glob.ts";
import { ObjectTree } from "./object-tree.ts";
import { DirectoryTree, type Look, type Tree } from "./tree.ts";

export class Places {
  private readonly directory: string;
  private readonly mounts: MountTable;
  private readonly trees = { file: new DirectoryTree(), object: new ObjectTree() };

  constructor(directory: string, mounts: MountTable) {
    this.directory = directory;
    this.mounts = mounts;
  }

  /** Where a name is, as text: the same for the same file. */
  textOf(name: string): string {
    return placeText(this.placeOf(name));
  }

  async look(name: string): Promise<Look | null> {
    const place = this.placeOf(name);
    const found = await this.treeOf(place).look(name, place);
    if (found !== null || this.mountsIn(name).length === 0) return found;
    return { isDirectory: true, id: placeText(place) };
  }

  async isDirectory(name: string): Promise<boolean> {
    return (await this.look(name))?.isDirectory === true;
  }

  async list(name: string): Promise<readonly NameEntry[]> {
    const place = this.placeOf(name);
    const mounted = this.mountsIn(name);
    const tree = this.treeOf(place);
    if (mounted.length === 0) return await tree.list(name, place);
    const entries = (await tree.look(name, place)) === null ? [] : await tree.list(name, place);
    return [
      ...entries.filter((entry) => !mounted.includes(entry.name)),
      ...mounted.map((mount): NameEntry => ({ name: mount, kind: "directory" })),
    ];
  }

  async file(name: string): Promise<FileRef> {
    const place = this.placeOf(name);
    return await this.treeOf(place).file(name, place);
  }

  private mountsIn(name: string): string[] {
    if (this.mounts.mounts.length === 0 || isUrl(name)) return [];
    return mountsBelow(path.resolve(this.directory, name), this.mounts);
  }

  private placeOf(name: string): Place {
    return placeOf(name, this.directory, this.mounts);
  }

  private treeOf(place: Place): Tree<Place> {
    return this.trees[place.kind] as Tree<Place>;
  }
}
