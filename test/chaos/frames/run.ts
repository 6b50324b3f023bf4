// Gives mutated messages to everything that takes messages from outside. What must not happen: a throw, a rejection that
// nobody awaits, silence, a changed prototype, or that good messages have no effect afterwards.
// What runs is frames.mjs, and frames.test.ts with few.

import { below, rng } from "../../../src/base/rng.ts";
import { mutated } from "./mutate.ts";
import type { Victim } from "./receiver.ts";
import { atJournal, atRecords } from "./records.ts";
import { atAddress, atAgent, atBlocks, atWho } from "./requests.ts";
import { atCoordinator, atLease, atSeat } from "./sessions.ts";

export const victims: Readonly<Record<string, () => Promise<Victim>>> = {
  "frames at a coordinator": atCoordinator,
  "frames at a worker": atSeat,
  "frames of a leased slot": atLease,
  "requests to a worker": atAgent,
  "answers of workers": atWho,
  "requests for blocks": atBlocks,
  "submitted jobs": atRecords,
  "journals in a stream": atJournal,
  addresses: atAddress,
};

export interface Found {
  readonly kind: string;
  readonly messages: number;
  /** What went wrong, with the seed and the number of the message. */
  readonly faults: readonly string[];
}

const batch = 50;
/** A new receiver now and then. */
const batchesEach = 10;
const hangMs = 20_000;
const faultsMax = 20;

const watched = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Promise,
  Map,
  Set,
  RegExp,
  Error,
  Buffer,
  Uint8Array,
];
/** The names of what every value inherits. */
const prototypes = (): string =>
  watched
    .map(({ prototype }) =>
      Reflect.ownKeys(prototype as object)
        .map(String)
        .join(","),
    )
    .join(";");

async function inTime<T>(work: Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: nothing for ${hangMs} ms`)), hangMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const shown = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes).toString("utf8");
  return text.length > 600 ? `${text.slice(0, 600)}… (${text.length} characters)` : text;
};

/** `count` messages, as many for each kind of receiver. */
export async function mutateFrames(
  count: number,
  seed: number,
  tell: (done: number) => void = () => {},
  only: readonly string[] = Object.keys(victims),
): Promise<Found[]> {
  const before = prototypes();
  const loose: unknown[] = [];
  const onLoose = (error: unknown): void => void loose.push(error);
  process.on("unhandledRejection", onLoose);
  process.on("uncaughtException", onLoose);
  const results: Found[] = [];
  let done = 0;
  try {
    for (const [n, kind] of only.entries()) {
      const chances = rng(seed * 1000 + n);
      const wanted = Math.floor(count / only.length) + Number(n < count % only.length);
      const faults: string[] = [];
      let messages = 0;
      while (messages < wanted && faults.length < faultsMax) {
        const victim = await victims[kind]!();
        for (let batches = 0; batches < batchesEach && messages < wanted; batches++) {
          let last = "";
          try {
            for (let n = 0; n < batch && messages < wanted; n++) {
              messages++;
              const index = below(chances, victim.messages.length);
              const bytes = mutated(victim.messages[index]!, victim.messages, chances);
              last = shown(bytes);
              const began = performance.now();
              await inTime(victim.give(bytes, index));
              if (performance.now() - began > hangMs / 4) throw new Error("it took very long");
              if (below(chances, 10) === 0) await inTime(victim.check());
            }
            await inTime(victim.check());
            if (prototypes() !== before || "polluted" in {}) throw new Error("a prototype has changed");
            if (loose.length > 0) throw loose.splice(0)[0] as Error;
          } catch (error) {
            faults.push(`seed ${seed}, message ${messages}: ${stackOf(error)}\n  of: ${last}`);
            break;
          }
          done += batch;
          if (done % 10_000 === 0) tell(done);
        }
        await victim.close();
        await new Promise((resolve) => setImmediate(resolve));
        for (const error of loose.splice(0))
          faults.push(`seed ${seed}, up to message ${messages}: ${stackOf(error)}`);
      }
      results.push({ kind, messages, faults });
    }
  } finally {
    process.off("unhandledRejection", onLoose);
    process.off("uncaughtException", onLoose);
  }
  return results;
}
