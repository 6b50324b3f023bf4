// memo(): a remote function whose results are kept on disk, for this run and later ones.
//
// Not here: keys and calls (kept-calls.ts), the cache (store/result-cache.ts).

import type { CallHandle } from "../../driver/call-plane.ts";
import { ShoalError } from "../../errors.ts";
import { caller } from "./caller.ts";
import { startKept } from "./kept-batch.ts";
import { KeptCalls, noStreams, nothing } from "./kept-calls.ts";
import { check } from "../option-checks.ts";
import type { CallOptions } from "./options.ts";
import {
  asResult,
  remoteOf,
  remotePlace,
  type AnyFunction,
  type RemoteFunction,
  type RemoteRef,
} from "./remote.ts";

export interface MemoOptions {
  /** A result is used for so many milliseconds after it was made. Default: for ever. Above 0. */
  readonly ttlMs?: number;
  /**
   * Bytes that the cache of this state directory may have, with the results of all functions: what was not used for
   * longest goes first. Where functions ask for different bounds, the largest counts. Default 1 GiB. At least 1 MiB.
   */
  readonly bytesMax?: number;
}

const bytesMaxMin = 2 ** 20;

/**
 * The same remote function, which is called only if the result for these arguments is not known yet: from an earlier call
 * here, in another slot or process, or in an earlier run. Results are kept in the state directory, by the function's code
 * with everything that it imports, and by the arguments' values. So a change of the function, or of anything that it
 * calls or reads as a module, is a new function; a change of a comment, or of another function beside it, is not.
 *
 * For functions whose result depends on nothing else: the cache does not see the environment, the clock, the network, and
 * files that are read at run time. Errors are not kept. Equal calls that are made at the same time are made once.
 *
 * Errors: VALUE_INVALID for what is no remote function, for arguments that are moved, and for functions that give streams;
 * BAD_OPTION. A cache that cannot be used is none: it warns once, and the function is called.
 *
 * @example
 * const { resize } = shoal.use<typeof import("./images.ts")>(new URL("./images.ts", import.meta.url));
 * const small = await memo(resize, { ttlMs: 86_400_000 })(photo, 200);
 */
export function memo<F extends AnyFunction>(
  fn: RemoteFunction<F>,
  options: MemoOptions = {},
): RemoteFunction<F> {
  const { ttlMs, bytesMax } = options;
  const ref = remoteOf(fn, "the function of memo()");
  check(
    ttlMs === undefined || (typeof ttlMs === "number" && ttlMs > 0),
    "ttlMs",
    ttlMs,
    "a number of milliseconds above 0",
  );
  check(
    bytesMax === undefined || (Number.isSafeInteger(bytesMax) && bytesMax >= bytesMaxMin),
    "bytesMax",
    bytesMax,
    `an integer of at least ${bytesMaxMin}`,
  );
  const { module, name, start } = ref;
  const calls = new KeptCalls({ name, load: () => module.load(), start }, options);
  return memoized(ref, fn, calls) as RemoteFunction<F>;
}

function memoized(ref: RemoteRef, fn: RemoteFunction<never>, calls: KeptCalls): RemoteFunction<never> {
  const { module, name, options } = ref;
  if (options.transfer !== undefined) {
    throw new ShoalError(
      "BAD_OPTION",
      `${name} has the option transfer: arguments of a memoized function are compared, and stay`,
    );
  }
  const make = (args: readonly unknown[]): Promise<unknown> => {
    try {
      const found = options.signal?.aborted === true ? nothing : calls.find(args);
      return found === nothing ? calls.call(args, options, caller()) : Promise.resolve(found);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  const call = (...args: unknown[]): Promise<unknown> => asResult(new KeptHandle(make(args), name));
  const start: RemoteRef["start"] = (form, args, more, from) =>
    new KeptHandle(startKept(calls, form, args, more, from), name);
  return Object.assign(call, {
    with: (more: CallOptions) => {
      const bound = fn.with(more);
      return memoized(remoteOf(bound, "the function of memo()"), bound, calls);
    },
    [remotePlace]: { module, name, options, start } satisfies RemoteRef,
  }) as unknown as RemoteFunction<never>;
}

/** What a call gives: a promise; whoever reads it as a stream is told that there is none. */
class KeptHandle implements CallHandle {
  readonly promise: Promise<unknown>;
  private readonly name: string;

  constructor(promise: Promise<unknown>, name: string) {
    this.promise = promise;
    this.name = name;
  }

  // oxlint-disable-next-line require-yield -- it has nothing to give
  async *stream(): AsyncGenerator<unknown, void, undefined> {
    this.promise.catch(() => {}); // told here
    throw noStreams(this.name);
  }

  stop(): void {
    this.promise.catch(() => {}); // of no interest any more
  }
}
