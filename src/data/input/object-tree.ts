// Objects of a store as a tree: what is before a "/" in a key is a directory. One listing tells of all that is in it, and
// is remembered while one search lasts: a directory costs one request, once it was seen in the one above it.

import { ShoalError } from "../../errors.ts";
import type { ObjectPlace } from "../../protocol/place.ts";
import { placeText } from "../../store/mounts.ts";
import { commitName } from "../../store/objects/names.ts";
import type { Listing, ObjectInfo } from "../../store/objects/object-store.ts";
import { storeOf } from "../../store/objects/stores.ts";
import { showName, type FileRef } from "./file.ts";
import type { NameEntry } from "./glob.ts";
import { gone, type Look, type Tree } from "./tree.ts";

/** What a listing is asked for when it may be enough to know that there is something. */
const lookMax = 1000;

export class ObjectTree implements Tree<ObjectPlace> {
  /** By their URLs. Null: there is none. */
  private readonly objects = new Map<string, ObjectInfo | null>();
  /** Whole ones of what is directly below a prefix, by its URL. */
  private readonly listings = new Map<string, Listing>();

  async look(name: string, place: ObjectPlace): Promise<Look | null> {
    const { key } = place;
    const directory = { isDirectory: true, id: placeText(place) };
    if (key !== "" && !key.endsWith("/") && (await this.info(place)) !== null)
      return { isDirectory: false, id: "" };
    const prefix = prefixOf(key);
    const above = this.above(place);
    if (above !== undefined) return above.directories.includes(prefix) ? directory : null;
    const store = storeOf(place);
    if (!(await store.abilities()).list) {
      const text = `there is no file ${showName(name)}, and ${place.scheme}: stores have no listings`;
      throw new ShoalError("INPUT_NOT_FOUND", text, { hint: "Name each of its files, without patterns." });
    }
    const below = this.listingOf(place) ?? (await store.list(prefix, false, lookMax));
    if (below.isWhole) this.listings.set(urlOf(place, prefix), below);
    return below.objects.size + below.directories.length === 0 ? null : directory;
  }

  async list(name: string, place: ObjectPlace): Promise<readonly NameEntry[]> {
    const prefix = prefixOf(place.key);
    const listing = this.listingOf(place) ?? (await storeOf(place).list(prefix, false));
    this.listings.set(urlOf(place, prefix), listing);
    const { objects, directories } = listing;
    if (objects.has(prefix + commitName)) {
      throw new ShoalError("INPUT_CHANGED", `${showName(name)} is an output that is being put in its place`, {
        hint: "Run again in a moment. If whoever wrote it was cut off, run that job's command again: it goes on.",
      });
    }
    const entries: NameEntry[] = [];
    for (const key of objects.keys()) {
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
    const above = this.above(place);
    if (above !== undefined) return above.objects.get(place.key) ?? null;
    const url = placeText(place);
    const known = this.objects.get(url);
    if (known !== undefined) return known;
    const found = await storeOf(place).info(place.key);
    this.objects.set(url, found);
    return found;
  }

  private listingOf(place: ObjectPlace): Listing | undefined {
    return this.listings.get(urlOf(place, prefixOf(place.key)));
  }

  /** Of the directory that it is in, if that was listed. */
  private above(place: ObjectPlace): Listing | undefined {
    const key = place.key.replace(/\/$/, "");
    return key === "" ? undefined : this.listings.get(urlOf(place, key.slice(0, key.lastIndexOf("/") + 1)));
  }
}

const urlOf = (place: ObjectPlace, prefix: string): string => placeText({ ...place, key: prefix });

const prefixOf = (key: string): string => (key === "" || key.endsWith("/") ? key : `${key}/`);
