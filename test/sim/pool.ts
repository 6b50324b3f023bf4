// The processes that run batches: children that run this same bundle (or one with a bug planted in it), an order at a time.

import { fork, type ChildProcess } from "node:child_process";
import type { Answer, Order } from "./batch.ts";

/** A child process is a bundle started with this argument. */
export const childArgument = "--as-child";

/** An order that is not answered by then hangs. */
const orderMs = 1_200_000;

export interface Orders {
  /** The next order, or null when there are no more. */
  next(): Order | null;
  take(answer: Answer): void;
}

/** Works off the orders in `jobs` children of `bundle`. Rejects if a child dies. */
export async function workOff(
  bundle: string,
  jobs: number,
  orders: Orders,
  stopsEarly: boolean,
): Promise<void> {
  await Promise.all(Array.from({ length: jobs }, () => serve(bundle, orders, stopsEarly)));
}

function serve(bundle: string, orders: Orders, stopsEarly: boolean): Promise<void> {
  const first = orders.next();
  if (first === null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const args = [childArgument, ...(stopsEarly ? ["--stop-early"] : [])];
    const child = fork(bundle, args, { execArgv: ["--enable-source-maps", "--stack-trace-limit=4"] });
    let order: Order | null = null;
    let timer: NodeJS.Timeout | undefined;
    const give = (next: Order | null): void => {
      clearTimeout(timer);
      order = next;
      if (next === null) return child.disconnect();
      child.send(next);
      timer = setTimeout(() => child.kill("SIGKILL"), orderMs);
    };
    child.on("message", (answer: Answer) => {
      orders.take(answer);
      give(orders.next());
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (order === null) return resolve();
      const why =
        signal === "SIGKILL"
          ? `did not answer within ${orderMs / 1000} s, and was killed`
          : `ended with ${signal ?? code}`;
      reject(new Error(`the process that ran seeds ${order.from} to ${order.from + order.seeds - 1} ${why}`));
    });
    give(first);
  });
}

/** The child's side: answers orders until it is let go. */
export function serveParent(
  run: (order: Order) => Answer,
  parent: Pick<ChildProcess, "on" | "send"> = process as never,
): void {
  parent.on("message", (order: Order) => void parent.send!(run(order)));
}
