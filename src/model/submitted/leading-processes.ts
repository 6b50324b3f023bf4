// The processes of a worker that lead jobs: each leads one, and ends with it. One more is kept ready, loaded and connected,
// so that a job whose lease is taken is led at once: the start of a process would be most of what a short job waits for.
//
// Not here: which jobs are led, and until when (keeper.ts). Owner of: the process that is ready.

import { fork, type ChildProcess } from "node:child_process";

/** What a process that is to lead is told first. */
export interface LeadSetup {
  readonly url: string;
}

/** What it answers, once. */
export const readyMessage = "ready";

/** What it is told when it is to lead. */
export interface LeadOrder {
  readonly id: string;
  readonly epoch: number;
  readonly directory: string;
}

export interface ReadyTimes {
  /** After the worker's start: who only wants to ask it something is not kept waiting. */
  readonly firstMs: number;
  /** After one was needed, while it leads: the job's own start comes first. */
  readonly nextMs: number;
  /** After one has ended: who follows its job comes first. */
  readonly soonMs: number;
  /** After one that was ready has died. */
  readonly againMs: number;
}

export const defaultReadyTimes: ReadyTimes = { firstMs: 1000, nextMs: 5000, soonMs: 250, againMs: 60_000 };

export class LeadingProcesses {
  private readonly file: string;
  private readonly url: string;
  private readonly times: ReadyTimes;
  private spare: ChildProcess | null = null;
  private isSpareReady = false;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  /** `file`: the module that leads (lead.ts). */
  constructor(file: string, url: string, times = defaultReadyTimes) {
    this.file = file;
    this.url = url;
    this.times = times;
  }

  start(): void {
    this.makeReadyIn(this.times.firstMs);
  }

  /** Whether the next job is led at once. */
  get isReady(): boolean {
    return this.isSpareReady;
  }

  /** A process that leads this job. It ends with 0 when the job is over; killed, it leads no more. */
  lead(order: LeadOrder): ChildProcess {
    const child = this.spare ?? this.begin();
    this.spare = null;
    this.isSpareReady = false;
    child.removeAllListeners("message").removeAllListeners("exit");
    child.send(order, () => {}); // one that is dead by now says so by its exit
    child.once("exit", () => this.makeReadyIn(this.times.soonMs));
    this.makeReadyIn(this.times.nextMs);
    return child;
  }

  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.spare?.kill("SIGKILL");
  }

  private begin(): ChildProcess {
    const child = fork(this.file, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.send({ url: this.url } satisfies LeadSetup, () => {});
    return child;
  }

  private makeReadyIn(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.makeReady(), ms).unref();
  }

  private makeReady(): void {
    if (this.isClosed || this.spare !== null) return;
    const child = this.begin();
    this.spare = child;
    child.once("message", () => (this.isSpareReady = true));
    child.once("exit", () => {
      this.spare = null;
      this.isSpareReady = false;
      this.makeReadyIn(this.times.againMs);
    });
  }
}
