// Where bytes are: in a file of this machine, or in an object of a store. Plain data, which travels in splits and
// assignments; credentials never do: each machine has its own.

/** How a store is reached. Null: as the machine's environment says. */
export interface StoreSettings {
  /** For instance "http://127.0.0.1:9000": a server that speaks as the store does. */
  readonly endpoint: string | null;
  readonly region: string | null;
  /** What else its scheme takes, none of it secret (store/objects/schemes.ts). */
  readonly options?: Readonly<Record<string, string>>;
}

/** A prefix of paths that stands for a place in a store, or for another directory. */
export interface Mount extends StoreSettings {
  /** Absolute, for instance "/data". */
  readonly prefix: string;
  /** "s3://bucket/prefix", or an absolute directory. */
  readonly target: string;
}

/** The longest prefix comes first. */
export interface MountTable {
  readonly mounts: readonly Mount[];
  /** Of names that are URLs themselves, by their scheme. */
  readonly stores: Readonly<Record<string, StoreSettings>>;
}

export interface FilePlace {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
}

export interface ObjectPlace {
  readonly kind: "object";
  /** "s3", "azblob" … */
  readonly scheme: string;
  /** A bucket or container; of stores that have none, the server: "host:port". */
  readonly bucket: string;
  /** Without a slash at its beginning; "" is the bucket itself. */
  readonly key: string;
  readonly store: StoreSettings;
}

export type Place = FilePlace | ObjectPlace;

export const noMounts: MountTable = { mounts: [], stores: {} };
