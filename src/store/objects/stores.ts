// The store that a place is in: S3, or what the storage library speaks. One for all of a thread: what it holds are
// connections. Loads nothing before it is asked.

import type { ObjectPlace } from "../../protocol/place.ts";
import { Bucket } from "./bucket.ts";
import { LibraryStore } from "./library-store.ts";
import type { ObjectStore } from "./object-store.ts";

const stores = new Map<string, ObjectStore>();

export function storeOf(place: Omit<ObjectPlace, "kind" | "key">): ObjectStore {
  const { scheme, bucket, store } = place;
  const key = JSON.stringify([scheme, bucket, store]);
  const known = stores.get(key) ?? (scheme === "s3" ? new Bucket(place) : new LibraryStore(place));
  stores.set(key, known);
  return known;
}
