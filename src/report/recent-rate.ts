// The rate of something that grows, over the last few seconds. Bounded: a ring of samples at least `gapMs`
// apart.

import type { Millis } from "../core/types.ts";

const samplesMax = 20;
const gapMs = 250;

export class RecentRate {
  private subject = 0;
  private samples: { readonly at: Millis; readonly total: number }[] = [];

  /** Remembers that the total of `subject` was `total` at `at`; another subject starts anew. */
  sample(subject: number, at: Millis, total: number): void {
    if (subject !== this.subject) this.samples = [];
    this.subject = subject;
    const last = this.samples.at(-1);
    if (last !== undefined && at - last.at < gapMs) return;
    this.samples.push({ at, total });
    if (this.samples.length > samplesMax) this.samples.shift();
  }

  /** Units per second since the oldest sample; 0 without one, and when the total shrank (a retry). */
  perSecond(subject: number, now: Millis, total: number): number {
    const oldest = this.samples[0];
    if (subject !== this.subject || oldest === undefined || now <= oldest.at) return 0;
    return Math.max(0, ((total - oldest.total) * 1000) / (now - oldest.at));
  }
}
