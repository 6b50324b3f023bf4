// The coordinator's door: one session for each worker that said hello. A worker that is silent for too long is lost,
// and is told so should it ever speak again; so is one that speaks of a conversation which this coordinator never had.
//
// Owner of: the sessions at the coordinator's end, who is gone.

import type { WorkerId } from "../../base/ids.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";
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

export interface DoorListener {
  said(worker: WorkerId, message: FromWorker): void;
  lost(worker: WorkerId, reason: string): void;
  /** Puts a frame before the worker's process on that machine. */
  toWorker(machine: number, frame: Envelope<ToWorker> | Gone): void;
}

interface Guest {
  readonly machine: number;
  readonly session: Session<ToWorker, FromWorker>;
}

export class Door {
  private readonly epoch: number;
  private readonly machine: number;
  private readonly process: SimProcess;
  private readonly network: Network;
  private readonly options: SessionOptions;
  private readonly listener: DoorListener;
  private readonly guests = new Map<WorkerId, Guest>();
  private readonly gone = new Set<WorkerId>();

  constructor(
    epoch: number,
    machine: number,
    process: SimProcess,
    network: Network,
    options: SessionOptions,
    listener: DoorListener,
  ) {
    this.epoch = epoch;
    this.machine = machine;
    this.process = process;
    this.network = network;
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

  hear(machine: number, frame: Envelope<FromWorker>): void {
    const { worker, epoch } = frame;
    if (this.gone.has(worker) || (epoch !== 0 && epoch !== this.epoch)) return this.sendGone(machine, worker);
    const guest = this.guests.get(worker) ?? this.welcome(machine, worker);
    guest.session.hear(frame);
  }

  /** The connection broke: its process is gone, says its machine. */
  reset(worker: WorkerId): void {
    if (this.guests.has(worker)) this.lose(worker, "the connection was reset");
  }

  private welcome(machine: number, worker: WorkerId): Guest {
    const { redelivers } = this.options;
    const transmit = (frame: SessionFrame<ToWorker>): void =>
      this.send(machine, "session", { ...frame, worker, epoch: this.epoch });
    const session = new Session<ToWorker, FromWorker>(
      transmit,
      (message) => this.listener.said(worker, message),
      redelivers,
    );
    const guest: Guest = { machine, session };
    this.guests.set(worker, guest);
    return guest;
  }

  private tick(): void {
    const { lostTicks, heartbeatMs } = this.options;
    for (const [worker, { session }] of this.guests) {
      session.tick();
      if (session.silentTicks >= lostTicks)
        this.lose(worker, `silent for ${lostTicks} heartbeats of ${heartbeatMs} ms`);
    }
  }

  private lose(worker: WorkerId, reason: string): void {
    this.guests.get(worker)!.session.close();
    this.guests.delete(worker);
    this.gone.add(worker);
    this.listener.lost(worker, reason);
  }

  private sendGone(machine: number, worker: WorkerId): void {
    this.send(machine, "gone", { gone: worker, epoch: this.epoch });
  }

  private send(to: number, kind: "session" | "gone", frame: Parameters<DoorListener["toWorker"]>[1]): void {
    this.network.send({ from: this.machine, to, kind, arrive: () => this.listener.toWorker(to, frame) });
  }
}
