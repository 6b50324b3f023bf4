// Where bytes are: in a file of this machine, or in an object of a store. Plain data, which travels in splits and
// assignments; credentials never do: each machine has its own.

/** How a store is reached. Null: as the machine's environment says. */
export interface StoreSettings {
  /** For instance "http://127.0.0.1:9000": a server that speaks S3. Null: Amazon's. */
  readonly endpoint: string | null;
  readonly region: string | null;
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
  /** Of names that are `s3:` URLs themselves. */
  readonly s3: StoreSettings;
}

export interface FilePlace {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
}

export interface ObjectPlace {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without a slash at its beginning; "" is the bucket itself. */
  readonly key: string;
  readonly store: StoreSettings;
}

export type Place = FilePlace | ObjectPlace;

export const noMounts: MountTable = { mounts: [], s3: { endpoint: null, region: null } };
