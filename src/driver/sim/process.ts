// A simulated process: an event loop on its machine's clock, which can be stopped (as by SIGSTOP) and killed.
//
// While it is stopped nothing happens in it: what arrives and what is due waits, in order, until it goes on. Then the
// late answers come. What is killed never says another word.
//
// Owner of: whether the process lives, what waits for it to go on.

import type { Millis } from "../../core/types.ts";
import type { LogEntry } from "../../core/log.ts";
import { Loop } from "../loop.ts";
import type { MachineClock } from "./clock.ts";
import { newPosition, type RunLog } from "./run-log.ts";
import type { Withdraw, World } from "./world.ts";

type Perform = (effect: never, entry: number) => void;

export class SimProcess {
  readonly loop: Loop;
  readonly clock: MachineClock;
  private readonly world: World;
  private readonly performers = new Map<string, Perform>();
  private state: "running" | "stopped" | "dead" = "running";
  private readonly held: (() => void)[] = [];
  private timer: { readonly at: Millis; readonly withdraw: Withdraw } | null = null;

  constructor(world: World, clock: MachineClock, log: RunLog) {
    this.world = world;
    this.clock = clock;
    const position = newPosition();
    const perform = (machine: string, effect: never): void =>
      this.performers.get(machine)?.(effect, position.entry);
    this.loop = new Loop(
      { now: () => clock.now(), setTimer: (at, fire) => this.setTimer(at, fire) },
      perform,
      (entry: LogEntry) => log.append(position, entry, world.now()),
    );
  }

  get isAlive(): boolean {
    return this.state !== "dead";
  }

  get isStopped(): boolean {
    return this.state === "stopped";
  }

  /** Adds a machine and what performs its effects. */
  add(name: "coordinator" | `w${number}`, machine: Parameters<Loop["add"]>[1], perform: Perform): void {
    this.performers.set(name, perform);
    this.loop.add(name, machine);
  }

  remove(name: "coordinator" | `w${number}`): void {
    this.performers.delete(name);
    this.loop.remove(name);
  }

  /** Something comes in from outside, or is due. */
  enter(happen: () => void): void {
    if (this.state === "running") happen();
    else if (this.state === "stopped") this.held.push(happen);
  }

  /** Plans something in this process, by its own clock. */
  after(ms: Millis, happen: () => void): Withdraw {
    let isWithdrawn = false;
    const due = (): void => {
      if (!isWithdrawn) happen();
    };
    const withdraw = this.world.plan(this.clock.worldMsUntil(this.clock.now() + ms), () => this.enter(due));
    return () => {
      isWithdrawn = true;
      withdraw();
    };
  }

  stop(): void {
    if (this.state === "running") this.state = "stopped";
  }

  goOn(): void {
    if (this.state !== "stopped") return;
    this.state = "running";
    while (this.state === "running" && this.held.length > 0) this.held.shift()!();
  }

  kill(): void {
    if (this.state === "dead") return;
    this.state = "dead";
    this.held.length = 0;
    this.loop.stop();
    this.performers.clear();
  }

  private setTimer(at: Millis | null, fire: () => void): void {
    if (at === (this.timer?.at ?? null) && this.timer !== null) return;
    this.timer?.withdraw();
    this.timer = null;
    if (at === null || this.state === "dead") return;
    const withdraw = this.after(Math.max(0, at - this.clock.now()), () => {
      this.timer = null;
      fire();
    });
    this.timer = { at, withdraw };
  }
}
