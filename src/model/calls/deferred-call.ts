// A call that is made before its module is bundled.

import type { CallHandle } from "../../driver/call-plane.ts";

export class DeferredCall implements CallHandle {
  readonly promise: Promise<unknown>;
  private readonly started: Promise<CallHandle>;

  constructor(started: Promise<CallHandle>, signal: AbortSignal | null) {
    this.started = started;
    this.promise = unlessAborted(started, signal).then(({ promise }) => promise);
  }

  async *stream(): AsyncGenerator<unknown, void, undefined> {
    this.promise.catch(() => {}); // told here
    const handle = await this.started;
    yield* handle.stream();
  }
}

async function unlessAborted(work: Promise<CallHandle>, signal: AbortSignal | null): Promise<CallHandle> {
  if (signal === null) return await work;
  work.catch(() => {});
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
