// A slot: takes messages from the agent, runs programs, answers. One attempt at a time. Runs in a thread of the
// agent's process, or in a thread of a process of its own (slot-keeper.ts), and cannot tell which.
//
// Not here: what a program does (executor/). Owner of: the current attempt of this thread.
//
// User code can do anything to this thread. What it does to others is bounded: prints are cut, `process.exit` is an
// error, an unhandled rejection fails the attempt, and a promise that nothing can settle any more is found out.

import { parentPort, workerData } from "node:worker_threads";
import { isBlocksLost } from "../../data/contract.ts";
import { isShoalError, ShoalError, toErrorData } from "../../errors.ts";
import type { AttemptId } from "../../base/ids.ts";
import type { Failure } from "../../core/types.ts";
import type { Program } from "../../executor/program.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { FromSlot, ToSlot } from "../../protocol/slot.ts";
import { guardErrors, guardExit, guardOutput } from "./guards.ts";
import { MemoryReports } from "./slot-memory.ts";
import type { SlotData } from "./slot-thread.ts";

interface Running {
  /** Null for a call. */
  readonly attempt: AttemptId | null;
  readonly controller: AbortController;
  /** Makes the attempt or call fail whatever its promise does: an unhandled rejection, a process.exit. */
  readonly fail: (error: unknown) => void;
}

const port = parentPort!;
const { preload, abortFlag } = workerData as SlotData;
const programs = new Map<string, Promise<Program>>();
let running: Running | null = null;

const send = (message: FromSlot): void => port.postMessage(message);
const memory = new MemoryReports(send);

guardOutput((text) => send({ kind: "printed", attempt: running?.attempt ?? null, text }));
guardExit((error) => running?.fail(error));
guardErrors((error, cause) => {
  if (running !== null) return running.fail(error);
  const { stack } = toErrorData(cause);
  send({ kind: "printed", attempt: null, text: `${error.message}\n${stack ?? ""}\n` });
});
process.on("beforeExit", () => {
  // The loop ran empty while an attempt or call waits: its promise can never settle. The port keeps us alive again.
  port.ref();
  running?.fail(
    new ShoalError(
      "NEVER_SETTLES",
      "the function returned a promise that never settles: no timer, file or socket is left that could settle it",
    ),
  );
});

/**
 * Runs user code: as the one thing that runs, failing as `Running` says, and while the port does not keep the thread
 * alive, so that `beforeExit` finds promises that never settle.
 */
async function runAlone<T>(
  attempt: AttemptId | null,
  controller: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  port.unref();
  memory.begin();
  try {
    return await new Promise<T>((resolve, reject) => {
      running = { attempt, controller, fail: reject };
      work().then(resolve, reject);
    });
  } finally {
    running = null;
    memory.end();
    port.ref();
  }
}

async function run(key: string, assignment: Assignment): Promise<void> {
  const { attempt } = assignment;
  const controller = new AbortController();
  const host = {
    get signal() {
      if (Atomics.load(abortFlag, 0) !== 0 && !controller.signal.aborted)
        controller.abort(cancelled("told to stop"));
      return controller.signal;
    },
    progress: (recordsIn: number, bytesIn: number) => {
      send({ kind: "progress", attempt, recordsIn, bytesIn });
      memory.tick();
    },
  };
  try {
    const figures = await runAlone(
      attempt,
      controller,
      async () => await (await programNamed(key)).run(assignment, host),
    );
    send({ kind: "finished", attempt, figures });
  } catch (error) {
    send({ kind: "failed", attempt, failure: failureOf(error, controller.signal) });
  }
}

const cancelled = (reason: string): ShoalError =>
  new ShoalError("CANCELLED", `the attempt was cancelled: ${reason}`);

/** What was thrown, as the coordinator's kinds of failure. */
function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted) return { kind: "cancelled" };
  if (isBlocksLost(error)) {
    return {
      kind: "blocks",
      lost: error.lost as AttemptId[],
      error: toErrorData(new ShoalError("BLOCK_LOST", error.message, { cause: error.cause })),
    };
  }
  // Errors that neither user code nor chance can change are not tried again.
  return {
    kind: "error",
    final: isShoalError(error) && error.code !== "USER_ERROR" && !error.retryable,
    error: toErrorData(error),
  };
}

function programNamed(key: string): Promise<Program> {
  const program = programs.get(key);
  return program ?? Promise.reject(new ShoalError("INTERNAL", `the program ${key} was never loaded`));
}

async function load(module: string, data: unknown): Promise<Program> {
  const { createProgram } = (await import(module)) as { createProgram: (data: unknown) => Program };
  return createProgram(data);
}

async function answer(key: string, call: number, method: string, argument: unknown): Promise<void> {
  try {
    const work = async (): Promise<unknown> => await (await programNamed(key)).call!(method, argument);
    send({ kind: "answered", call, value: await runAlone(null, new AbortController(), work) });
  } catch (error) {
    send({ kind: "refused", call, error: toErrorData(error) });
  }
}

port.on("message", (message: ToSlot) => {
  switch (message.kind) {
    case "load": {
      const program = load(message.module, message.data);
      program.catch(() => {}); // told by whatever uses the program
      programs.set(message.key, program);
      return;
    }
    case "run":
      void run(message.key, message.assignment);
      return;
    case "abort":
      if (running?.attempt === message.attempt) running.controller.abort(cancelled(message.reason));
      return;
    case "call":
      void answer(message.key, message.call, message.method, message.argument);
      return;
  }
});

if (preload !== null) await import(preload);
send({ kind: "ready" });
