// The coordinator's door: one session for each worker that said hello. A worker that is silent for too long is lost,
// and is told so should it ever speak again; so is one that speaks of a conversation which this coordinator never had.
//
// Owner of: the sessions at the coordinator's end, who is gone.

import type { WorkerId } from "../../base/ids.ts";
import { PhiDetector } from "../../base/phi.ts";
import type { FromWorker, Ticking, ToWorker } from "./messages.ts";
import { Session, type SessionFrame } from "./session.ts";

/** A frame of a session, as it travels: which worker it is about, and which coordinator's (0: not known yet). */
export interface Envelope<Body> extends SessionFrame<Body> {
  readonly worker: WorkerId;
  readonly epoch: number;
}

/** To a worker that this coordinator has lost, or never had. */
export interface Gone {
  readonly gone: WorkerId;
  readonly epoch: number;
}

export interface SessionOptions {
  /** How long a tick is, at either end. */
  readonly heartbeatMs: number;
  /** Ticks of silence after which a worker is lost. */
  readonly lostTicks: number;
  /** Ticks of silence after which a worker gives up being this worker. Fewer than `lostTicks`. */
  readonly fenceTicks: number;
  readonly redelivers: boolean;
}

export interface DoorListener<Address> {
  said(worker: WorkerId, message: FromWorker): void;
  lost(worker: WorkerId, reason: string): void;
  /** It is suspected to be dead (φ ≥ 8, base/phi.ts), or was heard after all. */
  silent(worker: WorkerId, isSilent: boolean): void;
  /** Said by a worker that was lost, after that: it counts for nothing. Told once of each message. */
  late?(worker: WorkerId, message: FromWorker): void;
  /** Sends a frame to where a frame of that worker came from. It may be lost on the way. */
  send(to: Address, frame: Envelope<ToWorker> | Gone): void;
}

interface Guest<Address> {
  readonly address: Address;
  readonly session: Session<ToWorker, FromWorker>;
  readonly detector: PhiDetector;
  isSilent: boolean;
}

/** One silence in 10^8 is taken for more than it is. */
const suspicionMin = 8;

export class Door<Address> {
  private readonly epoch: number;
  private readonly process: Ticking;
  private readonly options: SessionOptions;
  private readonly listener: DoorListener<Address>;
  private readonly guests = new Map<WorkerId, Guest<Address>>();
  /** With the number of the last message that each was heard to say. */
  private readonly gone = new Map<WorkerId, number>();

  constructor(epoch: number, process: Ticking, options: SessionOptions, listener: DoorListener<Address>) {
    this.epoch = epoch;
    this.process = process;
    this.options = options;
    this.listener = listener;
  }

  open(): void {
    this.process.after(this.options.heartbeatMs, () => {
      this.tick();
      this.open();
    });
  }

  say(worker: WorkerId, message: ToWorker): void {
    this.guests.get(worker)?.session.say(message);
  }

  hear(from: Address, frame: Envelope<FromWorker>): void {
    const { worker, epoch, seq, body } = frame;
    if (body !== null && epoch === this.epoch && seq > (this.gone.get(worker) ?? Infinity)) {
      this.gone.set(worker, seq);
      this.listener.late?.(worker, body);
    }
    if (this.gone.has(worker) || (epoch !== 0 && epoch !== this.epoch)) {
      return this.listener.send(from, { gone: worker, epoch: this.epoch });
    }
    const guest = this.guests.get(worker) ?? this.welcome(from, worker);
    const { silentTicks } = guest.session;
    if (silentTicks > 0) guest.detector.heard(silentTicks);
    if (guest.isSilent) {
      guest.isSilent = false;
      this.listener.silent(worker, false);
    }
    guest.session.hear(frame);
  }

  /** Its process is gone: the connection broke, says its machine, or another tells so. */
  reset(worker: WorkerId, why = "the connection was reset"): void {
    if (this.guests.has(worker)) this.lose(worker, why);
  }

  private welcome(address: Address, worker: WorkerId): Guest<Address> {
    const { redelivers } = this.options;
    const transmit = (frame: SessionFrame<ToWorker>): void =>
      this.listener.send(address, { ...frame, worker, epoch: this.epoch });
    const session = new Session<ToWorker, FromWorker>(
      transmit,
      (message) => this.listener.said(worker, message),
      redelivers,
    );
    const guest: Guest<Address> = { address, session, detector: new PhiDetector(), isSilent: false };
    this.guests.set(worker, guest);
    return guest;
  }

  private tick(): void {
    const { lostTicks, heartbeatMs } = this.options;
    for (const [worker, guest] of this.guests) {
      const { session, detector, isSilent } = guest;
      session.tick();
      if (session.silentTicks >= lostTicks) {
        this.lose(worker, `silent for ${lostTicks} heartbeats of ${heartbeatMs} ms`);
      } else if (!isSilent && detector.phi(session.silentTicks) >= suspicionMin) {
        guest.isSilent = true;
        this.listener.silent(worker, true);
      }
    }
  }

  private lose(worker: WorkerId, reason: string): void {
    const { session } = this.guests.get(worker)!;
    session.close();
    this.guests.delete(worker);
    this.gone.set(worker, session.lastReceived);
    this.listener.lost(worker, reason);
  }
}
