// The call plane as user code in a slot has it: its calls go to the program's own plane, and while one is under way the
// call that made it is blocked, so that its slot takes others and calls that wait for calls cannot fill the pool.
//
// Owner of: the nested calls of this slot that have not ended.

import { AsyncLocalStorage } from "node:async_hooks";
import { fromThrown } from "../../../data/calls/thrown.ts";
import { ShoalError } from "../../../errors.ts";
import type { FromCallSlot, NestedResult, TargetRef } from "../../../protocol/calls.ts";
import type {
  CallFigures,
  CallHandle,
  CallPlane,
  CallRequest,
  DrainResult,
  Target,
} from "../../call-plane.ts";
import type { CallRun } from "./call-run.ts";

const place: unique symbol = Symbol.for("shoal.nested") as never;
type Holder = { [place]?: NestedPlane };

/** The plane of the slot that this thread is; null: it is none. */
export const nestedPlane = (): NestedPlane | null => (globalThis as Holder)[place] ?? null;

interface UnderWay {
  readonly request: CallRequest;
  readonly run: CallRun | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
}

export class NestedPlane implements CallPlane {
  onNested: CallPlane["onNested"] = () => Promise.reject(new ShoalError("INTERNAL", "a slot has no slots"));
  private readonly send: (message: FromCallSlot) => void;
  private readonly current: () => CallRun | null;
  /** Which call the code belongs to that runs now, also after an await. Used once somebody connects: it costs something. */
  private runs: AsyncLocalStorage<CallRun> | null = null;
  private readonly underWay = new Map<number, UnderWay>();
  private readonly targets = new Map<string, Target>();
  private lastNested = 0;
  readonly width = 1;

  constructor(send: (message: FromCallSlot) => void, current: () => CallRun | null) {
    this.send = send;
    this.current = current;
  }

  /** Whoever connects in this thread gets this plane. */
  announce(): void {
    (globalThis as Holder)[place] = this;
  }

  /** User code connects: from now on it is known which call makes which. */
  use(): this {
    this.runs ??= new AsyncLocalStorage();
    const run = this.current();
    if (run !== null) this.runs.enterWith(run);
    return this;
  }

  /** Runs a call's function so that its calls are known as its own. */
  within<T>(run: CallRun, work: () => T): T {
    return this.runs === null ? work() : this.runs.run(run, work);
  }

  target(ref: TargetRef): Target {
    const key = `${ref.module}\0${ref.name}`;
    const found = this.targets.get(key) ?? { number: this.targets.size, ref };
    this.targets.set(key, found);
    return found;
  }

  start(request: CallRequest): CallHandle {
    const nested = ++this.lastNested;
    const run = this.runs?.getStore() ?? this.current();
    const { target, form, args, signal, deadlineMs, priority, retries, keep } = request;
    const promise = new Promise<unknown>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const onAbort = (): void => {
        this.send({ kind: "nested-cancelled", nested });
        this.take(nested)?.reject(signal!.reason);
      };
      signal?.addEventListener("abort", onAbort);
      this.underWay.set(nested, { request, run, resolve, reject, onAbort });
      run?.block();
      this.send({
        kind: "nested",
        nested,
        parent: run?.ticket ?? null,
        module: target.ref.module,
        name: target.ref.name,
        form,
        args,
        options: {
          priority,
          retries,
          ...(deadlineMs === null ? {} : { deadlineMs }),
          ...(keep === undefined ? {} : { keep }),
        },
      });
    });
    return {
      promise,
      // oxlint-disable-next-line require-yield -- it has nothing to give
      async *stream() {
        promise.catch(() => {});
        throw new ShoalError(
          "VALUE_INVALID",
          `${target.ref.name} was called from a slot, where calls give no streams`,
          {
            hint: "Let the function return an array, or call it from the program itself.",
          },
        );
      },
    };
  }

  receive(nested: number, result: NestedResult): void {
    const ended = this.take(nested);
    if (ended === null) return; // aborted meanwhile
    if (result.kind === "value") ended.resolve(result.value);
    else ended.reject(fromThrown(result.thrown, ended.request.caller?.frames() ?? null));
  }

  /** Calls that `run` made, and waits for: they reject with why it was aborted. */
  cancelOf(run: CallRun): void {
    for (const [nested, underWay] of this.underWay) {
      if (underWay.run !== run) continue;
      this.send({ kind: "nested-cancelled", nested });
      this.take(nested)?.reject(run.signal.reason);
    }
  }

  warm(): void {}

  figures(): CallFigures {
    const none = { submitted: 0, ended: 0, refused: 0, cancelled: 0, expired: 0, lost: 0, retried: 0 };
    return { ...none, waiting: 0, running: this.underWay.size, slots: 0 };
  }

  end(): number {
    return 0; // the calls are the program's
  }

  drain(): Promise<DrainResult> {
    return Promise.resolve({ ended: 0, cancelled: 0 });
  }

  close(): Promise<void> {
    return Promise.resolve(); // the slots are the program's
  }

  private take(nested: number): UnderWay | null {
    const ended = this.underWay.get(nested);
    if (ended === undefined) return null;
    this.underWay.delete(nested);
    ended.request.signal?.removeEventListener("abort", ended.onAbort);
    ended.run?.unblock();
    return ended;
  }
}
