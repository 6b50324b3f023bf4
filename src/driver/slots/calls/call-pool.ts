// The call plane on this machine: one dispatcher, slots that are threads or child processes.
//
//   start() ──CallSubmitted──▶ dispatcher ──StartCall──▶ slot ──▶ user's function
//   promise ◀──SettleCall──── dispatcher ◀──CallEnded── doorbell, or a message
//
// Not here: how many slots there are (staff.ts).
// Owner of: the slots, the calls that have not settled, the one timer.

import { fromThrown } from "../../../data/calls/thrown.ts";
import { createDispatcher, type Dispatcher } from "../../../core/dispatcher/dispatcher.ts";
import type {
  CallOutcome,
  DispatcherEffect,
  DispatcherEvent,
  DispatcherLimits,
} from "../../../core/dispatcher/events.ts";
import { fromErrorData, ShoalError, toErrorData, type ErrorData } from "../../../errors.ts";
import type { FromCallSlot, NestedResult, TargetRef, Thrown } from "../../../protocol/calls.ts";
import type {
  CallFigures,
  CallHandle,
  CallPlane,
  CallRequest,
  DrainResult,
  NestedRequest,
  Target,
} from "../../call-plane.ts";
import type { MemoryLimits } from "../memory-limits.ts";
import type { SlotBody } from "../slot-body.ts";
import type { SlotEnd } from "../slot-host.ts";
import { MemoryWatch } from "../memory-watch.ts";
import { AnswerBell } from "./answer-bell.ts";
import { Attendance } from "./attendance.ts";
import { CallSlot, type CallSlotListener, type CallSlotOptions } from "./call-slot.ts";
import { NestedCalls } from "./nested-calls.ts";
import { PendingCall } from "./pending-call.ts";
import { refusal } from "./refusal.ts";
import { FixedStaff } from "./fixed-staff.ts";
import { SignalWatch } from "./signal-watch.ts";
import type { NewStaff, Staff, StaffedPool } from "./staff.ts";
import { Wakes } from "./wakes.ts";

export interface CallPoolOptions extends Omit<CallSlotOptions, "doorbell"> {
  readonly slots: number;
  /** Who starts slots. Default: `slots` of them. */
  readonly staff?: NewStaff;
  readonly limits?: Partial<DispatcherLimits>;
  readonly memoryLimits: MemoryLimits | null;
  readonly onPrint: (text: string) => void;
}

const longTimerMs = 2 ** 30;

const clock = (): number => Math.floor(performance.now());

export class CallPool implements CallPlane, CallSlotListener, StaffedPool {
  onNested: (request: NestedRequest) => Promise<NestedResult> = () =>
    Promise.reject(new ShoalError("INTERNAL", "nobody answers nested calls"));
  private readonly options: CallPoolOptions;
  private readonly dispatcher: Dispatcher;
  private readonly staff: Staff;
  private readonly slots = new Map<number, CallSlot>();
  /** Slots that took calls. */
  private readonly joined = new Set<CallSlot>();
  /** There are more calls than slots. */
  private isShort = false;
  private readonly pending = new Map<number, PendingCall>();
  private readonly targets = new Map<string, Target>();
  private readonly events: DispatcherEvent[] = [];
  private readonly bell: AnswerBell;
  private readonly nestedCalls: NestedCalls;
  private readonly attendance: Attendance;
  private readonly signals = new SignalWatch(({ call }) => this.give({ kind: "CallCancelled", call }));
  private readonly wakes = new Wakes();
  private isGiving = false;
  private isClosed = false;
  private lastCall = 0;
  private lastSlot = -1;
  private timer: NodeJS.Timeout | null = null;
  private timerAt: number | null = null;
  private drained: { readonly resolve: (result: DrainResult) => void; readonly endedBefore: number } | null =
    null;

  constructor(options: CallPoolOptions) {
    this.options = options;
    this.dispatcher = createDispatcher(options.limits);
    this.staff = options.staff?.(this) ?? new FixedStaff(this, options.slots);
    this.bell = new AnswerBell(() => this.hear());
    this.nestedCalls = new NestedCalls((request) => this.onNested(request));
    const { memoryLimits } = options;
    const hosts = () => [...this.slots.values()].map(({ host }) => host);
    this.attendance = new Attendance(
      () => this.isAwaited(),
      memoryLimits === null ? null : new MemoryWatch(memoryLimits, hosts),
    );
  }

  target(ref: TargetRef): Target {
    const key = `${ref.bundle}\0${ref.name}`;
    const found = this.targets.get(key) ?? { number: this.targets.size, ref };
    this.targets.set(key, found);
    return found;
  }

  warm(): void {
    if (!this.isClosed) this.staff.warm();
  }

  get width(): number {
    return Math.max(1, this.staff.aim);
  }

  start(request: CallRequest): CallHandle {
    const pending = new PendingCall(++this.lastCall, request, this.onAwaited);
    if (this.isClosed) {
      pending.fail(new ShoalError("CLOSED", "the connection was closed"));
      return pending;
    }
    const { signal, deadlineMs } = request;
    if (signal?.aborted === true) {
      pending.fail(signal.reason);
      return pending;
    }
    this.warm();
    this.attendance.begin();
    this.pending.set(pending.call, pending);
    if (signal !== null) this.signals.add(signal, pending);
    this.give({
      kind: "CallSubmitted",
      call: pending.call,
      target: request.target.number,
      items: request.form === "call" ? 1 : (request.args[0] as readonly unknown[]).length,
      priority: request.priority,
      deadline:
        deadlineMs === null ? null : clock() + Math.max(0, Math.ceil(deadlineMs - (request.waitedMs ?? 0))),
      retries: request.transfer.length > 0 ? 0 : request.retries,
      isNested: request.isNested,
    });
    return pending;
  }

  figures(): CallFigures {
    const { dispatcher } = this;
    const waiting = dispatcher.waiting();
    return {
      ...dispatcher.counts(),
      waiting,
      running: dispatcher.size() - waiting,
      slots: this.slots.size,
    };
  }

  end(which: "waiting" | "running", reason: unknown): number {
    const calls = [...this.pending.values()].filter(
      ({ call }) => this.dispatcher.isWaiting(call) === (which === "waiting"),
    );
    // The last first: what waits in a slot is taken back before what runs there is told to end.
    for (const pending of calls.reverse()) {
      pending.endReason = { reason };
      this.give({ kind: "CallCancelled", call: pending.call });
    }
    return calls.length;
  }

  async drain(deadlineMs: number | null): Promise<DrainResult> {
    if (this.isClosed || this.drained !== null) throw new ShoalError("CLOSED", "it is being closed already");
    const deadline = deadlineMs === null ? null : clock() + deadlineMs;
    return await new Promise((resolve) => {
      this.drained = { resolve, endedBefore: this.dispatcher.counts().ended };
      this.give({ kind: "DrainRequested", deadline });
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.settleDrain(this.pending.size);
    for (const pending of this.pending.values()) {
      this.forget(pending).fail(
        new ShoalError("CLOSED", "the connection was closed while the call ran or waited"),
      );
    }
    if (this.timer !== null) clearTimeout(this.timer);
    this.staff.close();
    this.attendance.end();
    this.bell.stop();
    await Promise.all([...this.slots.values()].map((slot) => slot.terminate("the connection was closed")));
  }

  // What slots say

  returned(pending: PendingCall, value: unknown, runMicros: number | null): void {
    pending.result = { isThrown: false, value };
    this.callEnded(pending, false, runMicros);
  }

  threw(pending: PendingCall, thrown: Thrown, runMicros: number | null): void {
    pending.result = { isThrown: true, value: thrown };
    // A stream that has begun is not tried again: its first items would come twice.
    this.callEnded(pending, !pending.isStream, runMicros);
  }

  revoked({ call, lastSlot: slot }: PendingCall, isBack: boolean): void {
    this.give({ kind: isBack ? "CallRevoked" : "CallKept", call, slot });
  }

  blocked(pending: PendingCall, isBlocked: boolean): void {
    const { call } = pending;
    this.give({
      kind: isBlocked ? "CallBlocked" : "CallUnblocked",
      call,
      slot: pending.lastSlot,
    });
  }

  nested(slot: CallSlot, message: FromCallSlot & { kind: "nested" }): void {
    this.nestedCalls.begin(slot, message);
  }

  nestedCancelled(slot: CallSlot, nested: number): void {
    this.nestedCalls.cancel(slot, nested);
  }

  printed(text: string): void {
    this.options.onPrint(text);
  }

  /** Whether anything is waited for: streams that nobody reads keep no program alive, as generators do not. */
  private isAwaited(): boolean {
    for (const pending of this.pending.values()) if (!pending.isUnread) return true;
    return false;
  }

  private readonly onAwaited = (): void => this.attendance.begin();

  private callEnded(pending: PendingCall, isFailure: boolean, runMicros: number | null): void {
    this.give({ kind: "CallEnded", call: pending.call, slot: pending.lastSlot, isFailure, runMicros });
  }

  /** Answers in shared memory. Returns how many there were. */
  private hear(): number {
    let heard = 0;
    for (const slot of this.slots.values()) heard += slot.hear();
    return heard;
  }

  get size(): number {
    return this.slots.size;
  }

  startSlot(body?: SlotBody): number {
    const number = ++this.lastSlot;
    const carried = body === undefined ? {} : { body };
    const slot = new CallSlot(number, { ...this.options, ...carried, doorbell: this.bell.doorbell }, this);
    this.slots.set(number, slot);
    void slot.host.ready.then(() => {
      if (!this.slots.has(number)) return;
      this.joined.add(slot);
      this.give({ kind: "SlotJoined", slot: number, canRevoke: slot.canRevoke });
      if (!this.isClosed) this.staff.joined(number);
    });
    void slot.exited.then((end) => this.slotExited(slot, end));
    return number;
  }

  letGo(slot: number): void {
    const found = this.slots.get(slot);
    // One that does not take calls yet holds none.
    if (found === undefined || !this.joined.has(found)) this.endSlot(slot, "it is wanted elsewhere");
    else this.give({ kind: "SlotLeaving", slot });
  }

  endSlot(slot: number, why: string): void {
    void this.slots.get(slot)?.terminate(why);
  }

  loseWaiting(error: ErrorData): void {
    this.isShort = false; // told anew with the next call
    this.give({ kind: "SlotsUnavailable", error });
  }

  private slotExited(slot: CallSlot, { error, unbegun: known }: SlotEnd): void {
    slot.hear(); // what it had answered before
    this.slots.delete(slot.slot);
    if (this.isClosed) return;
    for (const pending of slot.streams()) pending.result = { isThrown: true, value: { error } };
    const unbegun = slot.unbegun(known).map(({ call }) => call);
    const hasJoined = this.joined.delete(slot);
    this.give({ kind: "SlotExited", slot: slot.slot, error, unbegun });
    this.nestedCalls.slotExited(slot);
    this.staff.exited(slot.slot, hasJoined, error);
  }

  /** The drain rule: all effects of an event are performed before the next event is given. */
  private give(event: DispatcherEvent): void {
    if (this.isClosed) return; // All calls have settled; slots may still say something before they end.
    this.events.push(event);
    if (this.isGiving) return;
    this.isGiving = true;
    try {
      for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
        for (const effect of this.dispatcher.handle(next, clock())) this.perform(effect);
      }
    } finally {
      this.isGiving = false;
    }
    this.arm();
    const isShort = this.dispatcher.waiting() > 0 || this.dispatcher.size() > this.joined.size;
    if (isShort === this.isShort) return;
    this.isShort = isShort;
    this.staff.callsWait(isShort);
  }

  private perform(effect: DispatcherEffect): void {
    switch (effect.kind) {
      case "StartCall":
        return this.startCall(this.pending.get(effect.call)!, this.slots.get(effect.slot)!);
      case "RevokeCall": {
        const isBack = this.slots.get(effect.slot)!.revoke(this.pending.get(effect.call)!, effect.isEnding);
        if (isBack === null) return;
        this.events.push({ kind: isBack ? "CallRevoked" : "CallKept", call: effect.call, slot: effect.slot });
        return;
      }
      case "AbortCall":
        this.slots.get(effect.slot)?.abortTicket(effect.call, "nobody waits for it any more");
        return;
      case "TerminateSlot":
        void this.slots.get(effect.slot)?.terminate(effect.why);
        return;
      case "SettleCall":
        return this.settleAs(this.pending.get(effect.call)!, effect.outcome);
      case "Drained":
        return this.settleDrain(effect.cancelled);
      case "EventIgnored":
    }
  }

  private startCall(pending: PendingCall, slot: CallSlot): void {
    pending.lastSlot = slot.slot;
    const failed = { kind: "CallEnded", call: pending.call, slot: slot.slot, runMicros: null } as const;
    // A stream that was lost with its slot is not begun again, as one that threw.
    if (pending.isStream) return void this.events.push({ ...failed, isFailure: false });
    try {
      slot.start(pending);
    } catch (error) {
      // It cannot be sent (a buffer that was moved before): as if the function had thrown that.
      pending.result = { isThrown: true, value: { error: toErrorData(error) } };
      this.events.push({ ...failed, isFailure: true });
      return;
    }
    this.wakes.add(slot);
  }

  private settleAs(pending: PendingCall, outcome: CallOutcome): void {
    this.forget(pending);
    switch (outcome.kind) {
      case "ended": {
        const { isThrown, value } = pending.result!;
        if (!isThrown) return pending.succeed(value);
        // Printing the caller's frames is expensive: only errors are worth it.
        return pending.fail(fromThrown(value as Thrown, pending.request.caller?.frames() ?? null));
      }
      case "lost":
        return pending.fail(fromErrorData(outcome.error));
      default:
        return pending.fail(refusal(pending, outcome));
    }
  }

  private settleDrain(cancelled: number): void {
    if (this.drained === null) return;
    const { resolve, endedBefore } = this.drained;
    resolve({ ended: this.dispatcher.counts().ended - endedBefore, cancelled });
  }

  /** It is about to settle. */
  private forget(pending: PendingCall): PendingCall {
    this.pending.delete(pending.call);
    const { signal } = pending.request;
    if (signal !== null) this.signals.forget(signal, pending);
    return pending;
  }

  private arm(): void {
    const at = this.dispatcher.nextDeadline();
    if (at === this.timerAt) return;
    this.timerAt = at;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer =
      at === null
        ? null
        : setTimeout(
            () => {
              this.timerAt = null;
              this.give({ kind: "TimePassed" });
            },
            Math.min(longTimerMs, Math.max(0, at - clock())),
          ).unref();
  }
}
