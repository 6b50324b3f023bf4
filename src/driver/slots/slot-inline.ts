// A slot's body that is the calling thread: for debuggers, and for tests of what calls mean. Values are cloned both ways,
// so that code which works here works in a thread.
//
// What it cannot do: end code that does not end, keep the rest of the program from being blocked, or survive its crash.

import type { FromCallSlot } from "../../protocol/calls.ts";
import type { FromSlot, ToSlot } from "../../protocol/slot.ts";
import { CallServer } from "./calls/call-server.ts";
import type { BodyEnd, SlotBody } from "./slot-body.ts";

export class SlotInline implements SlotBody {
  /** The calling one. */
  readonly isolation = "thread";
  readonly rssBytes = null;
  readonly ended: Promise<BodyEnd>;
  onMessage: (message: FromSlot) => void = () => {};
  private readonly server: CallServer;
  private finish: () => void = () => {};
  private hasEnded = false;

  constructor(slot: number) {
    this.server = new CallServer({
      slot,
      shared: null,
      send: (message, transfer = []) => this.say(structuredClone(message, { transfer: [...transfer] })),
      payloads: { next: () => undefined, post: () => {} },
      keepAlive: () => {},
      isAborted: () => false, // who would abort it cannot run meanwhile
      isOwnThread: false,
    });
    this.ended = new Promise((resolve) => {
      this.finish = () =>
        resolve({ exitCode: 0, signal: null, isHeapFull: false, error: null, isKilledForMemory: false });
    });
    queueMicrotask(() => this.say({ kind: "ready" }));
    void this.server.serve();
  }

  post(message: ToSlot): void {
    const sent = structuredClone(message);
    // Not at once: whoever calls goes on first, as with a thread.
    setImmediate(() => {
      if (!this.hasEnded) this.server.receive(sent as Parameters<CallServer["receive"]>[0]);
    });
  }

  /** What runs goes on, and nobody hears of it. */
  end(): void {
    this.hasEnded = true;
    this.finish();
  }

  setReferenced(): void {}

  probe(): Promise<null> {
    return Promise.resolve(null);
  }

  private say(message: FromCallSlot | FromSlot): void {
    setImmediate(() => {
      if (!this.hasEnded) this.onMessage(message);
    });
  }
}
