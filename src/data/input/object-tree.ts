// Objects of a store as a tree: what is before a "/" in a key is a directory. One listing tells of all objects in it, and
// is remembered while one search lasts.

import { ShoalError } from "../../errors.ts";
import type { ObjectPlace } from "../../protocol/place.ts";
import { placeText } from "../../store/mounts.ts";
import { bucketOf, type ObjectInfo } from "../../store/objects/bucket.ts";
import { commitName } from "../../store/objects/names.ts";
import { showName, type FileRef } from "./file.ts";
import type { NameEntry } from "./glob.ts";
import { gone, type Look, type Tree } from "./tree.ts";

export class ObjectTree implements Tree<ObjectPlace> {
  /** By their URLs. Null: there is none. */
  private readonly objects = new Map<string, ObjectInfo | null>();

  async look(_name: string, place: ObjectPlace): Promise<Look | null> {
    const { key } = place;
    if (key !== "" && !key.endsWith("/") && (await this.info(place)) !== null)
      return { isDirectory: false, id: "" };
    const below = await bucketOf(place).list(prefixOf(key), false, 1);
    if (below.objects.size + below.directories.length === 0) return null;
    return { isDirectory: true, id: placeText(place) };
  }

  async list(name: string, place: ObjectPlace): Promise<readonly NameEntry[]> {
    const prefix = prefixOf(place.key);
    const { objects, directories } = await bucketOf(place).list(prefix, false);
    if (objects.has(prefix + commitName)) {
      throw new ShoalError("INPUT_CHANGED", `${showName(name)} is an output that is being put in its place`, {
        hint: "Run again in a moment. If whoever wrote it was cut off, run that job's command again: it goes on.",
      });
    }
    const entries: NameEntry[] = [];
    for (const [key, info] of objects) {
      this.objects.set(placeText({ ...place, key }), info);
      // one with a "/" at its end stands for a directory that is there anyway
      if (!key.endsWith("/")) entries.push({ name: key.slice(prefix.length), kind: "file" });
    }
    for (const directory of directories)
      entries.push({ name: directory.slice(prefix.length, -1), kind: "directory" });
    return entries;
  }

  async file(name: string, place: ObjectPlace): Promise<FileRef> {
    const info = await this.info(place);
    if (info === null) throw gone(name);
    const { size, etag } = info;
    return { name, path: placeText(place), size, mtimeMs: 0, ino: 0, object: { place, etag } };
  }

  private async info(place: ObjectPlace): Promise<ObjectInfo | null> {
    const url = placeText(place);
    const known = this.objects.get(url);
    if (known !== undefined) return known;
    const found = await bucketOf(place).info(place.key);
    this.objects.set(url, found);
    return found;
  }
}

const prefixOf = (key: string): string => (key === "" || key.endsWith("/") ? key : `${key}/`);
