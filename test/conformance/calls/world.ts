// What a chapter of the suite of calls has: a connection of its variant, files to watch, and tests that a variant may
// leave out for a reason.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "vitest";
import type { ConnectOptions } from "../../../src/connect.ts";
import type { Remote } from "../../../src/model/calls/remote.ts";
import type { Shoal } from "../../../src/model/shoal.ts";
import { until } from "../../kit/processes.ts";
import { shoal as built } from "../../kit/built.ts";

/** One way to run functions. */
export interface CallsVariant {
  readonly name: string;
  /** What `connect()` is given. */
  readonly options: ConnectOptions;
  /** Connects otherwise than to this machine. */
  readonly connect?: (options: ConnectOptions, directory: string) => Promise<Shoal>;
  /** All tests are over, and all connections closed. */
  readonly end?: () => Promise<void>;
  /** How many calls are made where "very many" are. */
  readonly manyCalls: number;
  /** Tests that it cannot pass, by their names, with the reason. */
  readonly deviations: Readonly<Record<string, string>>;
}

export type Module = typeof import("./module.ts");
export const moduleUrl = new URL("./module.ts", import.meta.url);
export type NestedModule = typeof import("./nested-module.ts");
export const nestedUrl = new URL("./nested-module.ts", import.meta.url);

/** Lines that functions have said: see `says` of the module. */
export class Log {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  get lines(): string[] {
    return existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n").slice(0, -1) : [];
  }

  /** Resolves when so many lines were said. */
  async has(count: number): Promise<void> {
    await until(`${count} lines are said`, () => this.lines.length >= count);
  }
}

export class World {
  readonly variant: CallsVariant;
  /** Made when the tests begin, and deleted at their end. */
  dir = "";
  /** What was printed in slots. */
  printed = "";
  private readonly open: Shoal[] = [];
  private common: Shoal | null = null;
  private single: Shoal | null = null;
  private files = 0;

  constructor(variant: CallsVariant) {
    this.variant = variant;
  }

  readonly it = (name: string, body: () => Promise<void>): void => {
    const deviation = this.variant.deviations[name];
    if (deviation === undefined) test(name, body);
    else test.skip(`${name} (${this.variant.name}: ${deviation})`, body); // reason: the deviation, which is in the name
  };

  /** The connection that most tests share: two slots, nothing that ends them. */
  get shoal(): Shoal {
    return this.common!;
  }

  get fns(): Remote<Module> {
    return this.shoal.use<Module>(moduleUrl);
  }

  /** A connection with one slot, which tests share too: what they do to it, its next slot is whole again. */
  async alone(): Promise<Remote<Module>> {
    this.single ??= await this.connect({ slots: 1, abortGraceMs: 100 });
    return this.single.use<Module>(moduleUrl);
  }

  async begin(): Promise<void> {
    this.dir = mkdtempSync(path.join(os.tmpdir(), "shoal-calls-"));
    this.common = await this.connect({ slots: 2 });
  }

  /** A connection of a test's own. */
  async connect(options: ConnectOptions = {}): Promise<Shoal> {
    const all = {
      stateDir: path.join(this.dir, "state"),
      memoryBytes: 64 * 2 ** 20,
      onOutput: (text: string) => void (this.printed += text),
      ...this.variant.options,
      ...options,
    };
    const shoal = await (this.variant.connect?.(all, this.dir) ?? built.connect(all));
    this.open.push(shoal);
    return shoal;
  }

  async end(): Promise<void> {
    await Promise.all(this.open.splice(0).map((shoal) => shoal.close()));
    await this.variant.end?.();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The name of a file that is not there yet. */
  file(): string {
    return path.join(this.dir, `file-${++this.files}`);
  }

  log(): Log {
    return new Log(this.file());
  }

  /** A file that functions wait for, until it is opened. */
  gate(): { readonly file: string; open(): void } {
    const file = this.file();
    return { file, open: () => writeFileSync(file, "") };
  }
}

/** What the promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<any> {
  const nothing = Symbol("nothing");
  const error: unknown = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (error === nothing) throw new Error("expected a rejection, and it did not come");
  return error;
}

/** A remote function's stream as what it is at run time: also a promise. */
export const asPromise = (stream: AsyncIterable<unknown>): Promise<unknown> =>
  stream as unknown as Promise<unknown>;

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of stream) all.push(item);
  return all;
}
