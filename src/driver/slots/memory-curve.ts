// What a slot's memory was over the life of one attempt: a bounded number of samples, however long it runs. When they
// are too many, every second one goes, and from then on half as many are kept.

import type { MemorySample } from "../../protocol/death-certificate.ts";

const samplesMax = 60;

export class MemoryCurve {
  private kept: MemorySample[] = [];
  private last: MemorySample | null = null;
  private everyMs = 0;

  add(sample: MemorySample): void {
    this.last = sample;
    const previous = this.kept.at(-1);
    if (previous !== undefined && sample.at - previous.at < this.everyMs) return;
    this.kept.push(sample);
    if (this.kept.length < samplesMax) return;
    this.kept = this.kept.filter((_, i) => i % 2 === 0);
    const [first] = this.kept;
    this.everyMs = Math.ceil((sample.at - first!.at) / (samplesMax - 1));
  }

  clear(): void {
    this.kept = [];
    this.last = null;
    this.everyMs = 0;
  }

  /** Oldest first, at most 60; the latest is always there. */
  samples(): MemorySample[] {
    const { kept, last } = this;
    return last === null || kept.at(-1) === last ? [...kept] : [...kept.slice(0, samplesMax - 1), last];
  }
}
