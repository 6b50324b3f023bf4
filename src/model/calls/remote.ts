// Remote functions: what use() gives for each function that a module exports. Calling one makes a call on the plane; what
// is called, with what options, is bound to it.
//
// Not here: the module's bundle (remote-module.ts), who runs it (driver/call-plane.ts).

import { isMoved, requirePresent, transferables } from "../../data/calls/moved.ts";
import { requirePortable } from "../../data/portable.ts";
import { ShoalError } from "../../errors.ts";
import type { CallHandle, Caller } from "../../driver/call-plane.ts";
import type { CallForm } from "../../protocol/calls.ts";
import { caller } from "./caller.ts";
import { checkCallOptions, type CallOptions } from "./options.ts";
import type { RemoteModule } from "./remote-module.ts";

/** What a remote function's call gives: a stream for generators and async iterables, else a promise. */
export type RemoteResult<R> = 0 extends 1 & R
  ? Promise<R>
  : [R] extends [never]
    ? Promise<never>
    : Awaited<R> extends AsyncIterable<infer T>
      ? AsyncGenerator<T, void, undefined>
      : Awaited<R> extends Iterator<infer T, unknown, never>
        ? AsyncGenerator<T, void, undefined>
        : Promise<Awaited<R>>;

// oxlint-disable-next-line no-explicit-any -- any function
export type AnyFunction = (...args: any[]) => unknown;

/** A function of a module that runs in a slot. */
export interface RemoteFunction<F extends AnyFunction = AnyFunction> {
  (...args: Parameters<F>): RemoteResult<ReturnType<F>>;
  /** The same function with options bound to it; what is not given stays as it is. */
  with(options: CallOptions): RemoteFunction<F>;
  readonly [remotePlace]: RemoteRef;
}

/** Every function that a module exports, as its remote self. */
export type Remote<M> = {
  readonly [Name in keyof M as M[Name] extends AnyFunction ? Name : never]: M[Name] extends AnyFunction
    ? RemoteFunction<M[Name]>
    : never;
};

export const remotePlace: unique symbol = Symbol.for("shoal.remote") as never;

/** What a remote function stands for. */
export interface RemoteRef {
  readonly module: RemoteModule;
  readonly name: string;
  readonly options: CallOptions;
  /** Makes a call of any form. Never throws: what is wrong rejects. */
  start(form: CallForm, args: readonly unknown[], options: CallOptions, caller: Caller | null): CallHandle;
}

/** The reference behind a remote function; VALUE_INVALID for anything else. */
export function remoteOf(fn: unknown, at: string): RemoteRef {
  const ref = typeof fn === "function" ? (fn as Partial<RemoteFunction>)[remotePlace] : undefined;
  if (ref !== undefined) return ref;
  const received = typeof fn === "function" ? "a function of this thread" : fn === null ? "null" : typeof fn;
  throw new ShoalError("VALUE_INVALID", `${at} must be a remote function, received ${received}`, {
    hint: 'Take it from use(): shoal.use<typeof import("./images.ts")>(new URL("./images.ts", import.meta.url)).',
  });
}

const handlePlace = Symbol("shoal.handle");
const streamPlace = Symbol("shoal.stream");

type Stream = AsyncGenerator<unknown, void, undefined>;

/** What a call returns: a promise that can also be read as a stream, since only its function knows which it is. */
interface CallPromise extends Promise<unknown>, Pick<Stream, "next" | "return" | "throw"> {
  [handlePlace]: CallHandle;
  /** Made when it is first read. */
  [streamPlace]?: Stream;
  [Symbol.asyncIterator](): CallPromise;
}

export function asResult(handle: CallHandle): CallPromise {
  const promise = handle.promise as CallPromise;
  promise[handlePlace] = handle;
  promise[Symbol.asyncIterator] = itself;
  promise.next = next;
  promise.return = leave;
  promise.throw = fail;
  return promise;
}

function itself(this: CallPromise): CallPromise {
  return this;
}

function next(this: CallPromise): Promise<IteratorResult<unknown, void>> {
  return (this[streamPlace] ??= this[handlePlace].stream()).next();
}

async function leave(this: CallPromise): Promise<IteratorResult<unknown, void>> {
  if (this[streamPlace] === undefined) {
    this[handlePlace].stop?.();
    this[streamPlace] = noItems();
  }
  return await this[streamPlace].return();
}

async function fail(this: CallPromise, error: unknown): Promise<IteratorResult<unknown, void>> {
  await leave.call(this);
  throw error;
}

async function* noItems(): Stream {}

export function remoteFunction(module: RemoteModule, name: string, options: CallOptions): RemoteFunction {
  checkCallOptions(options);
  const start: RemoteRef["start"] = (form, args, more, from) => {
    try {
      const { values, transfer } = prepare(args, more.transfer);
      return module.start({ name, form, args: values, transfer, options: more, caller: from });
    } catch (error) {
      return failed(error);
    }
  };
  const call = (...args: unknown[]): CallPromise => {
    return asResult(start("call", args, options, caller()));
  };
  const ref: RemoteRef = { module, name, options, start };
  return Object.assign(call, {
    with: (more: CallOptions) => remoteFunction(module, name, { ...options, ...more }),
    [remotePlace]: ref,
  }) as unknown as RemoteFunction;
}

const failed = (error: unknown): CallHandle => ({
  promise: Promise.reject(error),
  // oxlint-disable-next-line require-yield -- it has nothing to give
  async *stream() {
    throw error;
  },
});

const noTransfer: readonly ArrayBuffer[] = [];

/** What travels, and what changes hands. VALUE_INVALID, with the path, for what cannot travel. */
function prepare(
  args: readonly unknown[],
  transferred: CallOptions["transfer"],
): { values: readonly unknown[]; transfer: readonly ArrayBuffer[] } {
  let values: unknown[] | null = null;
  let transfer: Set<ArrayBuffer> | null = null;
  for (let n = 0; n < args.length; n++) {
    const arg = args[n];
    if ((typeof arg !== "object" || arg === null) && typeof arg !== "function" && typeof arg !== "symbol")
      continue;
    if (isMoved(arg)) {
      values ??= [...args];
      values[n] = arg.value;
      transfer ??= new Set();
      for (const buffer of transferables(arg.value, `args[${n}]`)) transfer.add(buffer);
      requirePortable(arg.value, `args[${n}]`);
    } else requirePortable(arg, `args[${n}]`);
  }
  if (transferred !== undefined) {
    transfer ??= new Set();
    for (const [n, buffer] of transferred.entries()) {
      requirePresent(buffer, `transfer[${n}]`);
      transfer.add(buffer);
    }
  }
  return { values: values ?? args, transfer: transfer === null ? noTransfer : [...transfer] };
}
