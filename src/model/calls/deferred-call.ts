// A call that is made before its module is bundled.

import { unlessAborted } from "../unless-aborted.ts";
import type { CallHandle } from "../../driver/call-plane.ts";

export class DeferredCall implements CallHandle {
  readonly promise: Promise<unknown>;
  private readonly started: Promise<CallHandle>;

  constructor(started: Promise<CallHandle>, signal: AbortSignal | null) {
    this.started = started;
    this.promise = unlessAborted(signal, started).then(({ promise }) => promise);
    if (signal === null) return;
    // After an abort nobody hears of a call that is made all the same, and rejects.
    this.started.then(
      ({ promise }) => signal.aborted && promise.catch(() => {}),
      () => {}, // told by the promise
    );
  }

  stop(): void {
    this.promise.catch(() => {}); // of no interest any more
    this.started.then(
      (handle) => handle.stop?.(),
      () => {}, // told by the promise
    );
  }

  async *stream(): AsyncGenerator<unknown, void, undefined> {
    this.promise.catch(() => {}); // told here
    const handle = await this.started;
    yield* handle.stream();
  }
}
