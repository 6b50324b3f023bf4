// A batch of map() over a memoized function: what is kept is taken, the rest is called as one smaller batch. An item that
// comes twice, or is being called elsewhere, is not called again.

import { fromThrown, toThrown } from "../../data/calls/thrown.ts";
import type { Caller } from "../../driver/call-plane.ts";
import type { BatchResult, CallForm, Thrown } from "../../protocol/calls.ts";
import { failure, joined, type Flight } from "./flights.ts";
import { copyOf, flightKeyOf, nothing, remaining, type Kept, type KeptCalls } from "./kept-calls.ts";
import type { CallOptions } from "./options.ts";

/** An item of which nothing is kept. */
interface Missing {
  readonly at: number;
  readonly item: unknown;
  readonly key: Buffer;
  readonly flight: Flight;
}

interface Sorted {
  readonly values: unknown[];
  /** To be called by us. */
  readonly led: readonly Missing[];
  /** Called by others, or by us for an equal item. */
  readonly awaited: readonly Missing[];
}

/** A call of any form. */
export async function startKept(
  calls: KeptCalls,
  form: CallForm,
  args: readonly unknown[],
  options: CallOptions,
  caller: Caller | null,
): Promise<unknown> {
  if (form === "call") return await calls.call(args, options, caller);
  return await keptBatch(calls, form, args[0] as readonly unknown[], options, caller);
}

/** Calls of form "each" or "until": BatchResults as calls of the function itself give them. */
async function keptBatch(
  calls: KeptCalls,
  form: CallForm,
  items: readonly unknown[],
  options: CallOptions,
  caller: Caller | null,
): Promise<BatchResult> {
  const endsAt = performance.now() + (options.deadlineMs ?? Infinity);
  const start = async (some: readonly unknown[]): Promise<BatchResult> => {
    const inner = calls.inner(remaining(options, endsAt, calls.fn.name));
    const handle = await calls.fn.start(form, [some], inner, caller);
    return (await handle.promise) as BatchResult;
  };
  let own = items;
  if (calls.kept === null) {
    own = copyOf(items);
    if ((await calls.open()) === null) return await start(own);
  }
  const kept = calls.kept!;
  const { values, led, awaited } = sort(kept, own);
  const failures = new Map<number, Thrown>();
  if (led.length > 0) {
    const result = await start(led.map(({ item }) => item)).catch((error: unknown) => {
      for (const missing of led) giveUp(kept, missing, error, options);
      throw error;
    });
    calls.microsPerCall = result.runMicros / Math.max(1, result.values.length);
    landAll(kept, led, result, values, failures);
  }
  for (const { at, item, flight } of awaited) {
    if (form === "until" && [...failures.keys()].some((failed) => failed < at)) continue; // not read any more
    const outcome = await joined(flight, options, endsAt, calls.fn.name);
    if (outcome.kind === "value") values[at] = outcome.copy();
    else if (outcome.kind === "failed") failures.set(at, toThrown(outcome.error));
    else {
      const left = remaining(options, endsAt, calls.fn.name);
      await calls.call([item], left, caller).then(
        (value) => (values[at] = value),
        (error: unknown) => failures.set(at, toThrown(error)),
      );
    }
  }
  // As if all had been called: map() makes its batches as large as calls allow.
  return resultOf(form, values, failures, calls.microsPerCall * items.length);
}

/** In one go: what is called is what the keys were made of. */
function sort(kept: Kept, items: readonly unknown[]): Sorted {
  const keys = items.map((item) => kept.keyOf([item]));
  const values: unknown[] = [];
  const led: Missing[] = [];
  const awaited: Missing[] = [];
  for (const [at, key] of keys.entries()) {
    const found = kept.find(key);
    values.push(found === nothing ? undefined : found);
    if (found !== nothing) continue;
    const flightKey = flightKeyOf(key);
    const flight = kept.flights.get(flightKey);
    const item = items[at];
    if (flight !== undefined) awaited.push({ at, key, item, flight });
    else led.push({ at, key, item, flight: kept.flights.begin(flightKey) });
  }
  try {
    const copied = copyOf(led.map(({ item }) => item));
    return { values, led: led.map((missing, n) => ({ ...missing, item: copied[n] })), awaited };
  } catch (error) {
    for (const missing of led) giveUp(kept, missing, error, {});
    throw error;
  }
}

function landAll(
  kept: Kept,
  led: readonly Missing[],
  result: BatchResult,
  values: unknown[],
  failures: Map<number, Thrown>,
): void {
  const failed = new Map(result.failures.map(({ at, thrown }) => [at, thrown]));
  for (const [n, missing] of led.entries()) {
    const { at, key, flight } = missing;
    const thrown = failed.get(n);
    if (thrown !== undefined) {
      failures.set(at, thrown);
      giveUp(kept, missing, fromThrown(thrown, null), {});
    } else if (n < result.values.length) {
      values[at] = result.values[n];
      kept.land(key, flightKeyOf(key), flight, values[at]);
    } else {
      // Not called any more, after one that failed.
      kept.flights.end(flightKeyOf(key), flight);
      flight.settle({ kind: "given-up" });
    }
  }
}

function giveUp(kept: Kept, { key, flight }: Missing, error: unknown, options: CallOptions): void {
  kept.flights.end(flightKeyOf(key), flight);
  flight.settle(failure(error, options));
}

function resultOf(
  form: CallForm,
  values: readonly unknown[],
  failures: ReadonlyMap<number, Thrown>,
  runMicros: number,
): BatchResult {
  const sorted = [...failures].sort(([a], [b]) => a - b).map(([at, thrown]) => ({ at, thrown }));
  const [first] = sorted;
  if (form === "each" || first === undefined) return { values, failures: sorted, runMicros };
  return { values: values.slice(0, first.at + 1), failures: [first], runMicros };
}
