// The calls of one memoized function: looked up in the result cache, and made where there is nothing.
//
// The key of a call is the function (its code with all that it reaches, and this node, since results are as its version
// writes them) and the arguments by value. Arguments are copied before anything is waited for: what is sent is what the
// key says, whatever the caller does with its objects meanwhile.
//
// Not here: what callers hold (memo.ts), batches of map() (kept-batch.ts), calls under way (flights.ts).

import { createHash } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { cloneAll } from "../../data/calls/buffers.ts";
import { argumentKey } from "../../data/calls/argument-key.ts";
import { readKept, writeKept } from "../../data/calls/kept-value.ts";
import { isMoved } from "../../data/calls/moved.ts";
import { requirePortable } from "../../data/portable.ts";
import type { CallHandle, Caller } from "../../driver/call-plane.ts";
import { ShoalError } from "../../errors.ts";
import type { CallForm, KeepLimits } from "../../protocol/calls.ts";
import { expired, failure, joined, type Flight } from "./flights.ts";
import type { CallOptions, InnerOptions } from "./options.ts";
import type { ModuleBundle } from "./remote-module.ts";
import { sharedCache, type SharedCache } from "./result-caches.ts";

/** Raised when the same call gets another key, or its result another form. */
const keyFormat = 1;

/** The function whose calls are kept. */
export interface KeptFunction {
  readonly name: string;
  load(): Promise<ModuleBundle>;
  start(
    form: CallForm,
    args: readonly unknown[],
    options: CallOptions,
    caller: Caller | null,
  ): CallHandle | Promise<CallHandle>;
}

/** Nothing is kept of a call. */
export const nothing: unique symbol = Symbol("nothing kept");

/** A function of this very code, and the cache that has its results. */
export class Kept {
  readonly ttlMs: number;
  private readonly cache: SharedCache;
  private readonly prefix: Buffer;

  constructor(cache: SharedCache, code: string, ttlMs: number) {
    this.cache = cache;
    this.prefix = digest([keyFormat, "call", process.version, process.platform, process.arch, code]);
    this.ttlMs = ttlMs;
  }

  get flights(): SharedCache["flights"] {
    return this.cache.flights;
  }

  /** VALUE_INVALID for arguments that cannot travel, and for those that are moved. */
  keyOf(args: readonly unknown[]): Buffer {
    for (let n = 0; n < args.length; n++) if (isMoved(args[n])) throw noMoves(`args[${n}]`);
    return argumentKey(this.prefix, args);
  }

  find(key: Buffer): unknown {
    const bytes = this.cache.results.get(key, this.ttlMs);
    return bytes === null ? nothing : readKept(bytes);
  }

  /** Keeps the value, and tells those who wait for it. */
  land(key: Buffer, flightKey: string, flight: Flight, value: unknown): void {
    const bytes = writeKept(value);
    if (bytes === null) {
      this.flights.end(flightKey, flight);
      return flight.settle({ kind: "value", copy: () => structuredClone(value) });
    }
    flight.settle({ kind: "value", copy: () => readKept(bytes) });
    // It can be joined until it can be found.
    void this.cache.results.put(key, bytes).then(() => this.flights.end(flightKey, flight));
  }
}

const digest = (parts: readonly unknown[]): Buffer =>
  createHash("sha256").update(JSON.stringify(parts)).digest();

export const flightKeyOf = (key: Buffer): string => key.toString("latin1");

export class KeptCalls {
  readonly fn: KeptFunction;
  readonly limits: KeepLimits;
  /** Null: not yet, or there is no cache here. */
  kept: Kept | null = null;
  /** How long a call of a batch lately took; at first a guess. */
  microsPerCall = 1000;
  private opening: Promise<Kept | null> | null = null;

  constructor(fn: KeptFunction, limits: KeepLimits) {
    this.fn = fn;
    this.limits = limits;
  }

  /** What is kept of a call, if that can be told at once; else `nothing`. */
  find(args: readonly unknown[]): unknown {
    return this.kept === null ? nothing : this.kept.find(this.kept.keyOf(args));
  }

  /** What the call gives, by whichever way. */
  async call(args: readonly unknown[], options: CallOptions, caller: Caller | null): Promise<unknown> {
    const own = copyOf(args);
    const kept = this.kept ?? (await this.open());
    if (kept === null) return await this.make(own, options, caller);
    const key = kept.keyOf(own);
    const flightKey = flightKeyOf(key);
    const endsAt = performance.now() + (options.deadlineMs ?? Infinity);
    for (;;) {
      options.signal?.throwIfAborted();
      const found = kept.find(key);
      if (found !== nothing) return found;
      const left = remaining(options, endsAt, this.fn.name);
      const flight = kept.flights.get(flightKey);
      if (flight === undefined) return await this.lead(kept, key, own, left, caller);
      const outcome = await joined(flight, options, endsAt, this.fn.name);
      if (outcome.kind === "value") return outcome.copy();
      if (outcome.kind === "failed") throw outcome.error;
    }
  }

  /** The cache and the function's key, once both are known; null: calls are just made. Never rejects. */
  async open(): Promise<Kept | null> {
    return (this.kept = await (this.opening ??= this.openNow()));
  }

  private async openNow(): Promise<Kept | null> {
    const bundle = await this.fn.load().catch(() => null); // the call itself tells
    if (bundle === null || bundle.hash === "") return null; // in a slot: the program looks, as `keep` says
    const cache = await sharedCache(path.dirname(path.dirname(bundle.file)), this.limits.bytesMax ?? null);
    if (cache === null) return null;
    return new Kept(cache, await codeOf(bundle, this.fn.name, cache), this.limits.ttlMs ?? Infinity);
  }

  private async lead(
    kept: Kept,
    key: Buffer,
    args: readonly unknown[],
    options: CallOptions,
    caller: Caller | null,
  ): Promise<unknown> {
    const flightKey = flightKeyOf(key);
    const flight = kept.flights.begin(flightKey);
    try {
      const value = await this.make(args, options, caller);
      kept.land(key, flightKey, flight, value);
      return value;
    } catch (error) {
      kept.flights.end(flightKey, flight);
      flight.settle(failure(error, options));
      throw error;
    }
  }

  /** The options of calls that are made. */
  inner(options: CallOptions): InnerOptions {
    return { ...options, keep: this.limits };
  }

  private async make(
    args: readonly unknown[],
    options: CallOptions,
    caller: Caller | null,
  ): Promise<unknown> {
    const handle = await this.fn.start("call", args, this.inner(options), caller);
    const value = await handle.promise;
    if (handle.isStream !== true) return value;
    handle.stop?.();
    throw noStreams(this.fn.name);
  }
}

/** The hash of the function's code: known from an earlier process, or made now. */
async function codeOf(bundle: ModuleBundle, name: string, { results }: SharedCache): Promise<string> {
  const key = digest([keyFormat, "code", bundle.hash, name]);
  const known = results.get(key, Infinity);
  if (known !== null) return Buffer.from(known).toString("hex");
  const { functionHash } = await import("../../bundle/function-hash.ts");
  const { hash, isOwn } = await functionHash(bundle, name);
  if (isOwn) void results.put(key, Buffer.from(hash, "hex"));
  return hash;
}

/** What is left of the deadline. */
export function remaining(options: CallOptions, endsAt: number, name: string): CallOptions {
  if (options.deadlineMs === undefined) return options;
  const deadlineMs = endsAt - performance.now();
  if (deadlineMs <= 0) throw expired(name, options.deadlineMs, false);
  return { ...options, deadlineMs };
}

/** The arguments as they are now. VALUE_INVALID for those that cannot travel, and for what is moved. */
export function copyOf(args: readonly unknown[]): readonly unknown[] {
  let isFlat = true;
  for (const [n, arg] of args.entries()) {
    if (isMoved(arg)) throw noMoves(`args[${n}]`);
    requirePortable(arg, `args[${n}]`);
    if (typeof arg === "object") isFlat = false;
  }
  return isFlat ? args : cloneAll(args, []);
}

const noMoves = (at: string): ShoalError =>
  new ShoalError("VALUE_INVALID", `${at} is moved: arguments of a memoized function are compared, and stay`, {
    hint: "Pass it without move(), or call the function without memo().",
  });

export const noStreams = (name: string): ShoalError =>
  new ShoalError("VALUE_INVALID", `${name} gives a stream: memo() keeps values`, {
    hint: "Let the function return an array, or call it without memo().",
  });
