// What is asked of a store, whoever answers: S3 by its own client (bucket.ts), the others through the optional storage
// library (library-store.ts). One suite tries all of them: test/conformance/stores.ts.
//
// What whoever uses a store can rely on
//   1  A listing and a read see what was written before.
//   2  Bytes that were read for an ETag are those of the object that had it, or the answer is null. Where a store's own
//      conditions do not give that, the object is looked at again after it was read.
//   3  Of those who create an object, one does. Only where `abilities().output` is true; no output goes elsewhere.
//   4  An object that is written, copied or uploaded appears whole, or is as it was.
//   5  What fails on its way is tried again for some 15 seconds, then STORE_FAILED; what is refused is STORE_REFUSED at once.

export interface ObjectInfo {
  readonly size: number;
  /** Changes when the object's bytes do: the store's ETag, else what it tells of time and size. */
  readonly etag: string;
}

export interface Listing {
  readonly objects: ReadonlyMap<string, ObjectInfo>;
  /** What stands for directories: prefixes up to the next "/". */
  readonly directories: readonly string[];
  /** False: `atMost` ended it early. */
  readonly isWhole: boolean;
}

/** What not every store can do. */
export interface Abilities {
  /** False: objects are named one by one. */
  readonly list: boolean;
  /** Creates once, and copies by itself: what a commit needs. */
  readonly output: boolean;
}

export interface ObjectStore {
  abilities(): Promise<Abilities>;
  /** Null: there is none. */
  info(key: string): Promise<ObjectInfo | null>;
  /**
   * What is below a prefix, which is "" or ends with "/": with `isDeep` all of it, else up to the next "/". `atMost` ends
   * it early; there can be some more.
   */
  list(prefix: string, isDeep: boolean, atMost?: number): Promise<Listing>;
  /** The bytes [from, to) of the object as it was with that ETag (null: any). Null: it is another one now, or gone. */
  read(
    key: string,
    etag: string | null,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<Buffer | null>;
  /** Whole small objects. Null: there is none. */
  readText(key: string): Promise<string | null>;
  write(key: string, text: string): Promise<void>;
  /** False: there was one already, with another text. */
  create(key: string, text: string): Promise<boolean>;
  /** A file as an object, in parts if it is large. */
  upload(key: string, file: string, signal?: AbortSignal): Promise<void>;
  /** On the store's side. False: there is nothing to copy. */
  copy(from: string, to: string, size: number): Promise<boolean>;
  /** Those that are not there, too. */
  delete(keys: readonly string[]): Promise<void>;
  /** Gives up uploads in parts below a prefix that were begun and not ended, where the store keeps their parts until then. */
  abandonUploads(prefix: string): Promise<void>;
}
