// The main thread of a slot's process. Starts the thread that is the slot, passes messages, and watches: user code
// cannot block this thread, so it hears at once when the agent is gone, and ends the process under whatever runs.
//
// Not here: what the slot does (slot-worker.ts), the agent's side of the process (slot-process.ts).

import type { FromSlotProcess, ToSlotProcess } from "../../protocol/slot.ts";
import { SlotThread } from "./slot-thread.ts";

const endsOfWork: ReadonlySet<FromSlotProcess["kind"]> = new Set([
  "finished",
  "failed",
  "answered",
  "refused",
]);
const rssEveryMs = 200;
const agentEveryMs = 1000;

let thread: SlotThread | null = null;
let rssTimer: NodeJS.Timeout | null = null;

/** At once, whatever the thread does: an exit would wait for code that cannot be interrupted. */
const die = (): void => void process.kill(process.pid, "SIGKILL");

/** A message that the agent does not take is of no use any more: the channel's end is told by "disconnect". */
const send = (message: FromSlotProcess, sent: () => void = () => {}): void =>
  void process.send!(message, () => sent());

function begin({ agent, preload, heapBytes, calls }: ToSlotProcess & { kind: "begin" }): void {
  // The channel's end is how the agent's death is heard. Should somebody else hold the channel open, this is.
  setInterval(() => process.ppid !== agent && die(), agentEveryMs).unref();
  thread = new SlotThread({ preload, heapBytes, ...(calls === undefined ? {} : { calls }) });
  if (calls !== undefined) startRss(); // It has work from time to time, and nobody says when.
  thread.onMessage = (message) => {
    if (endsOfWork.has(message.kind)) stopRss();
    send(message);
  };
  void thread.ended.then(({ exitCode, isHeapFull, error }) =>
    send({ kind: "thread-ended", end: { exitCode: exitCode ?? 1, isHeapFull, error } }, () =>
      process.exit(exitCode ?? 1),
    ),
  );
}

function startRss(): void {
  const tell = (): void => send({ kind: "rss", rssBytes: process.memoryUsage.rss() });
  rssTimer ??= setInterval(tell, rssEveryMs).unref();
  tell();
}

function stopRss(): void {
  if (rssTimer !== null) clearInterval(rssTimer);
  rssTimer = null;
}

process.on("disconnect", die);
process.on("SIGINT", () => {
  // A terminal's Ctrl-C goes to all of its processes; what is to end, and how, is for the agent to say.
});
process.on("message", (message: ToSlotProcess) => {
  switch (message.kind) {
    case "begin":
      begin(message);
      return;
    case "probe":
      void thread!.probe().then((found) => send({ kind: "probed", probe: message.probe, found }));
      return;
    case "run":
    case "call":
      startRss();
      thread!.post(message);
      return;
    default:
      thread!.post(message);
      return;
  }
});
if (!process.connected) die();
