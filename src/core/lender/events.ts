// The lender's vocabulary: what a worker is told about its call slots and the clients that lease them, and what it orders.
// The rules are in lender.ts.

import type { Millis } from "../types.ts";

/** Of one slot for one client, from the asking to the end. Used once. */
export type LeaseName = string;

export type LenderEvent =
  /** `elsewhere`: slots that the client has of other workers. */
  | {
      readonly kind: "LeaseAsked";
      readonly lease: LeaseName;
      readonly client: string;
      readonly elsewhere: number;
    }
  /** Its slot has ended, or, if it waited, nobody wants it any more. */
  | { readonly kind: "LeaseEnded"; readonly lease: LeaseName }
  | { readonly kind: "ElsewhereTold"; readonly client: string; readonly elsewhere: number }
  /** The answer to LookAtLeases: those whose slots have nothing to do, and had nothing since the last look. */
  | { readonly kind: "LeasesSeen"; readonly idle: readonly LeaseName[] }
  /** The worker leaves. */
  | { readonly kind: "LendingEnded" }
  | { readonly kind: "TimePassed" };

export type LenderEffect =
  /** Start its slot. */
  | { readonly kind: "GrantLease"; readonly lease: LeaseName }
  /** Tell the client to give it back: what has begun there may end. LeaseEnded follows. */
  | { readonly kind: "AskBack"; readonly lease: LeaseName }
  /** It gets none. It is as if it had never been asked for. */
  | { readonly kind: "RefuseLease"; readonly lease: LeaseName; readonly why: string }
  | { readonly kind: "LookAtLeases" };

export interface LenderLimits {
  /** Slots that run at a time. */
  readonly slots: number;
  /** Leases that may wait. One more is refused. Default 4,096. */
  readonly waitingMax: number;
  /** Who has had nothing to do for so long needs it least. Default 1,000. */
  readonly idleMs: Millis;
  /** How often it is looked who has nothing to do, while somebody waits. Default 250. */
  readonly lookMs: Millis;
  /** A slot that was asked back, and runs a long call, keeps nobody from being asked for another. Default 5,000. */
  readonly graceMs: Millis;
}

export const defaultLenderLimits = { waitingMax: 4096, idleMs: 1000, lookMs: 250, graceMs: 5000 } as const;
