// The central queue: calls that wait, by priority, in each first come, first served.
//
// Owner of: what waits. Bounded by limits.waitingMax (admission, in dispatcher.ts).

import { invariant } from "../../base/assert.ts";
import type { Call } from "./calls.ts";
import { Lane } from "./lane.ts";

export class CallQueue {
  /** Highest first. Lanes that ran empty are kept: programs use few priorities. */
  private readonly lanes: Lane[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** At the end of its lane, or before all others of it: one that was given back, or is tried again. */
  add(call: Call, where: "last" | "first"): void {
    invariant(
      call.queuePlace === null && call.place === "waiting",
      "D2",
      () => `c${call.call} is queued twice`,
    );
    const lane = this.lane(call.priority);
    if (where === "last") lane.append(call);
    else lane.prepend(call);
    this.count++;
  }

  remove(call: Call): void {
    invariant(call.queuePlace !== null, "D2", () => `c${call.call} does not wait`);
    this.lane(call.priority).remove(call);
    this.count--;
  }

  /** Who is next. */
  get first(): Call | null {
    if (this.count === 0) return null;
    for (const { first } of this.lanes) if (first !== null) return first;
    return null;
  }

  private lane(priority: number): Lane {
    const { lanes } = this;
    let at = 0;
    while (at < lanes.length && lanes[at]!.priority > priority) at++;
    const found = lanes[at];
    if (found?.priority === priority) return found;
    const lane = new Lane(priority);
    lanes.splice(at, 0, lane);
    return lane;
  }
}
