// A job: parameters with defaults, and a plan that is a pure function of them.

import type { Sink } from "./dataset.ts";

/** What a parameter can be. Its default gives its type, in TypeScript and on the command line. */
export type ParameterValue = string | number | boolean | readonly string[] | readonly number[];
// oxlint-disable-next-line no-explicit-any -- an interface with such properties must fit, and has no index signature
export type Parameters = { readonly [name: string]: any };

/** Where `job()` was called: the file, and the how-manieth call in it. Finds the same job on the other side. */
export interface JobOrigin {
  readonly file: string | null;
  readonly index: number;
}

export const jobBrand: unique symbol = Symbol.for("shoal.job") as never;

export interface Job<P extends Parameters = Parameters, R = unknown> {
  readonly [jobBrand]: true;
  readonly defaults: P;
  readonly plan: (parameters: P) => Sink<R>;
  readonly origin: JobOrigin;
}

/** By brand, not by class: the value may come from another copy of this package. */
export const isJob = (value: unknown): value is Job =>
  typeof value === "object" && value !== null && (value as Partial<Job>)[jobBrand] === true;

/** Parameters of a default such as `string[]`: literal types widened, so that other values may be passed. */
export type Widen<P> = {
  [K in keyof P]: P[K] extends string
    ? string
    : P[K] extends number
      ? number
      : P[K] extends boolean
        ? boolean
        : P[K] extends readonly string[]
          ? readonly string[]
          : P[K] extends readonly number[]
            ? readonly number[]
            : P[K];
};
