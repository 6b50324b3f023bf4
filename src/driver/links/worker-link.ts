// The worker's end of its conversation with the coordinator. When the coordinator is silent for too long, or says that
// this worker is gone, the worker fences itself: everything that it runs ends, and its process goes on as a new worker,
// under an id that was never used.
//
// Owner of: the session at the worker's end, which coordinator it belongs to.

import type { WorkerId } from "../../base/ids.ts";
import type { Envelope, SessionOptions } from "./door.ts";
import type { FromWorker, Link, Ticking, ToWorker } from "./messages.ts";
import { Session } from "./session.ts";

export interface WorkerLinkListener {
  transmit(frame: Envelope<FromWorker>): void;
  said(message: ToWorker): void;
  /** `isLost`: the coordinator has given up this worker, and with it what it holds. Else a new one may want that. */
  fence(isLost: boolean): void;
}

export class WorkerLink implements Link<FromWorker> {
  private readonly worker: WorkerId;
  private readonly process: Ticking;
  private readonly options: SessionOptions;
  private readonly listener: WorkerLinkListener;
  private readonly session: Session<FromWorker, ToWorker>;
  /** Of the coordinator that answered first; 0 until one does. */
  private epoch = 0;
  private isOpen = true;

  constructor(worker: WorkerId, process: Ticking, options: SessionOptions, listener: WorkerLinkListener) {
    this.worker = worker;
    this.process = process;
    this.options = options;
    this.listener = listener;
    this.session = new Session<FromWorker, ToWorker>(
      (frame) => listener.transmit({ ...frame, worker, epoch: this.epoch }),
      (message) => listener.said(message),
      options.redelivers,
    );
  }

  open(): void {
    this.process.after(this.options.heartbeatMs, () => {
      if (!this.isOpen) return;
      this.session.tick();
      if (this.epoch !== 0 && this.session.silentTicks >= this.options.fenceTicks) this.fence(false);
      else this.open();
    });
  }

  say(message: FromWorker): void {
    this.session.say(message);
  }

  hear(frame: Envelope<ToWorker>): void {
    if (!this.isOpen || frame.worker !== this.worker) return;
    if (this.epoch === 0) this.epoch = frame.epoch;
    if (frame.epoch === this.epoch) this.session.hear(frame);
  }

  hearGone(worker: WorkerId, epoch: number): void {
    if (this.isOpen && worker === this.worker) this.fence(epoch === this.epoch);
  }

  close(): void {
    this.isOpen = false;
    this.session.close();
  }

  private fence(isLost: boolean): void {
    this.close();
    this.listener.fence(isLost);
  }
}
