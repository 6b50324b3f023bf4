// The user's module of the suite of calls that makes calls itself, of its own functions and of another module's.

import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { connect, isShoalError } from "shoal";

const shoal = await connect();
const own = shoal.use<typeof import("./nested-module.ts")>(import.meta.url);
const other = shoal.use<typeof import("./module.ts")>(new URL("./module.ts", import.meta.url));

export async function fib(n: number): Promise<number> {
  if (n < 2) return n;
  const [a, b] = await Promise.all([own.fib(n - 1), own.fib(n - 2)]);
  return a + b;
}

/** A chain of calls that wait for calls, so many deep. */
export async function dive(depth: number): Promise<string> {
  await pause(1);
  return depth === 0 ? "bottom" : await own.dive(depth - 1);
}

export async function mapsInside(to: number): Promise<number[]> {
  return await shoal.map(other.square, Array.from({ length: to }).keys()).toArray();
}

export async function failsInside(): Promise<string> {
  try {
    await other.fails("type");
    return "it did not fail";
  } catch (error) {
    return error instanceof TypeError ? `TypeError: ${error.message}` : String(error);
  }
}

export async function streamsInside(): Promise<string> {
  try {
    let sum = 0;
    for await (const n of other.count(4)) sum += n;
    return `${sum}`;
  } catch (error) {
    return isShoalError(error) ? error.code : String(error);
  }
}

export async function awaitsStreamInside(): Promise<string> {
  try {
    await (other.count(1000) as unknown as Promise<unknown>);
    return "awaited";
  } catch (error) {
    return isShoalError(error) ? error.code : String(error);
  }
}

export async function abortsInside(log: string): Promise<string> {
  const controller = new AbortController();
  const inner = other.waitsForAbort.with({ signal: controller.signal })(log);
  while (!existsSync(log)) await pause(2);
  controller.abort(new Error("changed my mind"));
  try {
    await inner;
    return "it did not reject";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Items that are made by calls. */
export async function* streamsOfCalls(to: number): AsyncGenerator<number, void, undefined> {
  for (let n = 0; n < to; n++) yield await other.square(n);
}

/** Waits for a call that waits until it is aborted. */
export async function waitsInside(log: string): Promise<void> {
  try {
    await other.waitsForAbort(log);
  } catch (error) {
    appendFileSync(log, `outer: ${isShoalError(error) ? error.code : String(error)}\n`);
    throw error;
  }
}
