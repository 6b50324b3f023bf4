// What goes wrong on the wire: rules, each of which looks at a frame and says what becomes of it. The first that does
// not let it pass decides (the idea is turmoil's and madsim's).

import { below, chance, type Rng } from "../../base/rng.ts";
import type { Millis } from "../../core/types.ts";

/** One frame under way from one machine to another. */
export interface Frame {
  readonly from: number;
  readonly to: number;
  /** What it is, for rules that look at one kind only. */
  readonly kind: "session" | "gone" | "reset" | "fetch" | "fetched";
  readonly arrive: () => void;
}

export type Verdict =
  | { readonly kind: "pass" }
  /** It arrives so much later, and what was sent after it may overtake it. */
  | { readonly kind: "deliver"; readonly delayMs: Millis }
  | { readonly kind: "drop" }
  /** It arrives, and again so much later. */
  | { readonly kind: "duplicate"; readonly delayMs: Millis };

export type Rule = (frame: Frame) => Verdict;

const pass: Verdict = { kind: "pass" };
const drop: Verdict = { kind: "drop" };

export const lose =
  (random: Rng, share: number): Rule =>
  () =>
    chance(random, share) ? drop : pass;

export const delay =
  (random: Rng, share: number, delayMsMax: Millis): Rule =>
  () =>
    chance(random, share) ? { kind: "deliver", delayMs: 1 + below(random, delayMsMax) } : pass;

export const duplicate =
  (random: Rng, share: number, delayMsMax: Millis): Rule =>
  () =>
    chance(random, share) ? { kind: "duplicate", delayMs: below(random, delayMsMax + 1) } : pass;

/** Nothing gets from these machines to the others; nor back, unless it is one way. */
export const partition =
  (isInside: (machine: number) => boolean, isOneWay: boolean): Rule =>
  ({ from, to }) => {
    if (isInside(from) === isInside(to)) return pass;
    return isInside(from) || !isOneWay ? drop : pass;
  };
