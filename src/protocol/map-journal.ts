// What the journal of a map that resumes holds, record by record. Plain data, JSON.

export type MapRecord =
  /** A process began to work on it, with the function's code of this hash: items of other code do not count. */
  | { readonly kind: "map-opened"; readonly code: string }
  | {
      readonly kind: "map-items";
      /** Their places in the input, from 0. */
      readonly items: readonly number[];
      /** Hashes of the items, by value (data/calls/argument-key.ts). */
      readonly inputs: readonly string[];
      /** Results, as node:v8 writes them, in base64; null: it failed. */
      readonly values: readonly (string | null)[];
    };
