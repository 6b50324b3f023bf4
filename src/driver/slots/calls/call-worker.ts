// A slot of the call plane: takes calls from shared memory and from messages, runs them, answers. One at a time, but
// while a call waits for others, or for its stream to be read, the next one runs.
//
// Runs in a thread of the agent's process, or in a thread of a process of its own. Not here: the functions (executor/).

import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { ShoalError, toErrorData } from "../../../errors.ts";
import type { FromCallSlot, ToCallSlot } from "../../../protocol/calls.ts";
import type { FromSlot } from "../../../protocol/slot.ts";
import { guardErrors, guardExit, guardOutput } from "../guards.ts";
import { MemoryReports } from "../slot-memory.ts";
import type { SlotData } from "../slot-thread.ts";
import { CallServer } from "./call-server.ts";
import { SharedCalls } from "./shared-calls.ts";

const port = parentPort!;
const { calls, abortFlag } = workerData as SlotData;
const { slot, shared } = calls!;
const send = (message: FromCallSlot | FromSlot, transfer?: readonly ArrayBuffer[]): void =>
  port.postMessage(message, transfer as ArrayBuffer[] | undefined);

const server = new CallServer({
  slot,
  shared: shared === null ? null : new SharedCalls(shared.calls, shared.doorbell),
  send,
  payloads: payloadsOf(shared?.payloads ?? null),
  keepAlive: (isKept) => (isKept ? port.ref() : port.unref()),
  isAborted: (ticket) => Atomics.load(abortFlag, 0) === ((ticket + 1) | 0),
  isOwnThread: true,
});
const memory = new MemoryReports(
  (message) => send(message),
  () => server.isIdle,
);

guardOutput((text) => send({ kind: "printed", attempt: null, text }));
guardExit((error) => server.fail(error));
guardErrors((error, cause) => {
  if (server.fail(error)) return;
  const { stack } = toErrorData(cause);
  send({ kind: "printed", attempt: null, text: `${error.message}\n${stack ?? ""}\n` });
});
process.on("beforeExit", () => {
  // The loop ran empty while a call waits: its promise can never settle. The port keeps us alive again; until it is known
  // what comes next, one more turn does.
  setImmediate(() => {});
  port.ref();
  server.fail(
    new ShoalError(
      "NEVER_SETTLES",
      "the function returned a promise that never settles: no timer, file or socket is left that could settle it",
    ),
  );
});

function payloadsOf(from: MessagePort | null) {
  return {
    /** The next one is there when it is asked for: it was posted before what announces it. */
    next: (): unknown => (receiveMessageOnPort(from!) as { message: unknown }).message,
    post: (value: unknown, transfer: readonly ArrayBuffer[]): void =>
      from!.postMessage(value, transfer as ArrayBuffer[]),
  };
}

port.on("message", (message: ToCallSlot) => server.receive(message));
memory.begin();
send({ kind: "ready" });
void server.serve();
