// The stage of the dialogues about leased call slots (leases-*.txt): real borrowers (clients) and lenders (workers), on
// virtual time; messages take none.
//
//   begin                         a new scene: all before is forgotten
//   worker W slots=N [calls=N]    a worker joins; so many clients' calls run in it at a time (default: its slots)
//   client C …                    clients connect: they use nothing yet
//   busy C …                      they have more calls than slots
//   idle C …                      they have none
//   drain W                       it leaves, with nothing lost
//   kill W                        it is gone
//   advance 5s                    lets time pass
//   shares                        question: whose the call slots of each worker are
//
// A lease is named after its client: "a/2" is the second that a asked for.

import { parseDuration } from "../../src/base/units.ts";
import type { BorrowerEffect, BorrowerEvent } from "../../src/core/borrower/events.ts";
import type { LenderEffect, LenderEvent } from "../../src/core/lender/events.ts";
import { LeaseWorld } from "../kit/lease-world.ts";
import type { Command } from "./dialogue.ts";

export class LeasesScene {
  private readonly world = new LeaseWorld(1, { delayMs: 0 });
  private trace: string[] = [];
  private tracedAt = 0;

  constructor() {
    this.world.onTold = (name, event, effects) => this.told(name, event, effects);
  }

  /** Plays one command and returns the trace that it caused. */
  run({ name, words, options }: Command): readonly string[] {
    const { world } = this;
    const [first = ""] = words;
    this.trace = [];
    switch (name) {
      case "worker": {
        const slots = Number(options.get("slots"));
        world.addWorker(first, slots, Number(options.get("calls") ?? slots));
        break;
      }
      case "client":
        for (const client of words) world.addClient(client);
        break;
      case "busy":
      case "idle":
        for (const client of words) world.work(world.clients.get(client)!, name === "busy");
        break;
      case "drain":
        world.drain(first);
        break;
      case "kill":
        world.kill(first);
        break;
      case "advance":
        world.advance(parseDuration(first)!);
        break;
      case "shares":
        return [...world.workers.values()].map((worker) => {
          const held = [...worker.leases].filter(([, { isGranted }]) => isGranted).map(([lease]) => lease);
          return `${worker.name}: ${held.join(" ") || "nobody's"}`;
        });
      default:
        throw new Error(`no command ${name}`);
    }
    if (name !== "advance") world.advance(0);
    return this.trace;
  }

  private told(
    name: string,
    event: BorrowerEvent | LenderEvent,
    effects: readonly (BorrowerEffect | LenderEffect)[],
  ): void {
    // Clocks tick, holdings are told, workers look at what they lease: what nothing follows from is left out.
    const shown = effects.filter(({ kind }) => kind !== "TellHoldings" && kind !== "LookAtLeases");
    const isNews =
      event.kind !== "TimePassed" && event.kind !== "ElsewhereTold" && event.kind !== "LeasesSeen";
    if (!isNews && shown.length === 0) return;
    if (this.world.now !== this.tracedAt) {
      this.tracedAt = this.world.now;
      this.trace.push(`at ${this.tracedAt} ms`);
    }
    this.trace.push(
      `> ${name} ${inWords(name, event)}`,
      ...shown.map((effect) => `    ${inWords(name, effect)}`),
    );
  }
}

function inWords(name: string, what: BorrowerEvent | LenderEvent | BorrowerEffect | LenderEffect): string {
  const { kind } = what;
  const lease = "lease" in what ? [what.lease] : "slot" in what ? [`${name}/${what.slot}`] : [];
  const more: string[] = [];
  if (kind === "AskForSlot") more.push(`of ${what.worker}`);
  if (kind === "WorkersSeen") more.push(...what.workers.map(({ worker }) => worker));
  if (kind === "WorkerTold")
    more.push(what.worker.worker, what.worker.isDraining ? "leaves" : `slots=${what.worker.slots}`);
  if (kind === "CallsWait") more.push(what.isWaiting ? "yes" : "no");
  if (kind === "SlotEnded") more.push(what.how);
  if (kind === "LeaseAsked") more.push(`elsewhere=${what.elsewhere}`);
  if (kind === "LeasesSeen") more.push(`idle: ${what.idle.join(" ") || "none"}`);
  if ("why" in what) more.push(`"${what.why}"`);
  return [kind, ...lease, ...more].join(" ");
}
