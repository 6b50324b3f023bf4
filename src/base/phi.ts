// How suspicious a silence is: the φ-accrual failure detector (Hayashibara et al. 2004), with the logistic approximation
// of the normal distribution that Akka uses.
//
// φ = −log10 of the chance that a gap is longer than this one, judged by the gaps so far: at φ = 8 one silence in
// 100,000,000 is taken for a death by mistake. Time is counted in the caller's ticks.

export interface PhiOptions {
  /** Gaps that are remembered. Default 100. */
  readonly memory?: number;
  /** No gap is taken to be more regular than this. In ticks. Default 0.1. */
  readonly deviationMin?: number;
  /** Added to the mean: a pause that is nobody's death. In ticks. Default 3. */
  readonly pause?: number;
}

export class PhiDetector {
  private readonly memory: number;
  private readonly deviationMin: number;
  private readonly pause: number;
  private readonly gaps: number[] = [];
  private next = 0;
  private sum = 0;
  private squares = 0;

  constructor({ memory = 100, deviationMin = 0.1, pause = 3 }: PhiOptions = {}) {
    this.memory = memory;
    this.deviationMin = deviationMin;
    this.pause = pause;
  }

  /** It was heard, so long after it was heard before. */
  heard(gap: number): void {
    const old = this.gaps[this.next];
    if (old !== undefined) {
      this.sum -= old;
      this.squares -= old * old;
    }
    this.gaps[this.next] = gap;
    this.next = (this.next + 1) % this.memory;
    this.sum += gap;
    this.squares += gap * gap;
  }

  /** Of a silence of that length. 0 while nothing is known. */
  phi(silence: number): number {
    const { length } = this.gaps;
    if (length === 0) return 0;
    const mean = this.sum / length;
    const deviation = Math.max(
      this.deviationMin,
      Math.sqrt(Math.max(0, this.squares / length - mean * mean)),
    );
    const y = (silence - mean - this.pause) / deviation;
    const e = Math.exp(-y * (1.5976 + 0.070566 * y * y));
    // Where e is too small for 1 + e to differ from 1, −log10(e) is the same, and not infinite.
    if (y > 0) return y > 10 ? (y * (1.5976 + 0.070566 * y * y)) / Math.LN10 : -Math.log10(e / (1 + e));
    return -Math.log10(1 - 1 / (1 + e));
  }
}
