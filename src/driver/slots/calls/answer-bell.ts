// Hears when slots have answered: one word of shared memory that all of them ring. Listens only when there is nothing
// to hear, so that under load nobody is woken, and slots need not wake.
//
// Owner of: the doorbell.

import { listenTo, newDoorbell, ringComes, ringsOf, unlistenTo } from "./shared-calls.ts";

/** Rounds in a row that find something, after which the event loop gets its turn. */
const roundsMax = 16;

export class AnswerBell {
  readonly doorbell = newDoorbell();
  private readonly hear: () => number;
  private readonly rest: () => void;
  private isStopped = false;

  /** `hear` takes all answers that are there, and returns how many there were; `rest` is called when there are no more. */
  constructor(hear: () => number, rest: () => void = () => {}) {
    this.hear = hear;
    this.rest = rest;
    void this.listen();
  }

  stop(): void {
    this.isStopped = true;
  }

  private async listen(): Promise<void> {
    for (let rounds = 0; !this.isStopped;) {
      const rings = ringsOf(this.doorbell);
      if (this.hear() > 0) {
        // Those who waited go on first: what they call next is on its way before the next wait begins.
        if (++rounds < roundsMax) await undefined;
        else {
          this.rest();
          await new Promise((resolve) => setImmediate(resolve));
        }
        rounds %= roundsMax;
        continue;
      }
      this.rest();
      listenTo(this.doorbell);
      const comes = ringComes(this.doorbell, rings);
      if (comes !== null) await comes;
      unlistenTo(this.doorbell);
    }
  }
}
