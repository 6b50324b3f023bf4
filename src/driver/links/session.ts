// One end of the conversation between the coordinator and a worker, over a network that may lose, double and reorder:
// what is said arrives in the order of saying, at least once, as long as both ends live. README.md here tells the rules.
//
//   - What is said is numbered; what is not acknowledged is said again when `resendTicks` have passed since then and since
//     anything was acknowledged last: while the other end hears more and more of much, nothing of it is lost.
//   - Each frame acknowledges all that has arrived in order. Early frames wait for those before them.
//   - A tick without anything to say again sends a bare frame: that is the heartbeat.
//   - Silence is counted in ticks of one's own, not in time: a process that was stopped has not ticked, and so does not
//     take its own absence for everyone else's death.
//
// Not here: what silence means (door.ts, worker-link.ts), who ticks.

export interface SessionFrame<Body> {
  /** From 1; 0 for a bare frame. */
  readonly seq: number;
  /** All up to this one have arrived at the frame's sender. */
  readonly ack: number;
  readonly body: Body | null;
}

interface Unacknowledged<Body> {
  readonly seq: number;
  readonly body: Body;
  readonly saidAt: number;
}

const resendTicks = 2;
/** What is so much earlier than its time is dropped: it will be said again. */
const earlyMax = 65_536;

export class Session<Out, In> {
  private readonly transmit: (frame: SessionFrame<Out>) => void;
  private readonly deliver: (body: In) => void;
  private readonly redelivers: boolean;
  private lastSent = 0;
  private received = 0;
  private silent = 0;
  private ticks = 0;
  /** Of the last acknowledgement of something new. */
  private heardAt = 0;
  private isOpen = true;
  private readonly unacknowledged: Unacknowledged<Out>[] = [];
  private readonly early = new Map<number, In>();

  /** `redelivers`: what arrives twice is delivered twice, as the machines must stand it. */
  constructor(
    transmit: (frame: SessionFrame<Out>) => void,
    deliver: (body: In) => void,
    redelivers: boolean,
  ) {
    this.transmit = transmit;
    this.deliver = deliver;
    this.redelivers = redelivers;
  }

  /** Ticks since the other end was last heard. */
  get silentTicks(): number {
    return this.silent;
  }

  /** The number of the last that was delivered. */
  get lastReceived(): number {
    return this.received;
  }

  say(body: Out): void {
    const seq = ++this.lastSent;
    this.unacknowledged.push({ seq, body, saidAt: this.ticks });
    this.transmit({ seq, ack: this.received, body });
  }

  hear({ seq, ack, body }: SessionFrame<In>): void {
    this.silent = 0;
    if (this.unacknowledged.length > 0 && this.unacknowledged[0]!.seq <= ack) {
      const rest = this.unacknowledged.findIndex((said) => said.seq > ack);
      this.unacknowledged.splice(0, rest === -1 ? Infinity : rest);
      this.heardAt = this.ticks;
    }
    if (body === null) return;
    if (seq <= this.received) {
      if (this.redelivers) this.deliver(body);
      return;
    }
    if (seq > this.received + earlyMax) return;
    this.early.set(seq, body);
    for (
      let next = this.early.get(this.received + 1);
      next !== undefined && this.isOpen;
      next = this.early.get(this.received + 1)
    ) {
      this.early.delete(++this.received);
      this.deliver(next);
    }
  }

  /** Once in a heartbeat. */
  tick(): void {
    this.silent++;
    this.ticks++;
    let isHeard = false;
    for (const said of this.unacknowledged) {
      const age = this.ticks - Math.max(said.saidAt, this.heardAt);
      if (age === 0 || age % resendTicks !== 0) continue;
      this.transmit({ seq: said.seq, ack: this.received, body: said.body });
      isHeard = true;
    }
    if (!isHeard) this.transmit({ seq: 0, ack: this.received, body: null });
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.isOpen = false;
  }
}
